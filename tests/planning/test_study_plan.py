import json
import re

import numpy as np
import pandas as pd
import pytest
import yaml

from frontiers.compute import precision
from frontiers.compute.architecture_reader import read_architecture
from frontiers.compute.flops import generation_flops
from frontiers.config import load
from frontiers.config import study as config
from frontiers.core import sealed, tables
from frontiers.core.cli import UserError
from frontiers.data import architecture_facts, hardware
from frontiers.planning import study_plan
from frontiers.planning.expected_lengths import Lengths, spread_out
from support.paths import ROOT
from support.plans import ANSWER, CONFIG, run
from support.real_modules import build
from support.workflow_copy import Workflow

LENGTHS = Lengths(40.0, (50.0, 100.0, 300.0), "made up")


@pytest.fixture
def serving():
    return study_plan.Serving(
        read_architecture(CONFIG), precision.read_precision(CONFIG), hardware.load("h100"), 4096, 64
    )


def table(serving, caps, lengths=LENGTHS, generations=10):
    rows = study_plan.plan_rows(serving, lengths, caps, ANSWER, generations)
    frame = pd.DataFrame(rows).assign(model="m", strategy="cot", benchmark="b")
    return study_plan.compare(frame, None, {})


def test_one_uncapped_run_decodes_every_trace_once(serving):
    row = table(serving, [None]).iloc[0]
    assert row["decoded_tokens_likely"] == pytest.approx(1000)
    assert row["reasoning_tokens_high"] == pytest.approx(300)
    trace = spread_out(100.0)
    flops = sum(p.total for p in generation_flops(serving.architecture, 40.0, trace, 0, 0 * trace).values())
    assert row["flops_likely"] == pytest.approx(flops.mean())
    assert row["spent_flops_likely"] == pytest.approx(10 * flops.mean())
    seconds = serving.estimate(40.0, trace).seconds.likely.mean()
    assert row["device_hours_likely"] == pytest.approx(10 * seconds / 3600)
    assert row["kwh_likely"] == pytest.approx(row["device_hours_likely"] * 0.7)
    assert row["dollars_likely"] == pytest.approx(row["device_hours_likely"] * serving.hardware.price)


def test_a_smaller_cap_adds_only_the_answers_behind_the_traces_it_cuts(serving):
    rows = table(serving, [0, 80, None]).set_index(pd.Index([0, 80, "uncapped"]))
    cut = (spread_out(100.0) > 80).mean()
    assert rows.loc[0, "decoded_tokens_likely"] == pytest.approx(10 * 10)
    assert rows.loc[80, "decoded_tokens_likely"] == pytest.approx(10 * 10 * cut)
    assert rows.loc["uncapped", "decoded_tokens_likely"] == pytest.approx(10 * 100)
    assert rows["flops_likely"].is_monotonic_increasing
    answer = generation_flops(serving.architecture, 40.0, 80.0, 0, 11)["answer"].total
    assert rows.loc[80, "spent_flops_likely"] == pytest.approx(10 * cut * answer)
    whole = table(serving, [None]).iloc[0]["spent_flops_likely"]
    assert rows.loc["uncapped", "spent_flops_likely"] == pytest.approx(whole)
    assert rows["spent_flops_likely"].sum() < 10 * rows["flops_likely"].sum()
    alone = table(serving, [80]).iloc[0]
    assert alone["flops_likely"] == rows.loc[80, "flops_likely"]
    assert alone["decoded_tokens_likely"] > rows.loc[80, "decoded_tokens_likely"]


def test_ranges_ascend_and_nothing_outgrows_the_context(serving):
    rows = table(serving, [0, 64, 512, None], Lengths(40.0, (50.0, 3000.0, 90_000.0), "made up"))
    for key in (*study_plan.SPENT, "reasoning_tokens", "flops"):
        if key in ("decoded_tokens", "spent_flops"):
            assert rows[f"{key}_low"].sum() < rows[f"{key}_high"].sum()
        else:
            assert (rows[f"{key}_low"] <= rows[f"{key}_high"]).all()
    assert rows["reasoning_tokens_high"].max() <= 4096 - 40


def test_what_is_unknown_is_empty_and_said(serving):
    rows = table(serving, [0, None], Lengths(None, None, "no published lengths"))
    assert rows[[c for c in rows if c.endswith(("_low", "_likely", "_high"))]].isna().all(axis=None)
    both = pd.concat([rows, table(serving, [0, None]).assign(benchmark="c")])
    assert study_plan.totals(both)["dollars_likely"].isna().all()
    text = study_plan.summary(both, "a device")
    assert "n/a" in text and "Not estimated: no published lengths" in text


