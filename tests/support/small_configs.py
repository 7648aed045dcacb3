"""Small configurations of every kind of layer."""

from support.family_cases import FAMILIES, case, read_case

DENSE, MAMBA, EXPERTS = (FAMILIES["plain"][name] for name in ("dense", "mamba", "experts"))
SMALL = {name: case("plain", name) for name in FAMILIES["plain"]["cases"]}


def small(name):
    return read_case("plain", name)
