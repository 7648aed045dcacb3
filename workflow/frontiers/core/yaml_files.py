"""Reading YAML files, in which a key that is written twice is an error: YAML readers take the last and say nothing."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from frontiers.core.cli import UserError

LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def read(path: Path) -> Any:
    """Return the content of a YAML file.

    Raises `UserError`, with line and column, when it cannot be read, is not YAML or has a key twice.
    """
    try:
        loader = LOADER(path.read_text(encoding="utf-8"))
        try:
            root = loader.get_single_node()
            if root is None:
                return None
            faults = list(_duplicates(root, ""))
            content = loader.construct_document(root)
        finally:
            loader.dispose()
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: cannot be read ({error}); correct the file") from error
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise UserError(f"{path}: not YAML: {_said(error)}; correct the file") from error
    if faults:
        raise UserError(f"{path}: " + "; ".join(faults))
    return content


def _duplicates(node: yaml.Node, place: str) -> Iterator[str]:
    """Yield the keys that a mapping under a node has twice, with their lines."""
    if isinstance(node, yaml.SequenceNode):
        for number, each in enumerate(node.value):
            yield from _duplicates(each, f"{place}[{number}]")
    if not isinstance(node, yaml.MappingNode):
        return
    lines: dict[str, int] = {}
    for key, value in node.value:
        if not isinstance(key, yaml.ScalarNode):
            continue
        name, line = key.value, key.start_mark.line + 1
        inner = f"{place}.{name}".lstrip(".")
        if name in lines:
            yield (
                f"`{inner}` stands in line {lines[name]} and again in line {line}, where it would replace the first; "
                "remove one"
            )
        lines[name] = line
        # What an anchor names is looked at where it is written.
        if value.start_mark.index >= key.end_mark.index:
            yield from _duplicates(value, inner)


def _said(error: Exception) -> str:
    """Return the place and the problem of an error of the parser."""
    mark = getattr(error, "problem_mark", None)
    if mark is None:
        return str(error).splitlines()[0] if str(error) else type(error).__name__
    return f"line {mark.line + 1}, column {mark.column + 1}: {error.problem}"
