"""config.yaml: the shipped one is right, and each mistake gives one message with the fix."""

import contextlib
import copy
import json
import math
import shutil
from datetime import date
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from frontiers.config import load
from frontiers.config.faults import BLOCKS, cross_faults
from frontiers.config.schema import schema_faults
from frontiers.core.cli import UserError
from support.paths import ROOT

TEXT = (ROOT / "config.yaml").read_text()
SERVED = {"kind": "endpoint", "url": "http://a:8000/v1", "max_model_len": 256, "max_num_seqs": 8}
REVISION = "0123456789abcdef0123456789abcdef01234567"
OWN = {
    "format": "verdicts",
    "file": "data/recorded/runs.csv",
    "model": "mine",
    "benchmark": "gpqa-diamond",
    "mode": "instruct",
    "architecture": "phi-4",
}
OWN_STUDY = {
    "kind": "recorded",
    "logs": [OWN],
    "labels": {"gpqa-diamond": "GPQA Diamond"},
    "analysis": {"draws": 10, "seed": 1, "device": "kinetics"},
}
"""A recorded study of one's own log."""


@pytest.fixture
def config() -> dict:
    return yaml.safe_load(TEXT)


@pytest.fixture
def root(tmp_path) -> Path:
    """A project that holds what the shipped configuration reads and no rule makes."""
    (tmp_path / "data" / "published").mkdir(parents=True)
    (tmp_path / "data" / "published" / "open_models.csv").write_text("model\n")
    (tmp_path / "data" / "recorded").mkdir()
    for name in ("runs.csv", "answers.parquet"):
        (tmp_path / "data" / "recorded" / name).touch()
    (tmp_path / "data" / "prices").mkdir()
    (tmp_path / "data" / "prices" / "offers.csv").touch()
    (tmp_path / "data" / "pocket").mkdir()
    shutil.copy(ROOT / "data/pocket/recipes.yaml", tmp_path / "data/pocket")
    (tmp_path / "data" / "hardware").mkdir()
    for name in ("b200", "cpu", "h100", "kinetics"):
        (tmp_path / "data" / "hardware" / f"{name}.yaml").touch()
    return tmp_path


def faults_of(config: dict, root: Path) -> list[str]:
    with pytest.raises(UserError) as error:
        load.check(config, root)
    head, *faults = str(error.value).split("\n- ")
    number = "one fault" if len(faults) == 1 else f"{len(faults)} faults"
    assert head == f"config.yaml has {number}:"
    return faults


def put(config: dict, path: str, value) -> None:
    """Set, or with `...` delete, the value at a path whose steps are joined by slashes."""
    *steps, last = path.split("/")
    for step in steps:
        config = config[step]
    if value is ...:
        del config[last]
    else:
        config[last] = value


def test_shipped_configuration_is_right(config, root):
    load.check(config, root)


def test_shipped_configuration_finds_its_files(config):
    assert not [fault for fault in cross_faults(config, ROOT) if "table" in fault]


