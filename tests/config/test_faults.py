"""config.yaml and its schema: the shipped one is right, and each mistake gives one message with the fix."""

import copy
import json
from datetime import date
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from frontiers.config import load
from frontiers.config import study as configuration
from frontiers.config.faults import BLOCKS, ENDPOINT_ONLY, cross_faults
from frontiers.config.schema import resolved, schema, schema_faults
from frontiers.core.cli import UserError
from support.paths import ROOT

TEXT = (ROOT / "config.yaml").read_text()
SCHEMA = schema()
SERVED = {"kind": "endpoint", "url": "http://a:8000/v1", "max_model_len": 256, "max_num_seqs": 8}
REVISION = "0123456789abcdef0123456789abcdef01234567"


@pytest.fixture
def config() -> dict:
    return yaml.safe_load(TEXT)


@pytest.fixture
def root(tmp_path) -> Path:
    """A project that holds what the shipped configuration reads and no rule makes."""
    (tmp_path / "data" / "published").mkdir(parents=True)
    (tmp_path / "data" / "published" / "open_models.csv").write_text("model\n")
    (tmp_path / "data" / "hardware").mkdir()
    for name in ("cpu", "h100", "kinetics"):
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


def test_shipped_studies(config):
    assert config["run"] == ["pocket", "published"]
    study = config["studies"]["open-reasoning"]
    assert study["benchmarks"] == ["gsm8k", "math500", "aime-2025", "hmmt-feb-2025", "gpqa-diamond"]
    assert [config["benchmarks"][b]["rows"] for b in study["benchmarks"]] == [1319, 500, 30, 30, 198]
    assert study["caps"] == [0, 512, 1024, 2048, 4096, 8192, 16384, 32768, None]
    checkpoints = {config["models"][model]["repository"] for model in study["models"]}
    assert (len(study["models"]), len(checkpoints)) == (19, 17)
    assert len(config["studies"]["pocket"]["caps"]) == 9
    assert len(config["studies"]["pocket"]["models"]) == 7


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
        date(2024, 12, 12),
        ["models.phi-4.release_date", 'release_date: "2024-12-12"'],
    ),
    ("models/phi-4/release_date", "2024-2-1", ["models.phi-4.release_date", "YYYY-MM-DD"]),
    ("models/phi-4/release_date", "2025-02-30", ["models.phi-4.release_date", "2025-02-30 is not a day"]),
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
    ("studies/pocket/caps", [0, 240], ["studies.pocket.caps: 240 with an answer of 16 tokens", "above 256"]),
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
    ("studies/published/table", "data/none.csv", ["studies.published.table: there is no file data/none.csv"]),
    ("models/pocket-moe/path", "models/moe", ["models.pocket-moe.path: there is nothing at models/moe"]),
    (
        "studies/open-reasoning/analysis/device",
        "h10",
        [
            "studies.open-reasoning.analysis.device: data/hardware/ describes no device `h10`",
            "did you mean `h100`?",
        ],
    ),
]


@pytest.mark.parametrize(("path", "value", "wanted"), MISTAKES, ids=[f"{m[0]}={m[1]}" for m in MISTAKES])
def test_a_mistake_gives_one_message(config, root, path, value, wanted):
    put(config, path, value)
    faults = faults_of(config, root)
    assert len(faults) == 1 + (path == "models/Phi_4"), faults
    for text in wanted:
        assert text in faults[0]


def test_reserved_names(config, root):
    config["benchmarks"]["mean"] = config["benchmarks"]["gsm8k"]
    config["strategies"]["reported"] = config["strategies"]["cot"]
    assert ["mean" in fault for fault in faults_of(config, root)] == [False, True]


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
    put(config, "studies/pocket/caps", [8, 0, 300])
    put(config, "models/phi-4/release_source", ...)
    assert len(faults_of(config, root)) == 4


def test_an_unquoted_date_in_the_file_itself(root):
    text = TEXT.replace('"2024-12-12"', "2024-12-12")
    assert text != TEXT
    assert 'release_date: "2024-12-12"' in faults_of(yaml.safe_load(text), root)[0]


