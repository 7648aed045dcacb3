"""Whether the tables of a study belong together: each made by the code asked for, of the files that are there now."""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from frontiers.analysis.checks.check import Check, report
from frontiers.core import lineage, tables
from frontiers.core.cli import UserError
from frontiers.core.files import sha256_of


def belong_together(start: Iterable[Path], made_by: Mapping[str, str]) -> Check:
    """Return the check that all tables behind those of `start` belong together, see `mismatches`."""
    faults, rows = mismatches(start, made_by)
    what = "every table was made by the code and settings asked for, of the files that are there now"
    return report("tables_belong_together", what, rows, faults)


def mismatches(start: Iterable[Path], made_by: Mapping[str, str]) -> tuple[list[str], int]:
    """Return what does not belong together among the tables of `start` and all that they were made of, and how many
    tables were looked at.

    `made_by` has the digest of code and settings asked for, by script; a table of another script may have any. A file
    that is no longer there is not compared. Damaged tables are listed too.
    """
    faults, ahead, seen, digests = [], list(start), set(), {}
    while ahead:
        path = ahead.pop()
        if path in seen or not path.exists():
            continue
        seen.add(path)
        try:
            made = lineage.record(tables.footer(path))
        except UserError as error:
            faults.append(str(error))
            continue
        faults += _faults(path, made, made_by, digests)
        ahead += [Path(name) for name in (made or {"of": {}})["of"] if name.endswith(".parquet")]
    return faults, len(seen)


def _faults(
    path: Path, made: Mapping | None, made_by: Mapping[str, str], digests: dict[str, str | None]
) -> Iterator[str]:
    again = f"delete {path} and rerun the command"
    if made is None:
        yield f"{path}: does not say what it was made of; {again}"
        return
    if lineage.renamed(made, path):
        yield f"{path}: this is the table {made['as']} under another name; {again}"
    if made["by"] != made_by.get(made["script"], made["by"]):
        yield f"{path}: made by other code or settings of {made['script']} than there are now; {again}"
    for name, wanted in made["of"].items():
        if name not in digests:
            digests[name] = _digest(Path(name))
        if (found := digests[name]) not in (None, wanted):
            yield f"{path}: made of another {name} (digest {wanted[:12]}) than there is now ({found[:12]}); {again}"


def _digest(path: Path) -> str | None:
    """Return the digest of a table or another file; None if there is none."""
    if not path.exists():
        return None
    return tables.content_digest(path) if path.suffix == ".parquet" else sha256_of(path)
