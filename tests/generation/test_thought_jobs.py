"""generate.py on a thought model: nested caps, the journal and the provenance, as on any other engine."""

import json
import os
import subprocess
import sys

import pandas as pd
import pytest

from support.paths import ROOT
from support.thought_checkpoints import save_checkpoint

IDENTITY = {
    "thinking": {"style": "markers", "start": "<think>", "end": "</think>", "forced_end": "</think>"},
    "sampling": {"temperature": 0.8, "top_p": 0.95, "top_k": 0, "frequency_penalty": 0.0},
    "thoughts": {"tokens": 2, "temperature": 1.0},
}


@pytest.fixture(scope="module")
def job(tmp_path_factory):
    folder = tmp_path_factory.mktemp("job")
    save_checkpoint(folder / "model")
    lines = (ROOT / "data/pocket/problems/short-chains.jsonl").read_bytes().splitlines(keepends=True)
    (folder / "short-chains.jsonl").write_bytes(b"".join(lines[:6]))
    (folder / "manifest.json").write_text(
        json.dumps({"folder": str(folder / "model"), "files": {"weights": "1"}})
    )
    return folder


def generate(folder, caps, batch):
    """Run generate.py; return the table and the provenance it wrote."""
    settings = {
        "device": "cpu",
        "dtype": "float32",
        "max_model_len": 128,
        "max_num_seqs": batch,
        "kv_cache_gib": 0.1,
    }
    out = folder / f"out-{batch}"
    arguments = [
        "--model", "quiet", "--identity", json.dumps(IDENTITY), "--manifest", str(folder / "manifest.json"),
        "--problems", str(folder / "short-chains.jsonl"), "--samples", '{"short-chains": 2}', "--strategy", "cot",
        "--caps", json.dumps(caps), "--answer-tokens", "6", "--seed", "3",
        "--engine", json.dumps({**settings, "piece_tokens": None}),
        "--journal-dir", str(folder / "journal"), "--output-dir", str(out),
    ]  # fmt: skip
    environment = os.environ | {"PYTHONPATH": str(ROOT / "workflow")}
    command = [sys.executable, str(ROOT / "workflow/scripts/generate.py"), *arguments]
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    table = pd.read_parquet(out / "short-chains.cot.parquet").drop(columns="seconds")
    return table, json.loads((out / "short-chains.cot.json").read_text())


def test_a_job_keeps_its_caps_goes_on_from_its_journal_and_says_what_ran(job):
    table, said = generate(job, [0, 4, 12], batch=8)
    assert len(table) == 6 * 2 * 3
    assert (table["reasoning_tokens"] <= table["cap"]).all()
    traces = table.pivot(index=["problem_id", "sample"], columns="cap", values="reasoning")
    assert all(long.startswith(short) for short, long in zip(traces[4], traces[12], strict=True))
    assert table["seed"].nunique() == 12
    assert said["engine_version"].keys() == {"transformers"}
    assert said["torch"]
    assert said["thoughts"] == IDENTITY["thoughts"]
    assert said["decoded_requests"] > 12
    assert said["measured"]["joules"] is None

    wider, again = generate(job, [0, 4, 8, 12], batch=3)
    assert 0 < again["decoded_requests"] < said["decoded_requests"]
    kept = wider[wider["cap"] != 8].reset_index(drop=True)
    pd.testing.assert_frame_equal(kept, table)
