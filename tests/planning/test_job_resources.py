"""What jobs of generate ask a scheduler for, and which of them start first."""

import json
import math
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from frontiers.compute.architecture_reader import read_architecture
from frontiers.planning import job_resources
from support.plans import CONFIG, run
from support.workflow_copy import Workflow

BLOCK = {"runtime_minutes": 7, "memory_mb": 9}
MINUTES = {"pocket-small": 20, "pocket-moe": 40, "pocket-hybrid": 10, "pocket-direct": 30}
NO_ENGINE = """
import sys
from pathlib import Path
Path(sys.argv[sys.argv.index("--output-dir") + 1]).mkdir(parents=True)
"""


def test_the_plan_says_what_a_job_asks_for(tmp_path, request_of):
    rows = run(tmp_path, request_of)
    minutes = rows["device_hours_high"].sum() * 60 / 2
    weights = read_architecture(CONFIG).parameters() * 2
    asked = job_resources.asked(tmp_path / "plan.json", "m", BLOCK)
    assert asked["runtime"] == job_resources.START_MINUTES + math.ceil(minutes)
    assert asked["mem_mb"] == math.ceil(weights / 1e6 + 2 * job_resources.PROCESS_MB)


def test_time_is_divided_among_devices_and_shards_and_memory_is_not():
    found = job_resources.planned(100.0, 5e9, 2**30, {"devices": 2, "shards": 4})
    assert found == {
        "runtime": job_resources.START_MINUTES + 750,
        "mem_mb": math.ceil(5000 + 2**30 / 1e6 + 2 * job_resources.PROCESS_MB),
    }


@pytest.mark.parametrize("hours", [None, math.nan])
def test_a_time_that_is_not_known_asks_for_nothing(hours):
    assert job_resources.planned(hours, 1, 1, {"devices": 1}) is None


@pytest.mark.parametrize(
    "content",
    [
        None, "{", '{"m": null}', '{"other": {"runtime": 1, "mem_mb": 1}}', "[]", '["m"]', '"m"', "7", "null", "\xff",
        '{"m": []}', '{"m": {"runtime": 1}}', '{"m": {"runtime": "1", "mem_mb": 1}}', '{"m": {"runtime": -1, "mem_mb": 1}}',
        '{"m": {"runtime": NaN, "mem_mb": 1}}', '{"m": {"runtime": 1e400, "mem_mb": 1}}', "[" * 100_000,
        '{"m": {"runtime": 99999999999999999999, "mem_mb": 1}}', '{"m": {"runtime": true, "mem_mb": 1}}',
    ],
)  # fmt: skip
def test_without_a_plan_that_knows_a_job_asks_for_what_its_model_says(tmp_path, content):
    path = tmp_path / "plan.json"
    if content:
        path.write_text(content, encoding="latin-1")
    assert job_resources.asked(path, "m", BLOCK) == {"runtime": 7, "mem_mb": 9}


def test_the_longest_start_first_and_a_new_plan_decodes_nothing(tmp_path):
    """In a copy whose generate.py only makes its folder and ends."""
    copy = Workflow(tmp_path)
    copy.shrink(MINUTES, ["short-chains"], [0, None], 3)
    for model, minutes in MINUTES.items():
        copy.config["models"][model]["runtime_minutes"] = minutes
    (tmp_path / "workflow/scripts/generate.py").write_text(NO_ENGINE)
    copy.snakemake("data/benchmarks/short-chains.jsonl", *(f"data/models/{model}.json" for model in MINUTES))
    folders = [f"results/pocket/generated/{model}.cot" for model in MINUTES]
    said = copy.snakemake("--cores", "1", *folders).stderr
    started = re.findall(r"model=([^,]+), strategy", said)
    assert started == sorted(MINUTES, key=MINUTES.get, reverse=True)
    plan = {model: {"runtime": 5, "mem_mb": 77} for model in MINUTES}
    (tmp_path / "results/pocket/plan.json").write_text(json.dumps(plan))
    assert copy.jobs("--", *folders) == {}
    assert "priority: 5\n" in copy.snakemake("--dry-run", "--forcerun", "generate", "--", *folders).stdout


def test_engines_fill_the_devices_by_the_time_of_their_jobs():
    assert job_resources.replicas({"a": 60}, {"a": 1}, 8) == {"a": 8}
    assert job_resources.replicas({"a": 60}, {"a": 3}, 8) == {"a": 2}
    assert job_resources.replicas({"a": 60}, {"a": 16}, 8) == {"a": 1}
    assert job_resources.replicas({"a": 60}, {"a": 0}, 8) == {"a": 1}
    assert job_resources.replicas({"a": 300, "b": 60, "c": 40}, dict.fromkeys("abc", 1), 8) == {
        "a": 6,
        "b": 2,
        "c": 1,
    }
    assert job_resources.replicas({}, {}, 8) == {}


@given(
    st.dictionaries(
        st.integers(), st.tuples(st.integers(1, 9000), st.integers(1, 8)), min_size=1, max_size=30
    ),
    st.integers(8, 64),
)
def test_no_job_takes_longer_than_all_devices_divided_evenly(jobs, devices):
    minutes, gpus = ({job: pair[i] for job, pair in jobs.items()} for i in range(2))
    found = job_resources.replicas(minutes, gpus, devices)
    even = sum(minutes[job] * gpus[job] for job in jobs) / devices
    for job, engines in found.items():
        assert 1 <= engines <= max(devices // gpus[job], 1)
        assert minutes[job] / engines <= even * (1 + 1e-9) or engines == devices // gpus[job]
