"""What the rules read from config.yaml: identities, sources, caps, samples, pairs."""

import json
import re

import pytest
import yaml

from frontiers.config import study as configuration
from support.paths import ROOT

REVISION = "0123456789abcdef0123456789abcdef01234567"


@pytest.fixture
def config() -> dict:
    return yaml.safe_load((ROOT / "config.yaml").read_text())


def test_labels_of_recorded_models_are_those_of_their_runs(config):
    labels = configuration.labels_of_runs(ROOT / config["studies"]["recorded"]["runs"])
    assert len(labels) == 53 and labels["phi-4"] == "Phi-4"
    assert list(labels) == list(configuration.labels_of_runs(ROOT / config["studies"]["recorded"]["runs"]))


def test_shipped_studies(config):
    assert config["run"] == ["recorded", "pocket"]
    study = config["studies"]["open-reasoning"]
    assert study["benchmarks"] == ["gsm8k", "math500", "aime-2025", "hmmt-feb-2025", "gpqa-diamond"]
    assert [config["benchmarks"][b]["rows"] for b in study["benchmarks"]] == [1319, 500, 30, 30, 198]
    assert study["caps"] == [0, 512, 1024, 2048, 4096, 8192, 16384, 32768, None]
    checkpoints = {config["models"][model]["repository"] for model in study["models"]}
    assert (len(study["models"]), len(checkpoints)) == (19, 17)
    assert len(config["studies"]["pocket"]["caps"]) == 9
    assert len(config["studies"]["pocket"]["models"]) == 8


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
    assert len(configuration.pairs(pocket)) == 24
    assert configuration.pairs(pocket)[0] == ("pocket-small", "short-chains", "cot")
    assert configuration.labels(config, pocket)["middle-chains"] == "Middle chains"
    assert next(iter(configuration.labels(config, config["studies"]["published"]))) == "gpqa-diamond"
    assert configuration.display(config["models"]["phi-4"]) == {
        "label": "Phi-4",
        "developer": "Microsoft",
        "release_date": "2025-01-08",
        "mode": "instruct",
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
    pattern = re.compile(configuration.one_of(config["models"]))
    assert all(pattern.fullmatch(name) for name in config["models"])
    assert not pattern.fullmatch("llama-3x1-8b-instruct")


def test_facts_of_benchmarks_come_from_the_study_or_from_their_blocks(config):
    study = config["studies"]["published"]
    assert configuration.facts(config, study) == {
        "gpqa-diamond": {"chance": 0.25, "public_since": "2023-11-20"},
        "math-level-5": {"public_since": "2021-03-05"},
        "otis-mock-aime-2024-2025": {},
    }
    stated = study | {"chance": {"gpqa-diamond": 0.2}}
    assert configuration.facts(config, stated)["gpqa-diamond"]["chance"] == 0.2
    measured = configuration.facts(config, config["studies"]["open-reasoning"])
    assert measured["gpqa-diamond"]["chance"] == 0.25 and "chance" not in measured["gsm8k"]
    block = config["benchmarks"]["gpqa-diamond"]
    assert configuration.source("benchmarks", block) == configuration.source(
        "benchmarks", {**block, "chance": 0.2}
    )
