"""Faults of config.yaml that its schema cannot find, each as one message: what, where, and the fix."""

import datetime
import json
import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path

from frontiers.config import engine_arguments
from frontiers.config import strategies as config_strategies
from frontiers.config.imported import KIND as IMPORTED
from frontiers.config.imported import completed, log_faults
from frontiers.config.study import FACTS
from frontiers.core import yaml_files
from frontiers.core.keys import MEAN
from frontiers.core.suggest import nearest, suggest

POCKET = Path("data/pocket")
"""Folder that rules fill by `recipes.yaml`; a file missing there is no fault of the configuration if it has a recipe."""
ENDPOINT_ONLY = ("url", "served_model", "key_variable", "timeout_seconds", "patience_seconds")
LOCAL_ONLY = ("device", "dtype", "kv_cache_gib", "arguments")
HUB_ONLY = ("revision", "subset", "split")
WRITING = ("thinking", "sampling", "template")
"""Keys of a model that writes; a reward model does not."""
RESERVED = {"reported": "published figures", "cut": "recorded runs"}
"""Strategies that no block of `strategies:` may be called, and whose they are."""

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
"""A block to paste, by registry; `{name}` is filled in."""


def cross_faults(config: Mapping, root: Path) -> list[str]:
    """Return the faults of a configuration that matches the schema: names without a block, caps, paths."""
    return [
        *_run_faults(config),
        *(fault for name, block in config["benchmarks"].items() for fault in _benchmark_faults(name, block)),
        *(fault for name, block in config["models"].items() for fault in _model_faults(name, block)),
        *(fault for name, block in config["studies"].items() for fault in _study_faults(name, block, config)),
        *config_strategies.faults(config),
        *_published_faults(config),
        *_imported_faults(config, root),
        *_path_faults(config, root),
        *_label_faults(config),
        *_device_faults(config, root),
    ]


def _run_faults(config: Mapping) -> Iterator[str]:
    for name in config["run"]:
        if name not in config["studies"]:
            yield f"run: there is no study `{name}`; {suggest(name, config['studies'], 'the studies are')}"
    for name in RESERVED.keys() & set(config["strategies"]):
        yield f"strategies.{name}: this name is reserved for {RESERVED[name]}; rename the strategy"


def _benchmark_faults(name: str, block: Mapping) -> Iterator[str]:
    place = f"benchmarks.{name}"
    if name == MEAN:
        yield f"{place}: this name is reserved for the mean over benchmarks; rename the benchmark"
    yield from _origin_faults(place, block, ["sha256"], ["revision", "split", "columns"])
    if "gold_pattern" in block:
        yield from _pattern_faults(f"{place}.gold_pattern", block["gold_pattern"])
    if block.get("columns", {}).get("distractors") and block["answer_type"] != "choice":
        yield f"{place}: `distractors` are wrong options; write answer_type: choice, or remove them"
    options = 1 + len(block.get("columns", {}).get("distractors") or ())
    if options > 1 and abs(block.get("chance", 1 / options) - 1 / options) > 0.001:
        yield f"{place}.chance: {block['chance']}, but one of {options} options is right; write {1 / options:.4g}"
    if "public_since" in block:
        yield from _day_faults(f"{place}.public_since", block["public_since"])


def _origin_faults(place: str, block: Mapping, local: Iterable[str], hub: Iterable[str]) -> Iterator[str]:
    """Yield the faults of `path` and `repository`: exactly one, with the keys that it needs (`local`, `hub`)."""
    if ("path" in block) == ("repository" in block):
        found = "both" if "path" in block else "neither"
        yield f"{place}: give either `path` (local) or `repository` (on the Hub); it has {found}"
        return
    kind, needed = ("path", local) if "path" in block else ("repository", hub)
    if missing := _quoted(key for key in needed if key not in block):
        yield f"{place}: with `{kind}` it also needs {missing}"
    if kind == "path" and (surplus := _quoted(key for key in HUB_ONLY if key in block)):
        yield f"{place}: {surplus}: only with `repository`; remove it"


def _pattern_faults(place: str, pattern: str) -> Iterator[str]:
    try:
        groups = re.compile(pattern).groups
    except re.error as error:
        yield f"{place}: not a regular expression: {error}"
    else:
        if groups != 1:
            yield f"{place}: it has {groups} groups; write exactly one, around the gold answer"