# Each case: a path, a value that is wrong there, and what the only message must hold.
MISTAKES = [
    ("studys", {}, ["unknown key `studys`", "did you mean `studies`?"]),
    ("models/phi-4/lable", "Phi", ["models.phi-4: unknown key `lable`", "did you mean `label`?"]),
    ("models/phi-4/zzz", 1, ["models.phi-4: unknown key `zzz`", "known keys are", "sampling"]),
    ("models/phi-4/sampling/temprature", 1, ["models.phi-4.sampling", "did you mean `temperature`?"]),
    ("studies/pocket/engine/max_model_length", 8, ["studies.pocket.engine", "did you mean `max_model_len`?"]),
    ("studies/published/caps", [0], ["studies.published: unknown key `caps`"]),
    ("run", "pocket", ["run:", "expected a list, write run: [pocket]"]),
    ("run", ["poket"], ["run: there is no study `poket`", "did you mean `pocket`?"]),
    ("run", ["pocket", "pocket"], ["run: pocket is duplicated; list each once"]),
    ("run", [], ["run:", "[]"]),
    (
        "models/phi-4/release_date",
        date(2025, 1, 8),
        ["models.phi-4.release_date", 'release_date: "2025-01-08"'],
    ),
    ("models/phi-4/release_date", "2024-2-1", ["models.phi-4.release_date", "YYYY-MM-DD"]),
    ("models/phi-4/release_date", "2025-02-30", ["models.phi-4.release_date", "2025-02-30 is not a day"]),
    ("benchmarks/gpqa-diamond/chance", 0.2, ["benchmarks.gpqa-diamond.chance: 0.2", "one of 4 options", "0.25"]),
    ("benchmarks/gpqa-diamond/chance", 1, ["benchmarks.gpqa-diamond.chance", "below 1"]),
    ("benchmarks/gsm8k/public_since", "2021-02-30", ["benchmarks.gsm8k.public_since: 2021-02-30 is not a day"]),
    (
        "studies/published/public_since/math-level-5",
        "2021-02-30",
        ["studies.published.public_since.math-level-5: 2021-02-30 is not a day"],
    ),
    (
        "studies/published/chance",
        {"gsm8k": 0.1},
        ["studies.published.chance: `gsm8k` is not among its `labels`"],
    ),
    ("models/phi-4/release_source", ..., ["models.phi-4: add `release_source`"]),
    ("models/phi-4/revision", "abc", ["models.phi-4.revision: 'abc'", "40 hexadecimal digits"]),
    ("models/phi-4/revision", 12345, ["models.phi-4.revision", "quotes"]),
    ("models/phi-4/revision", ..., ["models.phi-4: with `repository` it also needs `revision`"]),
    ("models/phi-4/path", "data/phi", ["models.phi-4: give either `path`", "both"]),
    ("models/phi-4/repository", ..., ["models.phi-4: give either `path`", "neither"]),
    ("models/phi-4/thinking/start", "<think>", ["models.phi-4.thinking: `start`", "remove it"]),
    ("models/pocket-moe/thinking/end", ..., ["models.pocket-moe.thinking", "`start` and `end`"]),
    (
        "models/pocket-moe/thinking/style",
        "marker",
        ["'marker' is not an allowed value", "did you mean `markers`?"],
    ),
    ("models/phi-4/thinking", ..., ["models.phi-4: add `thinking`"]),
    ("models/phi-4/gpus", 0, ["models.phi-4: study `open-reasoning`", "gpus: 1"]),
    ("models/phi-4/sampling/top_p", 1.5, ["models.phi-4.sampling.top_p", "1.5"]),
    ("models/Phi_4", {}, ["models: 'Phi_4' is not a valid name", "hyphens"]),
    ("benchmarks/gsm8k/split", ..., ["benchmarks.gsm8k: with `repository` it also needs `split`"]),
    ("benchmarks/short-chains/sha256", ..., ["benchmarks.short-chains: with `path` it also needs `sha256`"]),
    ("benchmarks/short-chains/sha256", 0, ["benchmarks.short-chains.sha256", "quotes"]),
    ("benchmarks/short-chains/split", "test", ["benchmarks.short-chains: `split`: only with `repository`"]),
    ("benchmarks/gsm8k/gold_pattern", "####", ["benchmarks.gsm8k.gold_pattern", "0 groups"]),
    ("benchmarks/gsm8k/gold_pattern", "((", ["benchmarks.gsm8k.gold_pattern: not a regular expression"]),
    ("benchmarks/gsm8k/prompt", "Solve it.", ["benchmarks.gsm8k.prompt", "{question}"]),
    ("benchmarks/gsm8k/answer_type", "numbr", ["benchmarks.gsm8k.answer_type", "did you mean `number`?"]),
    ("benchmarks/gpqa-diamond/answer_type", "number", ["benchmarks.gpqa-diamond", "answer_type: choice"]),
    ("benchmarks/gsm8k/rows", "1319", ["benchmarks.gsm8k.rows", "a whole number"]),
    ("studies/pocket/samples", 0, ["studies.pocket.samples: 0"]),
    ("studies/open-reasoning/samples", {"gsm8k": 2}, ["samples: add math500", "or give one number"]),
    ("studies/pocket/caps", [8, 0, None], ["studies.pocket.caps", "Write caps: [0, 8, null]"]),
    ("studies/pocket/caps", [0, 8, 8, None], ["Write caps: [0, 8, null]"]),
    ("studies/pocket/caps", [None, 0], ["Write caps: [0, null]"]),
    ("studies/pocket/caps", [0, 500], ["studies.pocket.caps: 500 with an answer of 16 tokens", "above 516"]),
    ("studies/pocket/caps", [0, -1], ["studies.pocket.caps[1]", "-1"]),
    ("studies/pocket/kind", "mesured", ["studies.pocket.kind", "did you mean `measured`?"]),
    ("studies/pocket/engine/kv_cache_gib", ..., ["studies.pocket.engine: device cpu needs `kv_cache_gib`"]),
    ("studies/pocket/engine/dtype", ..., ["studies.pocket.engine: add `dtype`, or write kind: endpoint"]),
    ("studies/pocket/engine/url", "http://a/v1", ["studies.pocket.engine: `url`: only with kind: endpoint"]),
    (
        "studies/pocket/engine",
        {key: value for key, value in SERVED.items() if key != "url"},
        ["studies.pocket.engine: kind endpoint needs `url`"],
    ),
    (
        "studies/pocket/engine",
        SERVED | {"dtype": "float32"},
        ["`dtype`: not allowed with an endpoint; remove it"],
    ),
    (
        "studies/pocket/engine",
        SERVED | {"url": {"pocket-moe": "http://a/v1"}},
        ["url: add pocket-small, pocket-"],
    ),
    (
        "studies/pocket/engine",
        SERVED | {"url": "https://me:secret@a/v1"},
        ["engine.url", "Without a key in it"],
    ),
    (
        "models/phi-4/fetch_weights",
        False,
        ["models.phi-4: study `open-reasoning` runs it here and needs its weights"],
    ),
    ("studies/pocket/strategies", ["cott"], ["strategy `cott` is listed in study `pocket`", "`cot`"]),
    (
        "studies/pocket/benchmarks",
        ["short-chainss"],
        ["benchmark `short-chainss`", "`benchmarks:`", "`short-chains`"],
    ),
    ("studies/recorded/runs", "data/none.csv", ["studies.recorded.runs: there is no file data/none.csv"]),
    ("studies/recorded/answers", "data/none.parquet", ["studies.recorded.answers: there is no file data/none.parquet"]),
    ("studies/recorded/runs", ..., ["studies.recorded: add `runs` and `answers`, or `logs` of verdicts"]),
    ("studies/recorded/logs", [OWN], ["studies.recorded: `runs`, `answers`: not together with `logs`"]),
    ("studies/recorded", OWN_STUDY | {"logs": [OWN | {"file": "no.csv"}]}, ["logs[0].file: there is no file no.csv"]),
    ("studies/recorded", OWN_STUDY | {"logs": [OWN | {"benchmark": "quiz"}]}, ["`quiz` is not among the study's `labels`"]),
    ("studies/recorded", OWN_STUDY | {"logs": [OWN, OWN]}, ["logs[1]: a second log of mine on gpqa-diamond"]),
    ("studies/recorded", OWN_STUDY | {"logs": [OWN | {"release_date": "2026-13-01"}]}, ["logs[0].release_date"]),
    ("studies/recorded/prices", "data/none.csv", ["studies.recorded.prices: there is no file data/none.csv"]),
    ("studies/recorded/serving/device", "b20", ["studies.recorded.serving.device", "no device `b20`", "`b200`"]),
    ("studies/recorded/serving/devices", 0, ["studies.recorded.serving.devices"]),
    ("studies/recorded/caps", [1024, 512, None], ["studies.recorded.caps: caps must ascend", "[512, 1024, null]"]),
    ("studies/recorded/caps", [0, None], ["studies.recorded.caps"]),
    ("models/pocket-moe/path", "models/moe", ["models.pocket-moe.path: there is nothing at models/moe"]),
    (
        "studies/open-reasoning/analysis/device",
        "h10",
        [
            "studies.open-reasoning.analysis.device: data/hardware/ describes no device `h10`",
            "did you mean `h100`?",
        ],
    ),
    ("studies/pocket/caps", [0, 8.0], ["studies.pocket.caps[1]", "expected a whole number; write 8, not 8.0"]),
    ("studies/pocket/seed", 2**63, ["studies.pocket.seed", "write one below 2^63"]),
    ("studies/pocket/seed", 10**400, ["studies.pocket.seed", "write one below 2^63"]),
    ("models/phi-4/sampling/temperature", math.nan, ["models.phi-4.sampling.temperature", "nan is not a number to"]),
    ("models/phi-4/sampling/temperature", math.inf, ["inf is not a number to compute with; write a finite one"]),
    ("studies/pocket/engine/kv_cache_gib", math.inf, ["studies.pocket.engine.kv_cache_gib", "inf is not"]),
    ("models/phi-4/label", "a\ud800", ["models.phi-4.label: the text has half of a surrogate pair, \\ud800"]),
    ("models/phi-4/label", "a\0", ["models.phi-4.label: the text has a NUL"]),
    ("models/pocket-small/path", "data/pocket/models/smal", ["models.pocket-small.path: there is nothing at data/pocket"]),
    ("benchmarks/short-chains/path", "data/pocket/problems/shrt.jsonl", ["benchmarks.short-chains.path: there is nothing"]),
    ("models/pocket-small/temperature", 0.7, ["unknown key `temperature`; `temperature` belongs under `sampling`"]),
    ("models/pocket-small/temprature", 0.7, ["unknown key `temprature`; `temperature` belongs under `sampling`"]),
    ("models/pocket-small/lable", "x", ["unknown key `lable`; did you mean `label`?"]),
    ("models/pocket-hybrid/label", "Pocket small", ["'Pocket small' is the label of `pocket-small` too"]),
    ("models/pocket-small/path", "x/" * 5000, ["models.pocket-small.path"]),
]  # fmt: skip


