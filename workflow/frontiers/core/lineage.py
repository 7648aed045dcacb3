"""What a table was made of and by, kept in its footer: a table that does not belong to its inputs is found by its readers.

A rule sets `MADE_BY` to the digest of its code and settings. While it is set, every table and file that a script reads
is noted with its digest, and every table it writes records them. Outside a rule nothing is noted.
"""

import json
import os
from collections.abc import Mapping

from frontiers.core.cli import UserError

KEY = b"made"
"""Key of the record in the metadata of a parquet footer."""

_read: dict[str, str] = {}
_of: dict[str, Mapping[str, str]] = {}


def made_by() -> str | None:
    """Return the digest of the code and settings of the rule that runs this process; None outside a rule."""
    return os.environ.get("MADE_BY")


def note(path: object, digest: str, footer: Mapping[bytes, bytes] | None = None) -> None:
    """Note that this process reads a file of that digest, a table with the metadata of its footer.

    Raises `UserError` if one of the files read was made of another version of one that is read too.
    """
    if made_by() is None:
        return
    name = str(path)
    _read[name] = digest
    if made := record(footer or {}):
        _of[name] = made["of"]
    for table, inputs in _of.items():
        for source in inputs.keys() & _read.keys():
            if inputs[source] != _read[source]:
                raise UserError(
                    f"{table}: made of another {source} than there is now. Delete {table} and rerun the command"
                )


def record(footer: Mapping[bytes, bytes]) -> dict | None:
    """Return what a table says it was made `by` (digest, script) and `of` (digest by path); None if it says nothing."""
    return json.loads(footer[KEY]) if KEY in footer else None


def written(script: str) -> dict[bytes, bytes]:
    """Return the metadata of a table that this process writes: none outside a rule."""
    if made_by() is None:
        return {}
    made = {"by": made_by(), "script": script, "of": dict(sorted(_read.items()))}
    return {KEY: json.dumps(made, separators=(",", ":")).encode()}
