"""generate.py on a thought model: nested caps, the journal and the provenance, as on any other engine."""

import pandas as pd

from support.jobs import SAMPLING, THINKING, Job
from support.thought_checkpoints import save_checkpoint

IDENTITY = {
    "thinking": THINKING,
    "sampling": SAMPLING | {"temperature": 0.8},
    "thoughts": {"tokens": 2, "temperature": 1.0},
}


def generate(forks, job, caps, batch):
    """Run generate.py; return the table and the provenance it wrote."""
    job.caps = caps
    job.engine = job.engine | {"max_model_len": 128, "max_num_seqs": batch, "piece_tokens": None}
    status, said = forks.run(job)
    assert status == 0, said[-3000:]
    return job.table("short-chains"), job.provenance("short-chains")


def test_a_job_keeps_its_caps_goes_on_from_its_journal_and_says_what_ran(forks, tmp_path):
    save_checkpoint(tmp_path / "model")
    job = Job(tmp_path, benchmarks=["short-chains"], problems=6, model=tmp_path / "model")
    job.identity, job.samples, job.answer_tokens = IDENTITY, 2, 6
    table, said = generate(forks, job, [0, 4, 12], batch=8)
    assert len(table) == 6 * 2 * 3
    assert (table["reasoning_tokens"] <= table["cap"]).all()
    traces = table.pivot(index=["problem_id", "sample"], columns="cap", values="reasoning")
    assert all(long.startswith(short) for short, long in zip(traces[4], traces[12], strict=True))
    assert table["seed"].nunique() == 12
    assert said["engine_version"].keys() == {"transformers"}
    assert said["torch"] and said["device"]
    assert said["thoughts"] == IDENTITY["thoughts"]
    assert said["decoded_requests"] > 12
    assert said["measured"]["joules"] is None

    wider, again = generate(forks, job, [0, 4, 8, 12], batch=3)
    assert 0 < again["decoded_requests"] < said["decoded_requests"]
    kept = wider[wider["cap"] != 8].reset_index(drop=True)
    pd.testing.assert_frame_equal(kept, table)
