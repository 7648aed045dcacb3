"""Imported studies in config.yaml: what they leave to be derived, and what can be wrong with them."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path

KIND = "imported"

ENDINGS = {"lm-eval": (".jsonl", ".json"), "inspect": (".eval", ".json"), "table": (".parquet", ".jsonl")}
"""Endings that a log of each format may have."""


def completed(study: Mapping) -> dict:
    """Return a study; an imported one with the lists that a measured one has: models, benchmarks, strategies."""
    if study["kind"] != KIND:
        return dict(study)
    logs = study["logs"]
    benchmarks = list(dict.fromkeys(name for cells in logs.values() for name in cells))
    return {**study, "models": list(logs), "benchmarks": benchmarks, "strategies": [study["strategy"]]}


def log_faults(name: str, study: Mapping, root: Path | None) -> Iterator[str]:
    """Yield the faults of an imported study's logs; files are looked for under `root`, unless it is None."""
    place = f"studies.{name}"
    caps = study.get("caps", [None])
    ordered = sorted({cap for cap in caps if cap is not None}) + [None] * (None in caps)
    if caps != ordered:
        yield f"{place}.caps: caps ascend, each once, null last. Write caps: {json.dumps(ordered)}"
    if ("judge" in study) != ("engine" in study):
        lacking = "engine" if "judge" in study else "judge"
        yield f"{place}: a judge and the engine it runs on go together; add `{lacking}`, or take the other out"
    samples = study.get("samples")
    if isinstance(samples, Mapping):
        listed = completed(study)["benchmarks"]
        for odd in [b for b in samples if b not in listed]:
            yield f"{place}.samples: `{odd}` has no logs; take it out, or add its logs"
        if lacking := [b for b in listed if b not in samples]:
            yield f"{place}.samples: add {', '.join(lacking)}, or give one number for all benchmarks"
    for model, cells in study["logs"].items():
        for benchmark, logs in cells.items():
            for number, log in enumerate(logs):
                yield from _faults_of(f"{place}.logs.{model}.{benchmark}[{number}]", log, study, root)


def _faults_of(place: str, log: Mapping, study: Mapping, root: Path | None) -> Iterator[str]:
    """Yield the faults of one log."""
    columns, form = log.get("columns", {}), log["format"]
    if not log["file"].endswith(ENDINGS[form]):
        wanted = " or ".join(ENDINGS[form])
        yield f"{place}.file: a log of format {form} ends in {wanted}, this is {log['file']}; correct `format` or `file`"
    if form == "table":
        if "completion" not in columns:
            yield f"{place}.columns: add `completion`, the column of the text the model wrote"
        if not {"id", "question", "prompt"} & set(columns):
            yield f"{place}.columns: add `id`, `question` or `prompt`, by which the problem is known"
    elif surplus := [key for key in columns if key != "id"]:
        yield f"{place}.columns: {', '.join(surplus)}: format {form} knows where they stand; take them out, but for `id`"
    if "cap" in log and "cap" in columns:
        yield f"{place}: `cap` and `columns.cap` say two things; keep one"
    if "cap" in log and log["cap"] not in study.get("caps", [None]):
        yield f"{place}.cap: {log['cap']} is not among the study's `caps`; add it there"
    if root is not None and not (root / log["file"]).is_file():
        yield f"{place}.file: there is no file {log['file']}; correct the path"
