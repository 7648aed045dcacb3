"""Imported studies in config.yaml: what is derived, and one message for each mistake."""

import copy
import shutil

import pytest
import yaml

from frontiers.config import load
from frontiers.config import study as configuration
from frontiers.core.cli import UserError
from support.workflow_copy import ROOT

LOG = {"format": "lm-eval", "file": "logs/samples.jsonl"}
STUDY = {
    "kind": "imported",
    "strategy": "cot",
    "logs": {
        "pocket-small": {"short-chains": [LOG], "long-chains": [LOG]},
        "phi-4": {"long-chains": [LOG | {"cap": 64}]},
    },
    "caps": [64, None],
    "analysis": {"draws": 100, "seed": 1, "device": "kinetics"},
}


@pytest.fixture
def config(tmp_path):
    """The shipped configuration with an imported study, whose log is there."""
    config = yaml.safe_load((ROOT / "config.yaml").read_text())
    config["studies"]["others"] = copy.deepcopy(STUDY)
    config["run"] = ["others"]
    devices = [str(path.relative_to(ROOT)) for path in (ROOT / "data/hardware").iterdir()]
    for name in (*devices, "logs/samples.jsonl"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "data/pocket").mkdir()
    shutil.copy(ROOT / "data/pocket/recipes.yaml", tmp_path / "data/pocket")
    return config


def test_lists_are_derived_from_the_logs(config, tmp_path):
    load.check(config, tmp_path)
    study = load.load(config)["studies"]["others"]
    assert study["models"] == ["pocket-small", "phi-4"]
    assert study["benchmarks"] == ["short-chains", "long-chains"]
    assert study["strategies"] == ["cot"]
    assert study["samples"] == 1
    assert configuration.pairs(study) == [
        ("pocket-small", "short-chains", "cot"),
        ("pocket-small", "long-chains", "cot"),
        ("phi-4", "long-chains", "cot"),
    ]
    assert list(configuration.labels(config, study)) == ["short-chains", "long-chains"]


def test_without_caps_logs_are_uncapped(config):
    del config["studies"]["others"]["caps"]
    assert load.load(config)["studies"]["others"]["caps"] == [None]


# Path below the study, the value that is wrong there (... deletes), and what the only message must hold.
MISTAKES = [
    ("strategy", "cott", ["strategy `cott`", "Did you mean `cot`?"]),
    ("strategy", ..., ["studies.others: add `strategy`"]),
    ("logs", ..., ["studies.others: add `logs`"]),
    ("logs", {}, ["studies.others.logs"]),
    ("logs/pocket-smal", {"short-chains": [LOG]}, ["model `pocket-smal`", "Did you mean `pocket-small`?"]),
    ("logs/phi-4/long-chains/0/id_pattern", "p(.*)", ["id_pattern: there is no id to search", "columns: {id: …}"]),
    ("logs/phi-4/long-chains/0", LOG | {"columns": {"id": "i"}, "id_pattern": "p("}, ["not a regular expression"]),
    ("logs/phi-4/long-chains/0", LOG | {"columns": {"id": "i"}, "id_pattern": "p"}, ["it has 0 groups"]),
    ("logs/phi-4/long-chains/0/records", "rows", ["only a table in one JSON document has a list of records"]),
    ("logs/phi-4/long-chains/0/where", {}, ["studies.others.logs.phi-4.long-chains[0].where"]),
    ("logs/phi-4/short-chain", [LOG], ["benchmark `short-chain`", "`short-chains`"]),
    ("logs/phi-4/long-chains", LOG, ["studies.others.logs.phi-4.long-chains", "a list"]),
    ("logs/phi-4/long-chains", [], ["studies.others.logs.phi-4.long-chains"]),
    ("logs/phi-4/long-chains/0/format", "lmeval", ["did you mean `lm-eval`?"]),
    ("logs/phi-4/long-chains/0/file", ..., ["add `file`"]),
    ("logs/phi-4/long-chains/0/file", "logs/none.jsonl", ["long-chains[0].file: there is no file", "correct the path"]),
    ("logs/phi-4/long-chains/0/format", "inspect", ["ends in .eval or .json", "correct `format` or `file`"]),
    ("logs/phi-4/long-chains/0/columns", {"completion": "x"}, ["format lm-eval fixes these columns", "all but `id`"]),
    ("logs/phi-4/long-chains/0/columns", {"complation": "x"}, ["did you mean `completion`?"]),
    ("logs/phi-4/long-chains/0/max_tokens", 0, ["max_tokens"]),
    ("logs/phi-4/long-chains/0/cap", 32, ["32 is not one of the study's `caps`", "add it there"]),
    ("logs/phi-4/long-chains/0", LOG | {"format": "table", "columns": {"id": "a"}}, ["columns: add `completion`"]),
    ("logs/phi-4/long-chains/0", LOG | {"format": "table", "columns": {"completion": "a"}}, ["add `id`, `question`"]),
    ("caps", [None, 64], ["Write caps: [64, null]"]),
    ("samples", 0, ["studies.others.samples"]),
    ("samples", {"short-chains": 2}, ["samples: add long-chains"]),
    ("samples", {"short-chains": 2, "long-chains": 1, "gsm8k": 1}, ["`gsm8k` is not a benchmark of", "they are: short-"]),
    ("judge", "phi-4", ["a judge and the engine that runs it go together", "add `engine`, or remove `judge`"]),
    ("models", ["phi-4"], ["unknown key `models`"]),
    ("kind", "importd", ["did you mean `imported`?"]),
    ("analysis/device", "h1000", ["no device `h1000`"]),
]  # fmt: skip