def _model_faults(name: str, block: Mapping) -> Iterator[str]:
    place = f"models.{name}"
    if block.get("closed"):
        if surplus := _quoted(key for key in ("path", "repository") if key in block):
            yield f"{place}: a closed model has no public files; remove {surplus}, or `closed`"
    else:
        yield from _origin_faults(place, block, [], ["revision"])
    if block.get("trust_remote_code") and block.get("revision", "main") == "main":
        yield f"{place}: trust_remote_code needs a `revision` of 40 digits, so that the code is known"
    yield from _release_faults(place, block)
    arguments = block.get("engine", {}).get("arguments", {})
    yield from engine_arguments.faults(f"{place}.engine.arguments", arguments)
    if "reward" in block:
        yield from _reward_model_faults(place, block)
    elif missing := _quoted(key for key in ("thinking", "sampling") if key not in block):
        yield f"{place}: add {missing}, or `reward` for a reward model"
    else:
        yield from _thinking_faults(f"{place}.thinking", block["thinking"])


def _release_faults(place: str, block: Mapping) -> Iterator[str]:
    if "release_date" not in block:
        return
    yield from _day_faults(f"{place}.release_date", block["release_date"])
    if "release_source" not in block:
        yield f"{place}: add `release_source`, where the release date is stated"


def _day_faults(place: str, day: str) -> Iterator[str]:
    try:
        datetime.date.fromisoformat(day)
    except ValueError:
        yield f"{place}: {day} is not a day of the calendar; correct it"


def _reward_model_faults(place: str, block: Mapping) -> Iterator[str]:
    if surplus := _quoted(key for key in WRITING if key in block):
        yield f"{place}: {surplus}: a reward model writes nothing; remove it"
    if "prompt" in block["reward"] and "system" in block["reward"]:
        yield f"{place}.reward: `system` belongs to a chat template; remove it, or remove `prompt`"


def _thinking_faults(place: str, thinking: Mapping) -> Iterator[str]:
    markers = [key for key in ("start", "end") if key in thinking]
    if thinking["style"] == "markers" and len(markers) < 2:
        yield f"{place}: style markers needs `start` and `end`"
    if thinking["style"] == "prompt" and markers:
        yield f"{place}: {_quoted(markers)}: not used with style prompt; remove it"


def _study_faults(name: str, study: Mapping, config: Mapping) -> Iterator[str]:
    """Yield the faults of a study that grades completions: its names, caps, samples and engine."""
    if study["kind"] == "recorded":
        yield from _order_faults(f"studies.{name}.caps", study.get("caps", [None]))
        yield from _recorded_faults(f"studies.{name}", study)
    if study["kind"] not in ("measured", IMPORTED):
        return
    place, listed = f"studies.{name}", completed(study)
    yield from _name_faults(name, listed, config)
    yield from _order_faults(f"{place}.caps", listed.get("caps", [None]))
    if isinstance(study.get("samples"), Mapping):
        yield from _sample_faults(f"{place}.samples", study["samples"], listed["benchmarks"])
    writing = study["models"] if study["kind"] == "measured" else [study["judge"]] if "judge" in study else []
    for model in study["models"] if study["kind"] == "measured" else ():
        if config["models"].get(model, {}).get("closed"):
            yield f"models.{model}: closed models cannot run here, as study `{name}` asks; import their logs"
    for model in writing:
        thinking = config["models"].get(model, {}).get("thinking")
        if thinking is not None and "forced_end" not in thinking:
            yield (
                f"models.{model}.thinking: study `{name}` runs this model; add `forced_end`, the text that ends a trace cut "
                'at a cap, for instance forced_end: "</think>"'
            )
    if study["kind"] == "measured":
        yield from _room_faults(place, study)
        yield from _engine_faults(f"{place}.engine", study)
        yield from _load_faults(name, study, config)
        if "date" in study:
            yield from _day_faults(f"{place}.date", study["date"])