def test_measurements_stand_beside_the_estimate(serving):
    frame = table(serving, [80, None])[["model", "strategy", "benchmark", "cap", "generations"]]
    measured = pd.DataFrame(
        {"model": "m", "benchmark": "b", "strategy": "cot", "cap": [80, None], "flops": [1.0, 2.0]}
    ).assign(reasoning_tokens=[30, 40], cap=lambda t: t["cap"].astype("Int64"))
    rows = study_plan.compare(frame, measured, {("m", "b"): 0.5})
    assert rows["measured_flops"].tolist() == [1.0, 2.0]
    assert rows["measured_reasoning_tokens"].tolist() == [30.0, 40.0]
    assert np.isnan(rows["measured_device_hours"][0]) and rows["measured_device_hours"][1] == 0.5


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"),
        (0.0123, "0.012"),
        (7, "7"),
        (123.4, "123"),
        (1234, "1.2k"),
        (56_789_000, "57M"),
        (4e14, "400T"),
        (2.44e18, "2.4e18"),
    ],
)
def test_short_numbers(value, text):
    assert study_plan._short(value) == text


def test_the_script_plans_and_compares(tmp_path, request_of):
    job = {"model": "m", "benchmark": "b", "wall_seconds": 1800, "journalled_requests": 0}
    sealed.write(tmp_path / "job.json", job)
    rows = run(tmp_path, request_of, "--provenance", str(tmp_path / "job.json"))
    assert rows["generations"].tolist() == [10, 10, 10]
    assert rows["measured_device_hours"].tolist()[-1] == 1.0
    assert "total" in (text := (tmp_path / "plan.txt").read_text()) and "FLOP" in text
    sealed.write(tmp_path / "job.json", job | {"journalled_requests": 3})
    assert (
        run(tmp_path, request_of, "--provenance", str(tmp_path / "job.json"))["measured_device_hours"]
        .isna()
        .all()
    )


def test_a_model_that_nothing_describes_is_one_clear_error(tmp_path, request_of):
    request_of["models"]["m"] |= {"path": str(tmp_path / "missing")}
    with pytest.raises(UserError, match=r"m: its architecture is not described.*data/architectures"):
        run(tmp_path, request_of)


def test_every_model_of_the_configuration_can_be_planned(tmp_path):
    """The open-reasoning study is planned from the facts in data/architectures, before any download."""
    root = architecture_facts.FOLDER.parents[1]
    settled = load.load(yaml.safe_load((root / "config.yaml").read_text()))
    wanted = json.loads(config.planned(settled, settled["studies"]["open-reasoning"]))
    rows = run(tmp_path, wanted)
    assert rows["model"].nunique() == len(wanted["models"])
    assert rows["flops_likely"].notna().all() and (rows["dollars_high"] > 0).any()


def test_facts_describe_the_modules_they_name():
    facts = architecture_facts.by_repository()
    config_ = architecture_facts.read_facts(facts["Qwen/Qwen3-4B-Thinking-2507"])["config"]
    module, _ = build(config_["architectures"][0], config_, "meta")
    assert read_architecture(config_).parameters() == sum(p.numel() for p in module.parameters())


def test_snakemake_plan_estimates_and_starts_nothing_else(tmp_path):
    copy = Workflow(tmp_path)
    copy.config["run"] = ["pocket", "published", "open-reasoning"]
    shown = copy.snakemake("plan").stderr
    stats = shown.partition("Job stats:")[2].partition("total")[0]
    assert dict(re.findall(r"^(\w+) +(\d+)$", stats, re.MULTILINE)) == {"plan": "1", "plan_study": "2"}
    studies = copy.config["studies"]
    for name in ("pocket", "open-reasoning"):
        table = tables.read_table(tmp_path / "results" / name / "plan.parquet", "plan")
        assert set(table["model"]) == set(studies[name]["models"])
        assert (tmp_path / "results" / name / "plan.csv").exists()
        assert f"results/{name}/plan.txt" in shown
    asked = json.loads((tmp_path / "results/open-reasoning/plan.json").read_text())
    dry = copy.snakemake("--dry-run", "--until", "generate", "--config", "run=[open-reasoning]").stdout
    found = re.findall(r"model=([^,]+), .*\n    priority: (\d+)\n.*runtime=(\d+), mem_mb=(\d+)", dry)
    assert {m: {"runtime": int(t), "mem_mb": int(mb)} for m, _, t, mb in found} == asked
    assert all(priority == minutes for _, priority, minutes, _ in found)
    # Of the two studies that are planned, the one whose device is another is planned again.
    studies["open-reasoning"]["plan"]["device"] = "a100"
    assert copy.jobs("--printshellcmds", "plan") == {"plan": 1, "plan_study": 1}


def test_an_unknown_device_is_named_with_those_that_there_are():
    settled = yaml.safe_load((ROOT / "config.yaml").read_text())
    settled["studies"]["open-reasoning"]["plan"]["device"] = "abacus"
    with pytest.raises(UserError, match=r"open-reasoning\.plan\.device: .*`abacus`.*h100"):
        load.check(settled, ROOT)
