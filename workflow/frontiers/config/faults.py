"""What can be wrong with config.yaml, each fault as one message: what, where, how to mend it."""

import datetime
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator, ValidationError

from frontiers.config import imported as config_imports
from frontiers.config import strategies as config_strategies
from frontiers.core.suggest import nearest, suggest

MADE_BY_RULES = ("data/pocket/",)
"""Folders that the workflow's own rules fill, so that what they lack is no fault of the configuration."""

ENDPOINT_ONLY = ("url", "served_model", "key_variable", "timeout_seconds", "patience_seconds")
MEAN = "mean"
REPORTED = "reported"


def schema_faults(config: Mapping, schema: Mapping) -> list[str]:
    """Return the faults that the JSON schema finds, in the order of the configuration's paths."""
    messages: dict[tuple, str] = {}
    errors = Draft202012Validator(schema).iter_errors(config)
    for error in sorted(errors, key=lambda error: [str(step) for step in error.absolute_path]):
        key = (tuple(error.absolute_path), error.validator)
        if "propertyNames" in error.absolute_schema_path:
            key += (str(error.instance),)
        messages.setdefault(key, _schema_message(error))
    return list(messages.values())


def where(path: Iterable[Any]) -> str:
    """Return a path into the configuration as text: `studies.pocket.caps[2]`."""
    text = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path)
    return text.lstrip(".") or "config.yaml"


def _schema_message(error: ValidationError) -> str:
    """Return what an error of the schema means to the person who wrote the configuration."""
    place, value = where(error.absolute_path), error.instance
    rule, schema = error.validator_value, error.schema
    wanted = schema.get("description", "").rstrip(".")
    if "propertyNames" in error.absolute_schema_path:
        return f"{place}: the name {value!r} has not the form of one: {wanted}. Rename it"
    match error.validator:
        case "additionalProperties":
            known = schema["properties"]
            odd = [key for key in value if key not in known]
            said = [f"unknown key `{key}`; {suggest(key, known, 'known keys are')}" for key in odd]
            return f"{place}: " + "; ".join(said)
        case "required":
            lacking = [key for key in rule if key not in value]
            described = [f"`{key}` ({_description(schema, key)})" for key in lacking]
            return f"{place}: add " + ", ".join(described)
        case "enum":
            return f"{place}: {value!r} is not among what is known; {suggest(value, rule, 'known are')}"
        case "pattern":
            return f"{place}: {value!r} has not the form asked for: {wanted}"
        case "type":
            return f"{place}: {_type_message(place, value, rule)}" + (f" ({wanted})" if wanted else "")
        case "uniqueItems":
            twice = sorted({str(item) for item in value if value.count(item) > 1})
            return f"{place}: {', '.join(twice)} stand in it twice; name each once"
        case _:
            return f"{place}: {error.message}" + (f" ({wanted})" if wanted else "")


def _description(schema: Mapping, key: str) -> str:
    """Return the description of the property `key`, without its full stop."""
    return schema["properties"].get(key, {}).get("description", "").rstrip(".")


def _type_message(place: str, value: Any, rule: str | list[str]) -> str:
    """Say what type `value` has, what was expected, and what to write."""
    types = [rule] if isinstance(rule, str) else rule
    key = place.rpartition(".")[2]
    if "string" in types and isinstance(value, datetime.date):
        return f'YAML reads {value} as a date. Put it in quotes: {key}: "{value}"'
    if "string" in types and isinstance(value, int | float):
        return f"YAML reads {value} as a number or a truth value. Put it in quotes, as it should stand"
    if types == ["array"] and isinstance(value, str):
        return f"a list is wanted, write {key}: [{value}]"
    names = {"object": "a block of keys", "array": "a list", "null": "null", "integer": "a whole number"}
    wanted = " or ".join(names.get(t, f"a {t}") for t in types)
    return f"{json.dumps(value, default=str)[:80]} is not {wanted}"


def cross_faults(config: Mapping, root: Path) -> list[str]:
    """Return the faults of a configuration that keeps the schema: names without a block, caps, paths."""
    return [
        *_run_faults(config),
        *(fault for name, block in config["benchmarks"].items() for fault in _benchmark_faults(name, block)),
        *(fault for name, block in config["models"].items() for fault in _model_faults(name, block)),
        *(
            fault
            for name, block in config["studies"].items()
            if block["kind"] == "measured"
            for fault in _study_faults(name, block, config)
        ),
        *config_strategies.faults(config),
        *_imported_faults(config, root),
        *_path_faults(config, root),
        *_device_faults(config, root),
    ]


def _run_faults(config: Mapping) -> Iterator[str]:
    for name in config["run"]:
        if name not in config["studies"]:
            yield f"run: there is no study `{name}`; {suggest(name, config['studies'], 'the studies are')}"
    if REPORTED in config["strategies"]:
        yield f"strategies.{REPORTED}: the name belongs to published figures; take another"


