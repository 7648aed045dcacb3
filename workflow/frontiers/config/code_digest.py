"""Which modules of the package a module rests on, so that an edit of one reruns the rules that use it."""

import hashlib
import re
from collections.abc import Iterable
from functools import cache
from pathlib import Path

PACKAGE = Path(__file__).parent
PLUMBING = frozenset({"cli", "files"})
"""Modules that speak to the user and put files in their place; no number depends on them."""

IMPORT = re.compile(r"^ *from frontiers(?:\.([\w.]+))? import (\([^)]*\)|.*)", re.MULTILINE)


def path_of(module: str) -> Path:
    """Return the file of `module`, a dotted name without the package's own."""
    path = PACKAGE.joinpath(*module.split("."))
    return path / "__init__.py" if path.is_dir() else path.with_suffix(".py")


@cache
def imported(path: Path) -> frozenset[str]:
    """Return the modules of the package that the file at `path` itself imports, `PLUMBING` left out."""
    found = set()
    for parent, names in IMPORT.findall(path.read_text()):
        listed = [name.split(" as ")[0].strip() for name in names.strip("()\n").split(",")]
        inner = {f"{parent}.{name}".lstrip(".") for name in listed if name}
        found |= {name for name in inner if path_of(name).exists()} or {parent}
    return frozenset(found - PLUMBING)


def closure(modules: Iterable[str]) -> list[str]:
    """Return `modules` and all that they import, directly or not, sorted.

    Raises `FileNotFoundError` for a module that is not there.
    """
    found, ahead = set(), list(modules)
    while ahead:
        if (module := ahead.pop()) not in found:
            found.add(module)
            ahead += imported(path_of(module))
    return sorted(found)


def digest(modules: Iterable[str]) -> str:
    """Return what changes with the text of any of `modules`, in 16 hexadecimal digits.

    Raises `FileNotFoundError` for a module that is not there.
    """
    texts = (f"{module}\n{path_of(module).read_text()}" for module in modules)
    return hashlib.sha256("\0".join(texts).encode()).hexdigest()[:16]
