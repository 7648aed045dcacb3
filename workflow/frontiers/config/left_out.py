"""Models that a study leaves out because a job of theirs failed, so that the others still come to a report.

A run tries every model. When only jobs of models have failed, it starts itself again without these models, which are
handed over in an environment variable; the next run tries them again.
"""

import json
from collections.abc import Iterable, Mapping
from itertools import pairwise
from pathlib import Path

from frontiers.core.escapes import one_line

VARIABLE = "FRONTIERS_LEFT_OUT"
"""Environment variable with JSON: study, model, reason."""
MANY = 5
"""A measured study of more models leaves failed ones out unless it says otherwise; an imported one of more than one."""
SHOWN = 300
"""Most characters of a reason."""


def on_failure(study: Mapping) -> str:
    """Return whether a study comes to its report without the models that failed: `leave_out` or `stop`."""
    if study["kind"] not in ("measured", "imported"):
        return "stop"
    many = len(study["models"]) > (MANY if study["kind"] == "measured" else 1)
    return study.get("on_failure", "leave_out" if many else "stop")


def without(studies: Mapping[str, Mapping], text: str) -> dict[str, dict]:
    """Return the studies without the models in `text`, the content of `VARIABLE`; each has these as `left_out`."""
    given = json.loads(text or "{}")
    found = {}
    for name, study in studies.items():
        failed = given.get(name, {})
        kept = [model for model in study.get("models", []) if model not in failed]
        found[name] = {**study, "models": kept, "left_out": failed} if failed else dict(study)
        if failed and study["kind"] == "imported":
            found[name]["logs"] = {model: study["logs"][model] for model in kept}
    return found


def failed(
    jobs: Iterable[tuple[str | None, str | None, str]], studies: Mapping[str, Mapping]
) -> dict[str, dict[str, str]] | None:
    """Return the models to leave out of `studies`, with the reason, by study; None if that cannot help.

    `jobs` are those that failed: study and model they are of, None for neither, and why. It cannot help where a job is
    of no model, a study stops at a failure, or no model would be left.
    """
    found: dict[str, dict[str, str]] = {}
    for study, model, reason in jobs:
        names = [
            name
            for name, block in studies.items()
            if study in (None, name) and model in block.get("models", ())
        ]
        if not names or not all(on_failure(studies[name]) == "leave_out" for name in names):
            return None
        for name in names:
            found.setdefault(name, {}).setdefault(str(model), reason)
    if not found or any(set(studies[name]["models"]) <= set(models) for name, models in found.items()):
        return None
    return found


def joined(*parts: Mapping[str, Mapping[str, str]]) -> dict[str, dict[str, str]]:
    """Return what several runs have left out, by study."""
    found: dict[str, dict[str, str]] = {}
    for part in parts:
        for study, models in part.items():
            found.setdefault(study, {}).update(models)
    return found


def reason(logs: Iterable[Path], rule: str) -> str:
    """Return why a job of `rule` failed, as its log says: its last error, else its last line."""
    lines: list[str] = []
    for path in logs:
        if path.exists():
            lines += [line.strip() for line in path.read_text(errors="replace").splitlines() if line.strip()]
    # A message that lists faults goes on with the first of them.
    errors = [
        f"{line} {after}".removeprefix("error: ") if line.endswith(":") else line.removeprefix("error: ")
        for line, after in pairwise([*lines, ""])
        if line.startswith("error: ")
    ]
    said = (
        errors or lines or ["it ended without a word, as a process does that is killed for want of memory"]
    )[-1]
    return f"{rule}: {one_line(said)[:SHOWN]}"