def _recorded_faults(place: str, study: Mapping) -> Iterator[str]:
    """Yield what a recorded study lacks or has too much of, and the faults of its logs."""
    tables = [key for key in ("runs", "answers") if key in study]
    if "logs" in study and tables:
        yield f"{place}: {_quoted(tables)}: not together with `logs`; remove one or the other"
    if "logs" not in study and len(tables) < 2:
        yield f"{place}: add `runs` and `answers`, or `logs` of verdicts"
    seen: set[tuple[str, str]] = set()
    for number, log in enumerate(study.get("logs", [])):
        here, cell = f"{place}.logs[{number}]", (log["model"], log["benchmark"])
        if log["benchmark"] not in study["labels"]:
            yield f"{here}.benchmark: `{log['benchmark']}` is not among the study's `labels`; add it there"
        if cell in seen:
            yield f"{here}: a second log of {log['model']} on {log['benchmark']}; keep one, or name their models apart"
        if "release_date" in log:
            yield from _day_faults(f"{here}.release_date", log["release_date"])
        seen.add(cell)


def _name_faults(name: str, study: Mapping, config: Mapping) -> Iterator[str]:
    """Yield the benchmarks, models and strategies that a study lists and that have no block."""
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


def _order_faults(place: str, caps: Sequence[int | None]) -> Iterator[str]:
    ordered = sorted({cap for cap in caps if cap is not None}) + [None] * (None in caps)
    if caps != ordered:
        yield f"{place}: caps must ascend, each once, null last. Write caps: {json.dumps(ordered)}"


def _room_faults(place: str, study: Mapping) -> Iterator[str]:
    """Yield the caps that do not fit in the context with an answer and a prompt."""
    room, answer = study["engine"]["max_model_len"], study["answer_tokens"]
    if beyond := sorted({cap for cap in study["caps"] if cap is not None and cap + answer >= room}):
        yield (
            f"{place}.caps: {', '.join(map(str, beyond))} with an answer of {answer} tokens and a prompt do "
            f"not fit in engine.max_model_len: {room}. Remove them or raise max_model_len above "
            f"{beyond[-1] + answer}"
        )


def _sample_faults(place: str, samples: Mapping[str, int], benchmarks: Sequence[str]) -> Iterator[str]:
    for name in samples:
        if name not in benchmarks:
            yield f"{place}: `{name}` is not a benchmark of this study; {suggest(name, benchmarks, 'they are')}"
    if missing := [name for name in benchmarks if name not in samples]:
        yield f"{place}: add {', '.join(missing)}, or give one number for all benchmarks"


def _engine_faults(place: str, study: Mapping) -> Iterator[str]:
    """Yield the faults of a study's engine: keys that its kind needs, and keys of the other kind."""
    engine = study["engine"]
    if engine.get("kind") == "endpoint":
        if "url" not in engine:
            yield f"{place}: kind endpoint needs `url`, for instance http://localhost:8000/v1"
        for key in ("url", "served_model"):
            given = engine.get(key)
            missing = [m for m in study["models"] if isinstance(given, Mapping) and m not in given]
            if missing:
                yield f"{place}.{key}: add {', '.join(missing)}, or give one for all models"
        if surplus := _quoted(key for key in LOCAL_ONLY if key in engine):
            yield f"{place}: {surplus}: not allowed with an endpoint; remove it, or remove kind: endpoint"
        return
    if missing := _quoted(key for key in ("device", "dtype") if key not in engine):
        yield f"{place}: add {missing}, or write kind: endpoint with its `url`"
    if surplus := _quoted(key for key in ENDPOINT_ONLY if key in engine):
        yield f"{place}: {surplus}: only with kind: endpoint; remove it, or add kind: endpoint"
    yield from engine_arguments.faults(f"{place}.arguments", engine.get("arguments", {}))
    if engine.get("device") == "cpu" and "kv_cache_gib" not in engine:
        yield f"{place}: device cpu needs `kv_cache_gib`, for instance 0.25"