def _origin_faults(place: str, block: Mapping, local: Iterable[str], hub: Iterable[str]) -> Iterator[str]:
    """Faults of `path` against `repository`, and of what each of them needs."""
    if ("path" in block) == ("repository" in block):
        found = "both" if "path" in block else "neither"
        yield f"{place}: give either `path` (local) or `repository` (on the Hub); it has {found}"
        return
    kind, needed = ("path", local) if "path" in block else ("repository", hub)
    if lacking := [key for key in needed if key not in block]:
        yield f"{place}: with `{kind}` it also needs {', '.join(f'`{key}`' for key in lacking)}"
    if kind == "path" and (surplus := [key for key in ("revision", "subset", "split") if key in block]):
        yield f"{place}: {', '.join(f'`{key}`' for key in surplus)}: only with `repository`; take it out"


def _benchmark_faults(name: str, block: Mapping) -> Iterator[str]:
    place = f"benchmarks.{name}"
    if name == MEAN:
        yield f"{place}: `{MEAN}` is the name of the mean over benchmarks; take another"
    yield from _origin_faults(place, block, ["sha256"], ["revision", "split", "columns"])
    if "gold_pattern" in block:
        try:
            groups = re.compile(block["gold_pattern"]).groups
        except re.error as error:
            yield f"{place}.gold_pattern: not a regular expression: {error}"
        else:
            if groups != 1:
                yield f"{place}.gold_pattern: it has {groups} groups; exactly one must hold the gold answer"
    if block.get("columns", {}).get("distractors") and block["answer_type"] != "choice":
        yield f"{place}: `distractors` are wrong options; they need answer_type: choice"


def _model_faults(name: str, block: Mapping) -> Iterator[str]:
    place = f"models.{name}"
    yield from _origin_faults(place, block, [], ["revision"])
    if block.get("trust_remote_code") and block.get("revision", "main") == "main":
        yield f"{place}: trust_remote_code needs a `revision` of 40 digits: only then is the code known"
    if "release_date" in block:
        try:
            datetime.date.fromisoformat(block["release_date"])
        except ValueError:
            yield f"{place}.release_date: {block['release_date']} is not a day of the calendar"
        if "release_source" not in block:
            yield f"{place}: add `release_source`, where the release date is stated"
    if "reward" in block:
        if surplus := [key for key in ("thinking", "sampling", "template") if key in block]:
            yield f"{place}: {', '.join(f'`{key}`' for key in surplus)}: a reward model writes nothing; take out"
        if "prompt" in block["reward"] and "system" in block["reward"]:
            yield f"{place}.reward: `system` belongs to a chat template; take it out, or `prompt`"
        return
    if lacking := [key for key in ("thinking", "sampling") if key not in block]:
        yield f"{place}: add {', '.join(f'`{key}`' for key in lacking)}, or `reward` for a reward model"
        return
    markers = [key for key in ("start", "end") if key in block["thinking"]]
    if block["thinking"]["style"] == "markers" and len(markers) < 2:
        yield f"{place}.thinking: style markers needs `start` and `end`"
    if block["thinking"]["style"] == "prompt" and markers:
        yield f"{place}.thinking: {' and '.join(markers)} have no use with style prompt; take them out"


def _imported_faults(config: Mapping, root: Path) -> Iterator[str]:
    for name, study in config["studies"].items():
        if study["kind"] == config_imports.KIND:
            yield from name_faults(name, config_imports.completed(study), config)
            yield from config_imports.log_faults(name, study, root if name in config["run"] else None)


def _study_faults(name: str, study: Mapping, config: Mapping) -> Iterator[str]:
    place = f"studies.{name}"
    yield from name_faults(name, study, config)
    yield from _cap_faults(place, study)
    if isinstance(study.get("samples"), Mapping):
        for odd in [b for b in study["samples"] if b not in study["benchmarks"]]:
            found = suggest(odd, study["benchmarks"], "they are")
            yield f"{place}.samples: `{odd}` is not among the study's benchmarks; {found}"
        if lacking := [b for b in study["benchmarks"] if b not in study["samples"]]:
            yield f"{place}.samples: add {', '.join(lacking)}, or give one number for all benchmarks"
    yield from _engine_faults(name, study, config)


