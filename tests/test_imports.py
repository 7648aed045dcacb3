"""Which package imports which: from the ground up, without a circle, and through faces that load what is used."""

import ast
import graphlib
import json
import re
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

import pytest

from frontiers.config import code_digest
from support.paths import ROOT

WORKFLOW = ROOT / "workflow"
ALLOWED = {
    "core": set(),
    "statistics": {"core"},
    "config": {"core"},
    "data": {"core"},
    "compute": {"core", "data"},
    "planning": {"core", "data", "compute"},
    "generation": {"core", "config", "data", "compute"},
    "grading": {"core", "statistics", "data", "compute"},
    "log_import": {"core", "statistics", "data", "generation", "grading"},
    "pocket": {"core", "data", "compute", "generation", "grading"},
    "analysis": {"core", "statistics", "data", "compute"},
    "report": {"core", "config", "compute", "analysis"},
}
"""What each package may import, itself apart; scripts may import anything."""
FACES = {
    "compute": ["Architecture", "Breakdown", "UnknownArchitecture", "forward_flops", "read_architecture"],
    "grading": ["extract", "verify"],
    "analysis.frontier": ["frontier"],
    "analysis.saturation": ["fit"],
    "analysis.trend": ["fit"],
}
HEAVY = {
    "matplotlib",
    "math_verify",
    "numpy",
    "pandas",
    "pyarrow",
    "scipy",
    "sympy",
    "torch",
    "transformers",
    "vllm",
}
PACKAGES = sorted(
    ".".join(path.parent.relative_to(WORKFLOW).parts)
    for path in (WORKFLOW / "frontiers").rglob("__init__.py")
)


class Import(NamedTuple):
    """A line of a file and the dotted name of what it imports, a module where there is one."""

    path: Path
    line: int
    module: str

    def __str__(self) -> str:
        text = self.path.read_text().splitlines()[self.line - 1].strip()
        return f"{self.path}:{self.line}: {text}"


@cache
def imports(path: Path, root: Path) -> list[Import]:
    """Return what a file below `root` imports, in functions too, by absolute and relative names."""
    return list(_imports(path, root, ast.parse(path.read_text())))


def _imports(path: Path, root: Path, tree: ast.Module) -> Iterator[Import]:
    parents = path.parent.relative_to(root).parts
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield Import(path, node.lineno, alias.name)
        elif isinstance(node, ast.ImportFrom):
            above = parents[: len(parents) - node.level + 1] if node.level else ()
            source = ".".join([*above, *filter(None, [node.module])])
            for alias in node.names:
                name = f"{source}.{alias.name}"
                place = root.joinpath(*name.split("."))
                within = place.is_dir() or place.with_suffix(".py").exists()
                yield Import(path, node.lineno, name if within else source)
        elif isinstance(node, ast.Call) and ast.unparse(node.func).endswith("import_module"):
            yield from (
                Import(path, node.lineno, arg.value) for arg in node.args[:1] if isinstance(arg, ast.Constant)
            )


def forbidden(root: Path) -> list[str]:
    """Return every line of the package at `root` that imports what it may not."""
    scripts = {path.stem for path in (root / "scripts").glob("*.py")}
    found = []
    for path in sorted((root / "frontiers").rglob("*.py")):
        own = path.relative_to(root).parts[1]
        for one in imports(path, root):
            top, _, rest = one.module.partition(".")
            package = rest.partition(".")[0]
            if top in scripts | {"snakemake"} or (
                top == "frontiers" and own in ALLOWED and package not in {own} | ALLOWED[own]
            ):
                found.append(str(one))
    return found


def circle(root: Path, within: str) -> list[str] | None:
    """Return a circle of imports among the modules and packages directly in the package `within`, if there is one."""
    depth = len(within.split("."))
    graph = defaultdict(set)
    for path in root.joinpath(*within.split(".")).rglob("*.py"):
        own = path.relative_to(root).with_suffix("").parts[depth]
        for one in imports(path, root):
            parts = one.module.split(".")
            if ".".join(parts[:depth]) == within and len(parts) > depth and parts[depth] != own:
                graph[own].add(parts[depth])
    try:
        graphlib.TopologicalSorter(graph).prepare()
    except graphlib.CycleError as error:
        return error.args[1]
    return None


def test_every_package_is_in_the_table():
    assert {name.split(".")[1] for name in PACKAGES if "." in name} == set(ALLOWED)


def test_no_package_imports_what_it_may_not():
    assert not (found := forbidden(WORKFLOW)), "\n".join(found)


@pytest.mark.parametrize("package", PACKAGES)
def test_imports_close_no_circle(package):
    assert circle(WORKFLOW, package) is None


@pytest.mark.parametrize(
    "line",
    [
        "from frontiers.grading import verify",
        "import frontiers.grading.grader as own",
        "from frontiers import grading",
        "def late():\n    from ..grading import grader",
        "def late():\n    return importlib.import_module('frontiers.grading')",
        "import generate",
        "from snakemake.utils import min_version",
    ],
)
def test_a_forbidden_import_is_found_in_every_form_and_its_line_is_printed(line, tmp_path):
    for name, text in {
        "frontiers/core/cli.py": "import sys\nfrom frontiers.core import files\n",
        "frontiers/core/files.py": "",
        "frontiers/grading/grader.py": "from frontiers.core import cli\n",
        "scripts/generate.py": "from frontiers.grading import grader\n",
    }.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    assert forbidden(tmp_path) == []
    path = tmp_path / "frontiers/core/cli.py"
    path.write_text(path.read_text() + line + "\n")
    imports.cache_clear()
    number, last = len(path.read_text().splitlines()), line.splitlines()[-1].strip()
    assert forbidden(tmp_path) == [f"{path}:{number}: {last}"]
    if "grading" in line:
        assert set(circle(tmp_path, "frontiers")) == {"core", "grading"}


@pytest.mark.parametrize("package", PACKAGES)
def test_a_docstring_says_what_may_be_imported(package):
    path = WORKFLOW.joinpath(*package.split("."), "__init__.py")
    text = " ".join(ast.get_docstring(ast.parse(path.read_text())).split())
    name = package.removeprefix("frontiers.")
    offered = re.search(r"\bImport (from here [^.;]*|[^.;,]* from here)", text)
    face = code_digest.face_of(name)
    assert set(re.findall(r"`(\w+)`", offered[1] if offered else "")) == set(face)
    assert set(FACES.get(name, ())) <= set(face), "names that others rely on"
    if name in ALLOWED:
        says = re.search(r"\bimports (no other package|(?:`\w+`(?:, | and )?)+)", text)
        assert says, f"{path}: which packages does it import?"
        assert set(re.findall(r"`(\w+)`", says[1])) == ALLOWED[name]


def test_the_faces_work_and_load_nothing_heavy_before_they_are_used():
    program = """
import importlib, json, sys
faces, heavy = json.loads(sys.argv[1])
packages = {name: importlib.import_module(f"frontiers.{name}") for name in faces}
print(json.dumps([name for name in heavy if name in sys.modules]))
print(all(callable(getattr(packages[name], face)) for name in faces for face in faces[name]))
"""
    called = subprocess.run(
        [sys.executable, "-c", program, json.dumps([FACES, sorted(HEAVY)])],
        env={"PYTHONPATH": str(WORKFLOW)},
        capture_output=True,
        text=True,
    )
    assert called.returncode == 0, called.stderr
    assert called.stdout.splitlines() == ["[]", "True"]
