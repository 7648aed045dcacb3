"""Imported studies in config.yaml: the lists derived from their logs, and the faults of the logs."""

import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

KIND = "imported"

PACKED = (".jsonl.gz", ".jsonl.zst")
ENDINGS = {
    "lm-eval": (".jsonl", ".json", *PACKED),
    "inspect": (".eval", ".json"),
    "evalscope": (".jsonl", *PACKED),
    "lighteval": (".parquet",),
    "nemo-skills": (".jsonl", *PACKED),
    "openai-batch": (".jsonl", *PACKED),
    "table": (".parquet", ".json", ".jsonl", *PACKED),
}
"""Endings that a log of each format may have."""


def completed(study: Mapping) -> dict:
    """Return a study; an imported one with the lists that a measured one has: models, benchmarks, strategies."""
    if study["kind"] != KIND:
        return dict(study)
    logs = study["logs"]
    benchmarks = list(dict.fromkeys(name for cells in logs.values() for name in cells))
    return {**study, "models": list(logs), "benchmarks": benchmarks, "strategies": [study["strategy"]]}


def log_faults(name: str, study: Mapping, root: Path | None) -> Iterator[str]:
    """Yield the faults of an imported study's judge and logs; files are looked for under `root` if given."""
    place = f"studies.{name}"
    if ("judge" in study) != ("engine" in study):
        given, missing = ("judge", "engine") if "judge" in study else ("engine", "judge")
        yield f"{place}: a judge and the engine that runs it go together; add `{missing}`, or remove `{given}`"
    for model, cells in study["logs"].items():
        for benchmark, logs in cells.items():
            for number, log in enumerate(logs):
                yield from _faults_of(f"{place}.logs.{model}.{benchmark}[{number}]", log, study, root)


def _faults_of(place: str, log: Mapping, study: Mapping, root: Path | None) -> Iterator[str]:
    """Yield the faults of one log."""
    form = log["format"]
    if not log["file"].endswith(ENDINGS[form]):
        endings = " or ".join(ENDINGS[form])
        yield f"{place}.file: a log of format {form} ends in {endings}, this is {log['file']}; correct `format` or `file`"
    yield from _column_faults(f"{place}.columns", log)
    yield from _pattern_faults(place, log)
    if "records" in log and not (form == "table" and log["file"].endswith(".json")):
        yield f"{place}.records: only a table in one JSON document has a list of records; remove it"
    if "cap" in log and "cap" in log.get("columns", {}):
        yield f"{place}: `cap` and `columns.cap` contradict each other; remove one"
    if "cap" in log and log["cap"] not in study.get("caps", [None]):
        yield f"{place}.cap: {log['cap']} is not one of the study's `caps`; add it there"
    if root is not None and not os.path.isfile(root / log["file"]):
        yield f"{place}.file: there is no file {log['file']}; correct the path"


def _pattern_faults(place: str, log: Mapping) -> Iterator[str]:
    if "id_pattern" not in log:
        return
    if "id" not in log.get("columns", {}) and log["format"] != "openai-batch":
        yield f"{place}.id_pattern: there is no id to search; add `columns: {{id: …}}`"
    try:
        groups = re.compile(log["id_pattern"]).groups
    except re.error as error:
        yield f"{place}.id_pattern: not a regular expression ({error}); correct it"
        return
    if groups != 1:
        yield f"{place}.id_pattern: it has {groups} groups; put the id, and nothing else, in round brackets"


def _column_faults(place: str, log: Mapping) -> Iterator[str]:
    columns = log.get("columns", {})
    if log["format"] == "table":
        if "completion" not in columns:
            yield f"{place}: add `completion`, the column of the text the model wrote"
        if not {"id", "question", "prompt"} & set(columns):
            yield f"{place}: add `id`, `question` or `prompt`, which identifies the problem"
    elif surplus := [key for key in columns if key != "id"]:
        yield f"{place}: {', '.join(surplus)}: format {log['format']} fixes these columns; remove all but `id`"
