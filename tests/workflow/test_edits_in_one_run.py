"""Several edits made at once on a finished study, really run: its tables are those of the same study run anew."""

import hashlib
import json
import shutil

import pytest

from support import same_tables
from support.pages import faults
from support.small_study import BENCHMARKS

MORE = "long-chains"


def edit(workflow) -> None:
    """Change what is decoded, graded, counted and analysed, each in the way that once masked another."""
    study, path = workflow.config["studies"]["pocket"], workflow.config["benchmarks"][BENCHMARKS[0]]["path"]
    study["benchmarks"] = [*BENCHMARKS, MORE]
    study["caps"] = [0, 8, 16, 24, None]
    study["analysis"]["device"] = "h100"
    study["analysis"]["draws"] = 300
    workflow.config["models"]["pocket-small"]["sampling"]["temperature"] = 0.7
    first, *others = (workflow.folder / path).read_bytes().splitlines(keepends=True)
    row = json.loads(first)
    lines = [json.dumps({**row, "answer": str(int(row["answer"]) + 1)}).encode() + b"\n", *others]
    workflow.edit(path, b"".join(lines))
    digest = hashlib.sha256(b"".join(lines)).hexdigest()
    workflow.config["benchmarks"][BENCHMARKS[0]] |= {"sha256": digest}
    for module in ("grading/equivalence.py", "analysis/saturation/table.py"):
        workflow.edit(f"workflow/frontiers/{module}")


@pytest.mark.slow
def test_a_study_after_many_edits_is_the_study_run_anew(workflow, tmp_path, capsys, request):
    edited = workflow.copied(tmp_path / "edited")
    lines = (
        (edited.folder / edited.config["benchmarks"][MORE]["path"])
        .read_bytes()
        .splitlines(keepends=True)[:24]
    )
    edited.edit(edited.config["benchmarks"][MORE]["path"], b"".join(lines))
    edited.config["benchmarks"][MORE] |= {"rows": 24, "sha256": hashlib.sha256(b"".join(lines)).hexdigest()}
    edit(edited)
    anew = edited.copied(tmp_path / "anew")
    for made in ("results", ".snakemake", "data/benchmarks"):
        shutil.rmtree(anew.folder / made)
    before = same_tables.read(workflow.folder / "results/pocket/points.parquet")
    edited.snakemake()
    anew.snakemake()
    assert edited.jobs() == {}
    assert same_tables.main(anew.folder / "results", edited.folder / "results") == 0, capsys.readouterr().out
    compared = capsys.readouterr().out.splitlines()[-1]
    faults.check_row(
        request,
        "several edits, run",
        "a benchmark and a cap added, a gold answer, a model's sampling, the device of the analysis, the draws and two "
        "modules edited at once on a finished study, then one run",
        f"{compared}: those of the same study run anew",
    )
    after = same_tables.read(edited.folder / "results/pocket/points.parquet")
    assert len(after) > len(before)
    for model in ("pocket-small", "pocket-hybrid"):
        made = json.loads(
            (edited.folder / f"results/pocket/generated/{model}.cot/{BENCHMARKS[1]}.cot.json").read_text()
        )
        journalled = made["journalled_requests"]
        assert (journalled == 0) == (model == "pocket-small"), (
            "a model whose sampling has not changed keeps its traces"
        )