def _load_faults(name: str, study: Mapping, config: Mapping) -> Iterator[str]:
    """Yield the models that a study's own engine cannot load as they are described."""
    if study["engine"].get("kind") == "endpoint":
        return
    rows = [config["benchmarks"][b]["rows"] for b in study["benchmarks"] if b in config["benchmarks"]]
    fewest = min(rows, default=1)
    for model in study["models"]:
        block, place = config["models"].get(model, {}), f"models.{model}: study `{name}`"
        if block.get("shards", 1) > fewest:
            yield f"{place} has a benchmark of {fewest} problems; write shards: {fewest} or fewer"
        if model in config["models"] and study["engine"].get("device") == "cuda" and block.get("gpus", 0) < 1:
            yield f"{place} runs it on GPUs; write gpus: 1 or more"
        if block.get("fetch_weights") is False:
            yield f"{place} runs it here and needs its weights; remove fetch_weights: false"


def _published_faults(config: Mapping) -> Iterator[str]:
    """Yield the faults of what published studies say about their benchmarks."""
    for name, study in config["studies"].items():
        if study["kind"] != "published":
            continue
        for key in FACTS:
            for benchmark in study.get(key, {}):
                if benchmark not in study["labels"]:
                    yield f"studies.{name}.{key}: `{benchmark}` is not among its `labels`; add it there or remove it here"
        for benchmark, day in study.get("public_since", {}).items():
            yield from _day_faults(f"studies.{name}.public_since.{benchmark}", day)


def _imported_faults(config: Mapping, root: Path) -> Iterator[str]:
    """Yield the faults of the logs of imported studies; files are looked for if the study runs."""
    for name, study in config["studies"].items():
        if study["kind"] == IMPORTED:
            yield from log_faults(name, study, root if name in config["run"] else None)


def _path_faults(config: Mapping, root: Path) -> Iterator[str]:
    """Yield the local inputs of the studies to run that are missing and that no rule makes."""

    @cache
    def recipes() -> set[Path]:
        file = root / POCKET / "recipes.yaml"
        found = yaml_files.read(file) if file.exists() else {}
        return {
            POCKET / kind / name for kind, made in found.items() if isinstance(made, dict) for name in made
        }

    for name in config["run"]:
        study = completed(config["studies"].get(name, {"kind": None}))
        for key in {"published": ("table",), "recorded": ("runs", "answers", "prices")}.get(
            study["kind"], ()
        ):
            if key in study and not os.path.isfile(root / study[key]):
                yield f"studies.{name}.{key}: there is no file {study[key]}; correct the path"
        for number, log in enumerate(study.get("logs", []) if study["kind"] == "recorded" else []):
            if not os.path.isfile(root / log["file"]):
                yield f"studies.{name}.logs[{number}].file: there is no file {log['file']}; correct the path"
        for kind in ("benchmarks", "models"):
            for item in study.get(kind, []):
                path = config[kind].get(item, {}).get("path")
                if path and not os.path.exists(root / path) and Path(path).with_suffix("") not in recipes():
                    yield f"{kind}.{item}.path: there is nothing at {path}; correct the path"


def _label_faults(config: Mapping) -> Iterator[str]:
    """Yield the labels that two models, benchmarks or strategies of one study share: figures could not tell them apart."""
    found = {}
    for name in config["run"]:
        study = completed(config["studies"].get(name, {"kind": None}))
        for kind in ("models", "benchmarks", "strategies"):
            labels: dict[str, str] = {}
            for item in study.get(kind, []):
                label = config[kind].get(item, {}).get("label", item)
                if (first := labels.setdefault(label, item)) != item:
                    found[kind, item] = (
                        f"{kind}.{item}.label: {label!r} is the label of `{first}` too, and studies.{name} has both; "
                        "reword one of them"
                    )
    yield from found.values()


def _device_faults(config: Mapping, root: Path) -> Iterator[str]:
    """Yield the devices of studies that data/hardware/ does not describe."""
    known = sorted(path.stem for path in (root / "data" / "hardware").glob("*.yaml"))
    for name, study in config["studies"].items():
        for part in ("analysis", "plan", "serving"):
            wanted = study.get(part, {}).get("device")
            if wanted is not None and wanted not in known:
                found = suggest(wanted, known, "known are")
                yield f"studies.{name}.{part}.device: data/hardware/ describes no device `{wanted}`; {found}"


def _quoted(keys: Iterable[str]) -> str:
    """Return the keys in backticks, "" for none."""
    return ", ".join(f"`{key}`" for key in keys)