@pytest.mark.parametrize(
    ("path", "value", "wanted"), MISTAKES, ids=[ascii(f"{m[0]}={m[1]}")[:60] for m in MISTAKES]
)
def test_a_mistake_gives_one_message(config, root, path, value, wanted):
    put(config, path, value)
    faults = faults_of(config, root)
    assert len(faults) == 1 + (path == "models/Phi_4"), faults
    for text in wanted:
        assert text in faults[0]


def test_reserved_names(config, root):
    config["benchmarks"]["mean"] = config["benchmarks"]["gsm8k"]
    config["strategies"]["reported"] = config["strategies"]["cot"]
    config["strategies"]["cut"] = config["strategies"]["cot"]
    faults = faults_of(config, root)
    assert sorted(fault.split(":")[0] for fault in faults) == [
        "benchmarks.mean",
        "strategies.cut",
        "strategies.reported",
    ]


def test_code_from_the_hub_only_at_a_known_commit(config, root):
    config["models"]["phi-4"] |= {"trust_remote_code": True, "revision": "main"}
    assert "revision` of 40 digits" in faults_of(config, root)[0]
    config["models"]["phi-4"]["revision"] = REVISION
    load.check(config, root)


@pytest.mark.parametrize("kind", ["benchmarks", "models", "strategies"])
def test_the_block_to_paste_is_itself_right(config, root, kind):
    name = "zz9" if kind == "strategies" else "zz9-zz9"
    put(config, f"studies/pocket/{kind}", [name])
    message = faults_of(config, root)[0]
    assert message.startswith(f"{kind.replace('ies', 'y').rstrip('s')} `{name}` is listed in study `pocket`")
    assert f"has no block under `{kind}:`. Add:\n  {name}:" in message
    pasted = yaml.safe_load(BLOCKS[kind].format(name=name))
    text = json.dumps(pasted).replace("YYYY-MM-DD", "2025-01-01").replace("<64 hex digits", "0" * 64)
    block = json.loads(text)[name]
    if kind == "benchmarks":
        block["sha256"] = block["sha256"][:64]
    config[kind][name] = block
    assert not schema_faults(config)


