"""When generations are current: every field that a study asks of them, their problems, checkpoint and code."""

import copy
import json

import pytest
import yaml

from frontiers.config import currency, provenance
from frontiers.config.study import source
from frontiers.core import sealed
from frontiers.core.files import sha256_of
from support.paths import ROOT

REWARD = {"name": "judge", "reward": {"separator": "\n", "memory_share": 0.3}, "context": None}


@pytest.fixture
def made(tmp_path):
    """What is asked of pocket-small, and the files of a generation that is current."""
    config = yaml.safe_load((ROOT / "config.yaml").read_text())
    study, model = config["studies"]["pocket"], config["models"]["pocket-small"]
    problems, manifest, reward_manifest, path = (
        tmp_path / name for name in ("b.jsonl", "model.json", "reward.json", "b.cot.json")
    )
    problems.write_text("{}\n")
    manifest.write_text(json.dumps({"files": {"a": "1"}, provenance.MADE_BY: "x"}))
    reward_manifest.write_text(json.dumps({"files": {"a": "2"}}))
    wanted = currency.asked(study, model, "short-chains", {"method": "chain"}, REWARD, "env")
    manifests = {"manifest": manifest, "reward_manifest": reward_manifest}
    recorded = copy.deepcopy(wanted) | {
        "code": "c0de",
        "problems_sha256": sha256_of(problems),
        "manifest": {"files": {"a": "1"}},
        "reward_manifest": {"files": {"a": "2"}},
    }
    sealed.write(path, recorded)
    return path, wanted, problems, manifests


def test_a_provenance_is_current_if_it_says_what_is_asked(made):
    manifests = made[-1]
    assert currency.is_current(*made, "c0de") and currency.is_current(*made, None)
    assert not currency.is_current(*made, "other")
    manifests["manifest"].write_text(json.dumps({"files": {"a": "1"}, provenance.MADE_BY: "y"}))
    assert currency.is_current(*made, "c0de"), "by which code a manifest was written decides no token"


@pytest.mark.parametrize(
    "key",
    [
        "identity", "caps", "samples", "answer_tokens", "seed", "engine", "strategy", "reward_model", "environment",
        "problems_sha256", "manifest", "reward_manifest",
    ],
)  # fmt: skip
def test_any_field_that_differs_or_is_missing_is_named(made, key):
    path, wanted, problems, manifests = made
    recorded = sealed.read(path)
    for other in ({**recorded, key: "odd"}, {k: v for k, v in recorded.items() if k != key}):
        assert currency.differing(other, wanted, problems, manifests) == [key]
        sealed.write(path, other)
        assert not currency.is_current(path, wanted, problems, manifests, "c0de")


@pytest.mark.parametrize("key", ["reward_model", "environment"])
def test_what_is_no_longer_asked_differs(made, key):
    path, wanted, problems, manifests = made
    less = {k: v for k, v in wanted.items() if k != key}
    assert currency.differing(sealed.read(path), less, problems, manifests) == [key]


def test_edited_problems_and_checkpoints_differ(made):
    path, wanted, problems, manifests = made
    problems.write_text("{ }\n")
    assert currency.differing(sealed.read(path), wanted, problems, manifests) == ["problems_sha256"]
    manifests["reward_manifest"].write_text('{"files": {"a": "3"}}')
    assert not currency.is_current(*made, None)


def test_an_edited_provenance_is_not_current(made):
    made[0].write_text(made[0].read_text().replace("c0de", "0ther"))
    assert not currency.is_current(*made, "0ther") and not currency.is_current(*made, None)


@pytest.mark.parametrize("text", ["", "{", "[]", '"a"', "null", "\x00", "7"])
def test_torn_files_are_not_current(made, text):
    made[0].write_text(text)
    assert not currency.is_current(*made, None)
    assert not currency.is_made_by(made[0], "x")


def test_the_share_of_memory_of_a_reward_model_decides_nothing(made):
    other = copy.deepcopy(REWARD)
    other["reward"]["memory_share"] = 0.5
    assert provenance.reading(other) == provenance.reading(REWARD)
    other["reward"]["separator"] = ";"
    assert provenance.reading(other) != provenance.reading(REWARD)


def test_a_download_says_by_what_it_was_made(tmp_path):
    block = {"path": "a", "sha256": "b", "rows": 1}
    digest = currency.made_by("c0de", source("benchmarks", block))
    (tmp_path / "b.json").write_text(json.dumps({provenance.MADE_BY: digest}))
    assert currency.is_made_by(tmp_path / "b.json", digest)
    others = [("c0de", {**block, "rows": 2}), ("other", block)]
    for code, changed in others:
        assert not currency.is_made_by(
            tmp_path / "b.json", currency.made_by(code, source("benchmarks", changed))
        )