def _objects(rule: dict, path: tuple = ()):
    """Yield every object schema that names its properties, once, with its path in the schema."""
    if "properties" in rule:
        yield path, rule
    for key, inner in rule.items():
        if isinstance(inner, dict):
            yield from _objects(inner, (*path, key))


def test_schema_is_strict_and_described():
    found = 0
    for path, rule in _objects(SCHEMA):
        if path[-1:] in (("study",), ("if",)):
            continue
        assert rule["additionalProperties"] is False, path
        for name, described in rule["properties"].items():
            found += 1
            assert len(described.get("description", "")) > 8, (path, name)
            types = (
                {described.get("type")}
                if isinstance(described.get("type"), str)
                else {*described.get("type", [])}
            )
            items = described.get("items", {}).get("type", [])
            if {"number", "integer"} & (types | {*([items] if isinstance(items, str) else items)}):
                assert "x-unit" in described, (path, name)
    assert found > 60


NOT_IN_CONFIG = {
    *(("model", key) for key in ("sha256", "trust_remote_code", "fetch_weights", "shards", "nodes")),
    *(("engine", key) for key in ("kind", "piece_tokens", *ENDPOINT_ONLY)),
    ("analysis", "usd_per_hour"),
    ("measured", "judge"),
    *(("imported", key) for key in SCHEMA["$defs"]["imported"]["properties"]),
    *(("log", key) for key in SCHEMA["$defs"]["log"]["properties"]),
    *(("log.columns", key) for key in SCHEMA["$defs"]["log"]["properties"]["columns"]["properties"]),
}
"""Optional properties that the shipped configuration has no use for."""


def test_schema_and_configuration_do_not_drift(config):
    """Every property of the schema is used by config.yaml, and so is described what config.yaml uses."""
    used: set[tuple[str, str]] = set()

    def visit(value, rule, name):
        rule_name = rule.get("$ref", name).rpartition("/")[2]
        rule = resolved(rule, value)
        if "kind" in rule.get("properties", {}) and rule_name != "engine":
            rule_name = value["kind"]
        if isinstance(value, dict):
            known = rule.get("properties", {})
            for key, item in value.items():
                if key in known:
                    used.add((rule_name, key))
                visit(item, known.get(key, rule.get("additionalProperties") or {}), f"{rule_name}.{key}")

    visit(config, SCHEMA, "top")
    defined = {("top", key) for key in SCHEMA["properties"]}
    for name, rule in SCHEMA["$defs"].items():
        if name != "study":
            for key, inner in rule.get("properties", {}).items():
                defined |= {
                    (name, key),
                    *((f"{name}.{key}", deeper) for deeper in inner.get("properties", {})),
                }
    assert defined - used == NOT_IN_CONFIG
    assert used - defined == set()


def test_load_fills_defaults_and_leaves_the_original_alone(config):
    before = copy.deepcopy(config)
    loaded = load.load(config)
    assert config == before
    assert loaded["models"]["pocket-small"]["template"] == {}
    assert loaded["models"]["pocket-small"]["gpus"] == 0
    assert loaded["models"]["phi-4"]["trust_remote_code"] is False
    assert loaded["benchmarks"]["short-chains"]["prompt"] == "{question}"
    assert loaded["benchmarks"]["gsm8k"]["columns"]["distractors"] == []
    assert load.load(loaded) == loaded
    del config["studies"]["pocket"]["samples"]
    assert load.load(config)["studies"]["pocket"]["samples"] == 1
    with pytest.raises(UserError, match="unknown key"):
        load.load({**config, "studys": {}})


def test_identity_holds_what_changes_tokens_and_nothing_else(config):
    model = config["models"]["gpt-oss-20b-high"]
    identity = json.loads(configuration.identity(model))
    assert set(identity) == {
        "repository", "revision", "thinking", "sampling", "template", "trust_remote_code"
    }  # fmt: skip
    for key, value in {
        "label": "x",
        "developer": "x",
        "release_date": "2020-01-01",
        "gpus": 8,
        "memory_mb": 1,
    }.items():
        assert configuration.identity({**model, key: value}) == configuration.identity(model)
    for key, value in {"revision": REVISION, "template": {"reasoning_effort": "low"}}.items():
        assert configuration.identity({**model, key: value}) != configuration.identity(model)
    explicit = {**model, "trust_remote_code": False}
    assert configuration.identity(explicit) == configuration.identity(model)
    assert configuration.canonical(configuration.identity(model)) == configuration.identity(model)