def _engine_faults(name: str, study: Mapping, config: Mapping) -> Iterator[str]:
    """Faults of a study's engine, and of models that it cannot run."""
    place, block = f"studies.{name}.engine", study["engine"]
    models = {model: config["models"][model] for model in study["models"] if model in config["models"]}
    if block.get("kind") == "endpoint":
        if "url" not in block:
            yield f"{place}: kind endpoint needs `url`, for instance http://localhost:8000/v1"
        for key in ("url", "served_model"):
            if isinstance(block.get(key), Mapping) and (
                lacking := [m for m in study["models"] if m not in block[key]]
            ):
                yield f"{place}.{key}: add {', '.join(lacking)}, or give one for all models"
        if surplus := [key for key in ("device", "dtype", "kv_cache_gib") if key in block]:
            yield f"{place}: {', '.join(surplus)}: the endpoint's own affair; take out, or take out kind: endpoint"
        return
    if lacking := [key for key in ("device", "dtype") if key not in block]:
        yield f"{place}: add {', '.join(f'`{key}`' for key in lacking)}, or write kind: endpoint with its `url`"
    if surplus := [key for key in ENDPOINT_ONLY if key in block]:
        yield f"{place}: {', '.join(surplus)}: only with kind: endpoint; take out, or add that"
    if block.get("device") == "cpu" and "kv_cache_gib" not in block:
        yield f"{place}: device cpu needs `kv_cache_gib`, for instance 0.25"
    for model, found in models.items():
        fewest = min(
            (config["benchmarks"][b]["rows"] for b in study["benchmarks"] if b in config["benchmarks"]),
            default=1,
        )
        if found.get("shards", 1) > fewest:
            yield f"models.{model}: study `{name}` has a benchmark of {fewest} problems; write shards: {fewest} or fewer"
        if block.get("device") == "cuda" and found.get("gpus", 0) < 1:
            yield f"models.{model}: study `{name}` runs it on GPUs; write gpus: 1 or more"
        if found.get("fetch_weights") is False:
            yield f"models.{model}: study `{name}` runs it here and needs its weights; take out fetch_weights: false"


def _cap_faults(place: str, study: Mapping) -> Iterator[str]:
    caps, room, answer = study["caps"], study["engine"]["max_model_len"], study["answer_tokens"]
    finite = [cap for cap in caps if cap is not None]
    ordered = sorted(set(finite)) + [None] * (None in caps)
    if caps != ordered:
        yield f"{place}.caps: caps ascend, each once, null last. Write caps: {json.dumps(ordered)}"
    if beyond := sorted({cap for cap in finite if cap + answer >= room}):
        yield (
            f"{place}.caps: {', '.join(map(str, beyond))} with an answer of {answer} tokens and a prompt do "
            f"not fit in engine.max_model_len: {room}. Take them out or raise max_model_len above "
            f"{beyond[-1] + answer}"
        )


def _path_faults(config: Mapping, root: Path) -> Iterator[str]:
    """Local inputs of the studies to run that are not there, and that no rule makes."""
    for name in config["run"]:
        study = config_imports.completed(config["studies"].get(name, {"kind": None}))
        if study["kind"] == "published" and not (root / study["table"]).is_file():
            yield f"studies.{name}.table: there is no file {study['table']}; correct the path"
        for kind in ("benchmarks", "models"):
            for item in study.get(kind, []):
                path = config[kind].get(item, {}).get("path")
                if path and not path.startswith(MADE_BY_RULES) and not (root / path).exists():
                    yield f"{kind}.{item}.path: there is nothing at {path}; correct the path"


def _device_faults(config: Mapping, root: Path) -> Iterator[str]:
    """Devices of measured studies that are not described."""
    known = sorted(path.stem for path in (root / "data" / "hardware").glob("*.yaml"))
    for name, study in config["studies"].items():
        for part in ("analysis", "plan"):
            wanted = study.get(part, {}).get("device")
            if wanted is not None and wanted not in known:
                found = suggest(wanted, known, "there are")
                yield f"studies.{name}.{part}.device: data/hardware/ describes no device `{wanted}`; {found}"


BLOCKS = {
    "benchmarks": """  {name}:
    label: {name}
    path: data/{name}.jsonl
    sha256: "<64 hex digits: sha256sum data/{name}.jsonl>"
    rows: 1
    answer_type: number
    licence: MIT
    source: where the problems come from
""",
    "models": """  {name}:
    label: {name}
    repository: organisation/name
    revision: main
    developer: organisation
    release_date: "YYYY-MM-DD"
    release_source: address of the model card
    thinking: {{style: markers, start: "<think>", end: "</think>", forced_end: "</think>"}}
    sampling: {{temperature: 0.6, top_p: 0.95, top_k: 0, frequency_penalty: 0.0}}
    gpus: 1
""",
    "strategies": """  {name}: {{label: {name}, method: chain}}
""",
}
"""A block to paste, by registry; the braces of `{name}` are filled in."""


def name_faults(name: str, study: Mapping, config: Mapping) -> Iterator[str]:
    """Yield the benchmarks, models and strategies that a study names and that have no block."""
    for kind, singular in (("benchmarks", "benchmark"), ("models", "model"), ("strategies", "strategy")):
        judge = [study["judge"]] if kind == "models" and "judge" in study else []
        for wanted in dict.fromkeys([*study[kind], *judge]):
            if wanted not in config[kind]:
                near = nearest(wanted, config[kind])
                yield (
                    f"{singular} `{wanted}` is listed in study `{name}` but has no block under `{kind}:`. "
                    + (f"Did you mean `{near}`? If not, add:\n" if near else "Add:\n")
                    + BLOCKS[kind].format(name=wanted).rstrip()
                )
