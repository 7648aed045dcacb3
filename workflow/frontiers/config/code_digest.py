"""A digest of the code behind a rule: it changes when the rule's results may, and the rule then reruns.

The code is a script and every module of the package and other script that it imports, directly or not, anywhere in
its text. What counts is the syntax tree without docstrings: a comment or a reworded docstring reruns nothing.
"""

import ast
import hashlib
from collections.abc import Collection, Iterable, Iterator
from functools import cache
from pathlib import Path

from frontiers.core.paths import PACKAGE, SCRIPTS

PLUMBING = ("core.cli", "core.files", "core.lazy", "core.suggest")
"""Modules that talk to the user and put files in place; no result depends on them."""


def digest(script: str, without: Iterable[str] = (), also: Iterable[str] = ()) -> str:
    """Return the digest of the script of that name (`fit_trend`) in 16 hexadecimal digits.

    `without` names modules and packages of `frontiers` that are left out with all that only they import;
    `also` names modules that the script chooses when it runs. Raises `FileNotFoundError` for what is not there.
    """
    known = hashlib.sha256()
    for path in closure([SCRIPTS / f"{script}.py", *map(_file_of, also)], tuple(without)):
        known.update(f"{path.stem}\0{_read(path).digest}\n".encode())
    return known.hexdigest()[:16]


def closure(start: Iterable[Path], without: Collection[str] = ()) -> list[Path]:
    """Return the files of `start` and all that they import, sorted; see `digest`."""
    found, ahead = set(), list(start)
    while ahead:
        path = ahead.pop()
        if path not in found:
            found.add(path)
            ahead += [_file_of(name) for name in _read(path).imports if not _left_out(name, without)]
    return sorted(found)


def _left_out(module: str, without: Collection[str]) -> bool:
    return any(f"{module}.".startswith(f"{name}.") for name in (*PLUMBING, *without))


def _file_of(module: str) -> Path:
    """Return the file of a module of the package (dotted, without `frontiers`) or of a script (`/name`)."""
    if module.startswith("/"):
        return SCRIPTS / f"{module[1:]}.py"
    path = PACKAGE.joinpath(*module.split(".")) if module else PACKAGE
    return path / "__init__.py" if path.is_dir() else path.with_suffix(".py")


def _is_module(module: str) -> bool:
    return _file_of(module).exists()


class _Source:
    """What a Python file holds: the digest of its code, what it imports, and the names its face gives out."""

    def __init__(self, path: Path):
        tree = ast.parse(path.read_bytes())
        self.imports = frozenset(_imported(tree, path))
        self.face = dict(_face(tree))
        for node in ast.walk(tree):
            if isinstance(body := getattr(node, "body", None), list):
                node.body = [n for n in body if not _is_text(n)]
        self.digest = hashlib.sha256(ast.dump(tree).encode()).hexdigest()


@cache
def _read(path: Path) -> _Source:
    return _Source(path)


def _is_text(node: ast.AST) -> bool:
    """Return whether a statement is a docstring, of whatever it describes."""
    return (
        isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
    )


def _imported(tree: ast.Module, path: Path) -> Iterator[str]:
    """Yield the modules and scripts that a file imports, and the packages around them."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for name in node.names:
                yield from _module(name.name)
        elif isinstance(node, ast.ImportFrom):
            parent = _absolute(node, path)
            for name in node.names:
                yield from _name(parent, name.name)


def _absolute(node: ast.ImportFrom, path: Path) -> str:
    """Return the dotted name that an import is from, also where it is relative."""
    if not node.level:
        return node.module or ""
    folder = path.parents[node.level - 1].relative_to(PACKAGE.parent)
    return ".".join([*folder.parts, *([node.module] if node.module else [])])


def _module(dotted: str) -> Iterator[str]:
    """Yield what `import dotted` loads of this project."""
    top, _, inner = dotted.partition(".")
    if top == PACKAGE.name:
        steps = inner.split(".") if inner else []
        yield from (".".join(steps[:n]) for n in range(len(steps) + 1))
    elif not inner and _is_module(f"/{top}"):
        yield f"/{top}"


def _name(parent: str, name: str) -> Iterator[str]:
    """Yield what `from parent import name` loads of this project."""
    if parent.partition(".")[0] != PACKAGE.name:
        yield from _module(parent)
        return
    yield from _module(parent)
    inner = parent.partition(".")[2]
    module = f"{inner}.{name}".lstrip(".")
    if _is_module(module):
        yield module
        # A package taken as a whole may be asked for any name of its face.
        yield from (f"{module}.{home}" for home in set(_face_of(module).values()))
    elif home := _face_of(inner).get(name):
        yield f"{inner}.{home}".lstrip(".")


def _face_of(module: str) -> dict[str, str]:
    """Return the names that a package loads when they are used, with the module of each; none of a module."""
    path = _file_of(module)
    return _read(path).face if path.name == "__init__.py" else {}


def _face(tree: ast.Module) -> Iterator[tuple[str, str]]:
    """Yield the keywords of `lazy(__name__, name="module")`."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "lazy":
            yield from ((word.arg, word.value.value) for word in node.keywords)
