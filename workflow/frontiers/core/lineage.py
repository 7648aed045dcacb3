"""What a table was made of and by, kept in its footer: a table that does not belong to its inputs is found by its readers.

A rule sets `MADE_BY` to the digest of its code and settings. While it is set, every table and file that a script reads
is noted with its digest, and every table it writes records them. Outside a rule nothing is noted.
"""

import json
import os
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path

from frontiers.core.cli import UserError
from frontiers.core.files import sha256_of

KEY = b"made"
"""Key of the record in the metadata of a parquet footer."""

_read: dict[str, str] = {}
_known: dict[str, tuple[str, str | None]] = {}
"""The digest of a file, and the table that says so; None for a file that was read."""


def made_by() -> str | None:
    """Return the digest of the code and settings of the rule that runs this process; None outside a rule."""
    return os.environ.get("MADE_BY")


def note_file(path: object) -> None:
    """Note that this process reads a file that is no table."""
    if made_by() is not None:
        note(path, sha256_of(Path(str(path))))


def note(path: object, digest: str, footer: Mapping[bytes, bytes] | None = None) -> None:
    """Note that this process reads a file of that digest, a table with the metadata of its footer.

    Raises `UserError` if a table was written under another name, or made of another version of a file than is read
    here or than another table was made of.
    """
    if made_by() is None:
        return
    name = str(path)
    made = record(footer or {})
    if made and renamed(made, name):
        raise UserError(
            f"{name}: this is the table {made['as']} under another name. Delete {name} and rerun the command"
        )
    _compare(name, digest, None)
    _read[name], _known[name] = digest, (digest, None)
    for source, wanted in (made["of"] if made else {}).items():
        _compare(source, wanted, name)


def _compare(source: str, digest: str, table: str | None) -> None:
    known, teller = _known.setdefault(source, (digest, table))
    if known != digest and (stale := table or teller):
        other = f"than {teller} was" if table and teller else "than there is now"
        raise UserError(f"{stale}: made of another {source} {other}. Delete {stale} and rerun the command")


def record(footer: Mapping[bytes, bytes]) -> dict | None:
    """Return what a table says: its own name (`as`), and what it was made `by` (digest and `script`) and `of` (digest by
    path). None if it says nothing.
    """
    return json.loads(footer[KEY]) if KEY in footer else None


def renamed(made: Mapping, path: object) -> bool:
    """Return whether a table with the record `made` was written to another path."""
    return "as" in made and os.path.abspath(made["as"]) != os.path.abspath(str(path))


def written(path: object, of: Iterable[object] | None = None) -> dict[bytes, bytes]:
    """Return the metadata of a table that this process writes to `path`, made of all it has read or of the files `of`.

    Empty outside a rule. Raises `KeyError` for a file that was not read.
    """
    if made_by() is None:
        return {}
    sources = _read if of is None else {name: _read[name] for name in map(str, of)}
    made = {"as": str(path), "by": made_by(), "script": Path(sys.argv[0]).stem}
    made |= {"of": dict(sorted(sources.items()))}
    return {KEY: json.dumps(made, separators=(",", ":")).encode()}