def test_source_holds_what_is_fetched(config):
    model, benchmark = config["models"]["phi-4"], config["benchmarks"]["gsm8k"]
    assert json.loads(configuration.source("models", model)) == {
        "repository": "microsoft/phi-4",
        "revision": model["revision"],
    }
    assert configuration.source("benchmarks", {**benchmark, "label": "x"}) == configuration.source(
        "benchmarks", benchmark
    )
    assert configuration.source("benchmarks", {**benchmark, "rows": 1}) != configuration.source(
        "benchmarks", benchmark
    )


def test_a_small_context_leaves_out_the_caps_that_do_not_fit(config):
    study = config["studies"]["open-reasoning"]
    caps = {name: configuration.caps(study, config["models"][name]) for name in study["models"]}
    assert caps["phi-4"] == [0, 512, 1024, 2048, 4096, 8192, None]
    assert caps["gemma-3-1b-it"][-2:] == [16384, None]
    assert caps["qwen3-4b-thinking-2507"] == study["caps"]
    engines = {
        name: json.loads(configuration.engine(study, config["models"][name])) for name in study["models"]
    }
    assert engines["phi-4"]["max_model_len"] == 16384
    assert engines["qwen3-4b-thinking-2507"]["max_model_len"] == study["engine"]["max_model_len"]


def test_samples_of_a_greedy_model_are_one(config):
    study = config["studies"]["open-reasoning"]
    assert configuration.samples(study, "aime-2025") == 8
    assert configuration.samples(study, "aime-2025", config["models"]["qwen3-4b-thinking-2507"]) == 8
    assert configuration.samples(study, "aime-2025", config["models"]["phi-4"]) == 1
    assert configuration.samples({"samples": 3}, "x") == 3
    assert configuration.samples({}, "x") == 1


def test_helpers_of_the_rules(config, tmp_path):
    pocket = config["studies"]["pocket"]
    assert len(configuration.pairs(pocket)) == 21
    assert configuration.pairs(pocket)[0] == ("pocket-small", "short-chains", "cot")
    assert configuration.labels(config, pocket)["middle-chains"] == "Middle chains"
    assert next(iter(configuration.labels(config, config["studies"]["published"]))) == "gpqa-diamond"
    assert configuration.display(config["models"]["phi-4"]) == {
        "label": "Phi-4",
        "developer": "Microsoft",
        "release_date": "2024-12-12",
    }
    (tmp_path / "b").write_text("")
    (tmp_path / "a").write_text("")
    assert configuration.local_files({"path": str(tmp_path)}) == [str(tmp_path / "a"), str(tmp_path / "b")]
    assert configuration.local_files({"path": str(tmp_path / "a")}) == [str(tmp_path / "a")]
    assert (
        configuration.local_files({"path": "nowhere"})
        == configuration.local_files({"repository": "a/b"})
        == []
    )


def test_names_as_a_regular_expression(config):
    import re

    pattern = re.compile(configuration.one_of(config["models"]))
    assert all(pattern.fullmatch(name) for name in config["models"])
    assert not pattern.fullmatch("llama-3x1-8b-instruct")


@settings(max_examples=40, deadline=None)
@given(st.lists(st.one_of(st.none(), st.integers(0, 400)), min_size=1, max_size=6))
def test_caps_pass_exactly_when_ascending_and_within_the_context(caps):
    config = yaml.safe_load(TEXT)
    config["studies"]["pocket"]["caps"] = caps
    finite = [cap for cap in caps if cap is not None]
    right = (
        finite == sorted(set(finite))
        and caps.count(None) <= 1
        and (None not in caps or caps[-1] is None)
        and all(cap + 16 < 256 for cap in finite)
    )
    faults = [fault for fault in cross_faults(config, ROOT) if ".caps" in fault]
    assert (not faults) == right
