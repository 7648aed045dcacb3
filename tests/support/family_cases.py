"""The cases of `tests/compute/families/*.yaml`: small models, published sizes and refused fields of each family.

- `cases`: class and `config` of a small model, and what `check` compares with the class of transformers:
  `decoding` (the default: parameters, a square pass, tokens decoded one by one), `square` (no decoding),
  `hybrid` (all but state-space scans) or `parameters`.
- `checkpoints`: parameters of a checkpoint of data/architectures or, with `--` in the name, of ../shared: all;
  active; active without the input embedding. The last two may be left out.
- `refused`: a case or a class, fields that make it uncountable, and what the error matches.
"""

import yaml

from frontiers.compute.architecture_reader import read_architecture
from support.paths import TESTS

FOLDER = TESTS / "compute" / "families"
FAMILIES = {path.stem: yaml.safe_load(path.read_text()) for path in sorted(FOLDER.glob("*.yaml"))}
SOURCE = "here/config.json"


def case(family, name):
    """Return (class, config) of a small model; a name that is no case is a class without fields."""
    found = FAMILIES[family]["cases"].get(name, {"class": name, "config": {}})
    return found["class"], found["config"]


def read_case(family, name, **fields):
    """Return the architecture of a small model, with `fields` changed."""
    architecture, config = case(family, name)
    return read_architecture({"architectures": [architecture]} | config | fields, SOURCE)


def rows(kind):
    """Return (family, name, ...) of every entry of `kind` in all families."""
    return [
        (family, *(row if kind == "refused" else (row, table[kind][row])))
        for family, table in FAMILIES.items()
        for row in table.get(kind, ())
    ]