def test_a_near_name_is_offered_together_with_the_block(config, root):
    put(config, "studies/pocket/models", ["pocket-larg"])
    fault = faults_of(config, root)[0]
    assert "Did you mean `pocket-large`? If not, add:" in fault and "repository:" in fault


def test_all_faults_are_listed_together(config, root):
    put(config, "models/phi-4/lable", 1)
    put(config, "models/gemma-3-4b-it/release_date", date(2025, 3, 12))
    put(config, "studies/pocket/samples", 0)
    assert len(faults_of(config, root)) == 3
    config = yaml.safe_load(TEXT)
    put(config, "run", ["pockets"])
    put(config, "studies/pocket/caps", [8, 0, 600])
    put(config, "models/phi-4/release_source", ...)
    assert len(faults_of(config, root)) == 4


def test_an_unquoted_date_in_the_file_itself(root):
    text = TEXT.replace('"2025-01-08"', "2025-01-08")
    assert text != TEXT
    assert 'release_date: "2025-01-08"' in faults_of(yaml.safe_load(text), root)[0]


@settings(max_examples=40, deadline=None)
@given(st.lists(st.one_of(st.none(), st.integers(0, 600)), min_size=1, max_size=6))
def test_caps_pass_exactly_when_ascending_and_within_the_context(caps):
    config = yaml.safe_load(TEXT)
    config["studies"]["pocket"]["caps"] = caps
    finite = [cap for cap in caps if cap is not None]
    right = (
        finite == sorted(set(finite))
        and caps.count(None) <= 1
        and (None not in caps or caps[-1] is None)
        and all(cap + 16 < 512 for cap in finite)
    )
    faults = [fault for fault in cross_faults(config, ROOT) if ".caps" in fault]
    assert (not faults) == right


def places(value, path=()):
    """Yield the path of everything in a configuration."""
    for key, item in value.items() if isinstance(value, dict) else enumerate(value):
        yield (*path, key)
        if isinstance(item, dict | list):
            yield from places(item, (*path, key))


SHIPPED = yaml.safe_load(TEXT)
PLACES = list(places(SHIPPED))
ODD = [
    None, True, -1, 0, 8.0, 2**70, 10**400, math.inf, math.nan, 1e308, "", "x" * 10_000, "\ud800", "\0", "../x", "{a}",
    b"x", [], {}, [[]], [None], {"a": 1}, date(2025, 1, 1), (1, 2),
]  # fmt: skip


@settings(max_examples=150)
@given(st.sampled_from(PLACES), st.sampled_from(ODD))
def test_anything_anywhere_is_right_or_a_message(place, odd):
    config = copy.deepcopy(SHIPPED)
    *inner, last = place
    block = config
    for key in inner:
        block = block[key]
    block[last] = odd
    with contextlib.suppress(UserError):
        load.check(config, ROOT)
        load.load(config)
