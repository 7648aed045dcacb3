"""Strategies in config.yaml: every fault is one message that says where it is and how to mend it."""

import copy

import pytest
import yaml

from frontiers.config import load
from frontiers.config import strategies as config_strategies
from frontiers.config import study as configuration
from frontiers.core.cli import UserError
from support.paths import ROOT

CONFIG = yaml.safe_load((ROOT / "config.yaml").read_text())
TREE = {
    "label": "t", "method": "rebase", "width": 4, "temperature": 0.2, "reward": "pocket-reward", "step": ".",
    "depth": 3, "step_tokens": 9,
}  # fmt: skip


@pytest.mark.parametrize(
    ("block", "wanted"),
    [
        (TREE | {"width": 0}, ["strategies.odd.width", "0 is less than"]),
        (TREE | {"temperature": 0}, ["strategies.odd.temperature"]),
        (TREE | {"step": ""}, ["strategies.odd.step"]),
        ({k: v for k, v in TREE.items() if k != "step"}, ["strategies.odd", "also needs `step`"]),
        (
            TREE | {"reward": "pocket-small"},
            ["strategies.odd.reward", "is not a reward model (no `reward:` block)"],
        ),
        (TREE | {"reward": "pocket-rewards"}, ["did you mean `pocket-reward`?"]),
        (TREE | {"expansion": 2}, ["`expansion`", "not used by method rebase"]),
        (TREE | {"method": "beam"}, ["strategies.odd", "`expansion`", "`temperature`"]),
        (
            {"label": "v", "method": "vote", "of": "cots", "n": 3},
            ["strategies.odd.of", "did you mean `cot`?"],
        ),
        ({"label": "v", "method": "vote", "of": "cot"}, ["strategies.odd", "add `n`"]),
        ({"label": "v", "method": "vote", "of": "vote_4", "n": 3}, ["decodes nothing", "cot"]),
        (
            {"label": "v", "method": "vote", "of": "rebase_16", "n": 3},
            ["strategies.odd.n", "all leaves of a tree are used"],
        ),
        ({"label": "b", "method": "best_of_n", "of": "cot", "n": 3}, ["also needs `reward`"]),
        (
            {"label": "b", "method": "best_of_n", "of": "rebase_16", "reward": "math-shepherd"},
            ["are scored by pocket-reward"],
        ),
        ({"label": "c", "method": "chain", "n": 3}, ["`n`", "not used by method chain"]),
        ({"label": "e", "method": "extend", "times": 1}, ["also needs `text`"]),
    ],
)
def test_a_mistake_in_a_strategy(block, wanted):
    config = copy.deepcopy(CONFIG)
    config["strategies"]["odd"] = block
    with pytest.raises(UserError) as error:
        load.check(config, ROOT)
    for text in wanted:
        assert text in str(error.value)


def test_a_beam_of_no_whole_number_of_nodes():
    config = copy.deepcopy(CONFIG)
    config["strategies"]["beam_16"]["expansion"] = 5
    with pytest.raises(UserError, match="not a multiple of `expansion` 5"):
        load.check(config, ROOT)


@pytest.mark.parametrize(
    ("path", "value", "wanted"),
    [
        (("samples",), 8, "vote_16 makes an answer of 16 samples, of which there are 8"),
        (
            ("engine",),
            {"kind": "endpoint", "url": "http://a/v1", "max_model_len": 256, "max_num_seqs": 8},
            "needs a reward model, which an endpoint does not serve",
        ),
    ],
)
def test_a_study_that_cannot_run_its_strategies(path, value, wanted):
    config = copy.deepcopy(CONFIG)
    config["studies"]["pocket-strategies"][path[0]] = value
    with pytest.raises(UserError, match=wanted):
        load.check(config, ROOT)


def test_a_reward_model_writes_nothing():
    config = copy.deepcopy(CONFIG)
    config["models"]["pocket-reward"]["sampling"] = {"temperature": 0}
    with pytest.raises(UserError, match="a reward model writes nothing"):
        load.check(config, ROOT)
    del config["models"]["pocket-reward"]["reward"], config["models"]["pocket-reward"]["sampling"]
    with pytest.raises(UserError, match="or `reward` for a reward model"):
        load.check(config, ROOT)


def test_trees_have_one_sample_and_no_cap():
    study, model = CONFIG["studies"]["pocket-strategies"], CONFIG["models"]["pocket-small"]
    tree = CONFIG["strategies"]["rebase_16"]
    assert configuration.caps(study, model, tree) == [None]
    assert configuration.samples(study, "strategy-chains", model, tree) == 1
    assert configuration.samples(study, "strategy-chains", model, CONFIG["strategies"]["cot"]) == 16
    assert config_strategies.decoded("rebase_16_vote", CONFIG["strategies"]) == "rebase_16"
