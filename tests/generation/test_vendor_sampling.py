"""The sampling of a block against that of its checkpoint, and the blocks of the open-reasoning study."""

import pytest
import yaml

from frontiers.generation.vendor_sampling import differing
from support.paths import ROOT

GEMMA = {
    "cache_implementation": "hybrid",
    "do_sample": True,
    "eos_token_id": [1, 106],
    "top_k": 64,
    "top_p": 0.95,
}
GREEDY = {"temperature": 0.0, "top_p": 1.0, "top_k": 0, "frequency_penalty": 0.0}
CONFIG = yaml.safe_load((ROOT / "config.yaml").read_text())


def test_what_a_checkpoint_says_otherwise_is_named():
    assert differing(GREEDY, GEMMA) == [
        "top_k 64 in generation_config.json, 0 here",
        "top_p 0.95 in generation_config.json, 1 here",
        "temperature 1 in generation_config.json, 0 here",
    ]
    assert differing(CONFIG["models"]["gemma-3-4b-it"]["sampling"], GEMMA) == []
    assert differing(GREEDY, {}) == differing(GREEDY, {"eos_token_id": 2, "temperature": None}) == []
    assert differing(GREEDY, {"repetition_penalty": 1.1}) == [
        "repetition_penalty 1.1 in generation_config.json, 1 here"
    ]


@pytest.mark.parametrize("name", CONFIG["studies"]["open-reasoning"]["models"])
def test_every_model_says_where_its_sampling_is_from(name):
    block = CONFIG["models"][name]
    assert block["sampling_source"]
    assert block["sampling"]["frequency_penalty"] == 0


def test_the_penalty_is_a_block_of_its_own_in_no_study():
    name = "gpt-oss-20b-high-penalised"
    plain, penalised = CONFIG["models"]["gpt-oss-20b-high"], CONFIG["models"][name]
    assert penalised["sampling"] == plain["sampling"] | {"frequency_penalty": 0.05}
    assert {k for k in plain if plain[k] != penalised[k]} == {"label", "sampling", "sampling_source"}
    assert not any(name in study.get("models", []) for study in CONFIG["studies"].values())
