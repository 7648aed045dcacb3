"""A digest of the code behind a rule: it changes when the rule's results may, and the rule then reruns.

The code is a script and every module of the package and other script that it imports, directly or not, anywhere in
its text. What counts is the syntax tree without docstrings: a comment or a reworded docstring reruns nothing.
"""

import ast
import hashlib
import json
import sys
from collections.abc import Collection, Iterable, Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path

from frontiers.core.cli import UserError
from frontiers.core.files import sha256_of, write_whole
from frontiers.core.paths import PACKAGE, SCRIPTS

KEPT = Path(".snakemake/code")
"""Where parsed files are kept, by the checksum of their text; nothing is kept where Snakemake has not run."""
_VERSION = f"{sys.version_info[:2]}{sha256_of(Path(__file__))}".encode()

PLUMBING = ("core.cli", "core.files", "core.lazy", "core.lineage", "core.secrets", "core.suggest")
"""Modules that talk to the user and put files in place; no result depends on them."""


@cache
def digest(script: str, without: tuple[str, ...] = (), also: tuple[str, ...] = ()) -> str:
    """Return the digest of the script of that name (`fit_trend`) in 16 hexadecimal digits.

    `without` names modules and packages of `frontiers` that are left out with all that only they import;
    `also` names modules that the script chooses when it runs. Raises `FileNotFoundError` for what is not there.
    """
    known = hashlib.sha256()
    for path in closure([SCRIPTS / f"{script}.py", *map(_file_of, also)], without):
        known.update(f"{path.stem}\0{_read(path).digest}\n".encode())
    return known.hexdigest()[:16]


def closure(start: Iterable[Path], without: Collection[str] = ()) -> list[Path]:
    """Return the files of `start` and all that they import, sorted; see `digest`."""
    found, ahead = set(), list(start)
    while ahead:
        path = ahead.pop()
        if path not in found:
            found.add(path)
            ahead += [_file_of(name) for name in _imported(path) if not _left_out(name, without)]
    return sorted(found)


def _left_out(module: str, without: Collection[str]) -> bool:
    return any(f"{module}.".startswith(f"{name}.") for name in (*PLUMBING, *without))


def _file_of(module: str) -> Path:
    """Return the file of a module of the package (dotted, without `frontiers`) or of a script (`/name`)."""
    if module.startswith("/"):
        return SCRIPTS / f"{module[1:]}.py"
    path = PACKAGE.joinpath(*module.split(".")) if module else PACKAGE
    return path / "__init__.py" if path.is_dir() else path.with_suffix(".py")


@cache
def _is_module(module: str) -> bool:
    return _file_of(module).exists()


@dataclass(frozen=True)
class _Source:
    """What a Python file holds: the digest of its code, its imports as (level, module, names), the names of its face."""

    digest: str
    imports: list[tuple[int, str, list[str]]]
    face: dict[str, str]


@cache
def _read(path: Path) -> _Source:
    """Parse a file, or take what was kept of the same text: parsing them all is half a second of every dry run."""
    text = path.read_bytes()
    kept = KEPT / hashlib.sha256(_VERSION + text).hexdigest()
    with suppress(OSError, ValueError):
        return _Source(**json.loads(kept.read_bytes()))
    source = _parse(text)
    if KEPT.parent.is_dir():
        with suppress(UserError):
            write_whole(kept, json.dumps(asdict(source)).encode())
    return source


def _parse(text: bytes) -> _Source:
    tree = ast.parse(text)
    nodes = list(ast.walk(tree))
    imports, face = list(_statements(nodes)), dict(_face(nodes))
    for node in nodes:
        if isinstance(body := getattr(node, "body", None), list):
            node.body = [each for each in body if not _is_text(each)]
    return _Source(hashlib.sha256(ast.dump(tree).encode()).hexdigest(), imports, face)


def _is_text(node: ast.AST) -> bool:
    """Return whether a statement is a docstring, of whatever it describes."""
    return (
        isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
    )


def _statements(nodes: list[ast.AST]) -> Iterator[tuple[int, str, list[str]]]:
    """Yield every import of a file, wherever it is: level, module, names (none of `import module`)."""
    for node in nodes:
        if isinstance(node, ast.Import):
            yield from ((0, name.name, []) for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.level, node.module or "", [name.name for name in node.names]


@cache
def _imported(path: Path) -> frozenset[str]:
    """Return the modules and scripts that a file imports, and the packages around them."""
    found = set()
    for level, module, names in _read(path).imports:
        if level:
            folder = path.parents[level - 1].relative_to(PACKAGE.parent)
            module = ".".join([*folder.parts, *([module] if module else [])])
        found |= set(_module(module))
        if module.partition(".")[0] == PACKAGE.name:
            found |= {each for name in names for each in _name(module.partition(".")[2], name)}
    return frozenset(found)


def _module(dotted: str) -> Iterator[str]:
    """Yield what `import dotted` loads of this project."""
    top, _, inner = dotted.partition(".")
    if top == PACKAGE.name:
        steps = inner.split(".") if inner else []
        yield from (".".join(steps[:n]) for n in range(len(steps) + 1))
    elif not inner and _is_module(f"/{top}"):
        yield f"/{top}"


def _name(package: str, name: str) -> Iterator[str]:
    """Yield what `from frontiers.<package> import name` loads besides the package."""
    module = f"{package}.{name}".lstrip(".")
    if _is_module(module):
        yield module
        # A package taken as a whole may be asked for any name of its face.
        yield from (f"{module}.{home}" for home in set(face_of(module).values()))
    elif home := face_of(package).get(name):
        yield f"{package}.{home}".lstrip(".")


def face_of(module: str) -> dict[str, str]:
    """Return the names that a package loads when they are used, with the module of each; none of a module."""
    path = _file_of(module)
    return _read(path).face if path.name == "__init__.py" else {}


def _face(nodes: list[ast.AST]) -> Iterator[tuple[str, str]]:
    """Yield the keywords of `lazy(__name__, name="module")`."""
    for node in nodes:
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "lazy":
            yield from ((word.arg, word.value.value) for word in node.keywords)