@pytest.mark.parametrize(("path", "value", "parts"), MISTAKES)
def test_a_mistake_gives_one_message(config, tmp_path, path, value, parts):
    *steps, last = path.split("/")
    place = config["studies"]["others"]
    for step in steps:
        place = place[int(step) if step.isdigit() else step]
    last = int(last) if last.isdigit() else last
    if value is ...:
        del place[last]
    else:
        place[last] = value
    with pytest.raises(UserError) as error:
        load.check(config, tmp_path)
    faults = str(error.value).split("\n- ")[1:]
    told = [fault for fault in faults if all(part in fault for part in parts)]
    assert len(told) == 1, faults
    if path != "kind":
        assert len(faults) == 1, faults


def test_files_of_studies_that_do_not_run_are_not_looked_for(config, tmp_path):
    (tmp_path / "logs/samples.jsonl").unlink()
    config["run"] = ["open-reasoning"]
    load.check(config, tmp_path)
    config["run"] = ["others"]
    with pytest.raises(UserError, match="3 faults"):
        load.check(config, tmp_path)


def test_a_judge_needs_a_block_as_any_model_does(config, tmp_path):
    engine = {
        "device": "cpu",
        "dtype": "float32",
        "max_model_len": 256,
        "max_num_seqs": 8,
        "kv_cache_gib": 0.1,
    }
    config["studies"]["others"] |= {"judge": "pocket-judge", "engine": engine}
    load.check(config, tmp_path)
    for name in ("others", "pocket"):
        config["studies"][name]["judge"] = "pocket-jugde"
    with pytest.raises(UserError) as error:
        load.check(config, tmp_path)
    for name in ("others", "pocket"):
        assert f"model `pocket-jugde` is listed in study `{name}`" in str(error.value)
    assert str(error.value).count("Did you mean `pocket-judge`?") == 2


def test_only_a_model_that_runs_here_needs_a_forced_end(config, tmp_path):
    del config["models"]["phi-4"]["thinking"]["forced_end"]
    config["studies"] = {"others": config["studies"]["others"]}
    load.check(config, tmp_path)
    engine = {"kind": "endpoint", "url": "http://localhost:8000/v1", "max_model_len": 4096, "max_num_seqs": 8}
    config["studies"]["others"] |= {"judge": "phi-4", "engine": engine}
    with pytest.raises(
        UserError, match=r"models\.phi-4\.thinking: study `others` runs this model; add `forced_end`"
    ):
        load.check(config, tmp_path)
