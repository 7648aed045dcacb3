"""What reruns after which change: the table of docs/guide/reruns.md, each row a dry run on the finished small study.

With `--write-docs` the table is written.
"""

import copy
import json
import os
import random
import re
import shutil
from base64 import urlsafe_b64encode
from collections.abc import Callable
from dataclasses import dataclass

import pytest

from frontiers.core.tables import content_digest
from support.expected_jobs import AGGREGATES, ALL, tables
from support.hub_server import COMMIT
from support.pages import faults
from support.small_study import BENCHMARKS, CAPS, FETCHED, MODELS
from support.workflow_copy import ROOT, Workflow

PAGE = ROOT / "docs/guide/reruns.md"
LOCAL = "pocket-small"
SHOWING = ("write_findings", "build_explorer", "check_results", "report", "write_index")
SHOWN = dict.fromkeys(
    (
        "describe_points",
        "fit_trend",
        "compare_architectures",
        "measure_abilities",
        "plot_architectures",
        "measure_sensitivity",
        "plot_trend",
        *SHOWING,
    ),
    1,
)
LABELLED = (
    "plot_frontier",
    "plot_caps",
    "plot_difficulty",
    "plot_gains",
    "plot_outcomes",
    "plot_policies",
    "plot_components",
    "plot_context",
    "show_answers",
)


def study(workflow: Workflow) -> dict:
    return workflow.config["studies"]["pocket"]


def model(workflow: Workflow, name: str = LOCAL) -> dict:
    return workflow.config["models"][name]


def add_strategy(workflow: Workflow) -> None:
    workflow.config["strategies"]["cot_again"] = {"label": "Chain again", "method": "chain"}
    study(workflow)["strategies"] = ["cot", "cot_again"]


def edit_problems(workflow: Workflow) -> None:
    """Take the first problem of the first benchmark out."""
    import hashlib

    block = workflow.config["benchmarks"][BENCHMARKS[0]]
    lines = (workflow.folder / block["path"]).read_bytes().splitlines(keepends=True)[1:]
    workflow.edit(block["path"], b"".join(lines))
    block |= {"rows": len(lines), "sha256": hashlib.sha256(b"".join(lines)).hexdigest()}


def edit_code(workflow: Workflow, name: str) -> None:
    path = f"workflow/{name}"
    workflow.edit(path, (workflow.folder / path).read_bytes() + b"\nEDITED = True\n")


def reword_code(workflow: Workflow) -> None:
    """Add a comment to every script and module, and reword what `generate.py` and `chain.py` say of themselves."""
    for path in (workflow.folder / "workflow").rglob("*.py"):
        text = path.read_bytes()
        if path.name in ("generate.py", "chain.py"):
            assert text.startswith(b'"""')
            text = b'"""Reworded. ' + text[3:]
        workflow.edit(str(path.relative_to(workflow.folder)), text + b"\n# A comment.\n")


def touch_all(workflow: Workflow) -> None:
    for folder in ("workflow", "envs", "data", "profiles"):
        for path in (workflow.folder / folder).rglob("*"):
            if path.is_file():
                workflow.edit(str(path.relative_to(workflow.folder)), path.read_bytes())


@dataclass
class Row:
    """A row of the table: what is changed, what of it the engine decodes, and the jobs that then run."""

    change: str
    decoded: str
    edit: Callable[[Workflow], object]
    jobs: dict[str, int]


ROWS = [
    Row("nothing, or every file touched", "nothing", touch_all, {}),
    Row(
        "a model added",
        "that model",
        lambda w: study(w)["models"].append("pocket-moe"),
        {"download_model": 1, "describe_model": 1, "plot_context": 1} | tables(1) | ALL,
    ),
    Row("a model taken out", "nothing", lambda w: study(w)["models"].remove("pocket-hybrid"), {"plot_context": 1} | ALL),
    Row(
        "a benchmark added",
        "that benchmark",
        lambda w: study(w)["benchmarks"].append("long-chains"),
        {"download_benchmark": 1} | tables(len(MODELS), 1) | {"generate": len(MODELS)} | ALL,
    ),
    Row(
        "a benchmark taken out",
        "nothing",
        lambda w: study(w)["benchmarks"].remove(BENCHMARKS[1]),
        ALL,
    ),
    Row(
        "problems of a benchmark changed",
        "those problems",
        edit_problems,
        {"download_benchmark": 1} | tables(len(MODELS), 1) | ALL,
    ),
    Row(
        "a cap added",
        "a smaller one: its answers; a larger one: what the stored traces lack",
        lambda w: study(w).update(caps=[0, 8, 16, 24, None]),
        tables(len(MODELS)) | ALL,
    ),
    Row("a sample added", "the new samples", lambda w: study(w).update(samples=2), tables(len(MODELS)) | ALL),
    Row("a strategy added", "that strategy", add_strategy, tables(len(MODELS)) | ALL),
    Row(
        "decoding of a model: sampling, thinking",
        "that model",
        lambda w: model(w)["sampling"].update(temperature=0.7),
        tables(1) | ALL,
    ),
    Row(
        "template of a model",
        "that model",
        lambda w: model(w).update(template={"reasoning_effort": "high"}),
        tables(1) | ALL,
    ),
    Row(
        "revision of a model",
        "that model",
        lambda w: model(w, FETCHED).update(revision=COMMIT[::-1]),
        {"download_model": 1, "describe_model": 1, "plot_context": 1} | tables(1) | ALL,
    ),
    Row(
        "engine of a study: type of numbers, context",
        "all",
        lambda w: study(w)["engine"].update(dtype="bfloat16"),
        tables(len(MODELS)) | ALL,
    ),
    Row("seed of a study", "all", lambda w: study(w).update(seed=2), tables(len(MODELS)) | ALL),
    Row(
        "shards of a model",
        "nothing",
        lambda w: model(w).update(shards=2),
        {**tables(1), "generate": 2} | ALL,
    ),
    Row(
        "number of devices, memory or time of a model",
        "nothing",
        lambda w: model(w).update(gpus=0, memory_mb=8000, runtime_minutes=5),
        {},
    ),
    Row(
        "release date or developer of a model",
        "nothing",
        lambda w: model(w).update(release_date="2026-01-31", developer="Others"),
        SHOWN,
    ),
    Row("label of a model", "nothing", lambda w: model(w).update(label="Another"), SHOWN | dict.fromkeys(LABELLED, 1)),
    Row(
        "draws or seed of the analysis",
        "nothing",
        lambda w: study(w)["analysis"].update(draws=300),
        {name: 1 for name in AGGREGATES},
    ),
    Row(
        "comments and docstrings of scripts and modules",
        "nothing",
        reword_code,
        {},
    ),
    Row(
        "a script: `fit_trend.py`",
        "nothing",
        lambda w: edit_code(w, "scripts/fit_trend.py"),
        dict.fromkeys(("fit_trend", "plot_trend", *SHOWING), 1),
    ),
    Row(
        "code that decides requests or rows: `chain.py`",
        "requests that are new; the rest is read from the journal",
        lambda w: edit_code(w, "frontiers/generation/strategies/chain.py"),
        tables(len(MODELS)) | ALL,
    ),
    Row(
        "engines, journal and scheduler: `vllm.py`",
        "nothing",
        lambda w: edit_code(w, "frontiers/generation/engines/vllm.py"),
        {},
    ),
    Row(
        "a module of grading: `equivalence.py`",
        "nothing",
        lambda w: edit_code(w, "frontiers/grading/equivalence.py"),
        {"grade": len(MODELS) * len(BENCHMARKS)} | ALL,
    ),
    Row(
        "a module of accounting: `layer_parts.py`",
        "nothing",
        lambda w: edit_code(w, "frontiers/compute/layer_parts.py"),
        {"count_compute": len(MODELS) * len(BENCHMARKS), "describe_model": len(MODELS), "plot_context": 1} | ALL,
    ),
    Row(
        "a module of an analysis: `saturation/table.py`",
        "nothing",
        lambda w: edit_code(w, "frontiers/analysis/saturation/table.py"),
        dict.fromkeys(("fit_saturation", "plot_caps", "plot_gains", *SHOWING), 1),
    ),
    Row("a caption of the report", "nothing", lambda w: w.edit("workflow/report/caps.rst"), {"report": 1, "write_index": 1}),
    Row("an environment, without `--use-conda`", "nothing", lambda w: w.edit("envs/analyse.yaml"), {}),
]  # fmt: skip


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.change)
def test_a_change_reruns_these_jobs_and_no_others(changed, row):
    row.edit(changed)
    assert changed.jobs() == row.jobs


TOGETHER = [row for row in ROWS if row.jobs and "taken out" not in row.change and "shards" not in row.change]
"""Rows whose plans hold in any company: none takes away a job that another one starts."""


def combinations(number: int) -> list[tuple[Row, ...]]:
    """Return so many pairs and triples of rows, the same at every call."""
    chosen = random.Random(number)
    return [tuple(chosen.sample(TOGETHER, chosen.choice((2, 2, 3)))) for _ in range(number)]


@pytest.fixture(scope="module")
def alone(workflow):
    """The files that a row makes by itself, by its change; each is planned once."""
    found: dict[str, set[str]] = {}

    def planned(row):
        if row.change not in found:
            before = copy.deepcopy(workflow.config)
            row.edit(workflow)
            found[row.change] = workflow.planned()
            workflow.config = before
            workflow.restore()
        return found[row.change]

    return planned


@pytest.mark.parametrize(
    "rows",
    [
        *combinations(8),
        *(pytest.param(rows, marks=pytest.mark.slow) for rows in combinations(60)),
    ],
    ids=lambda rows: " and ".join(row.change for row in rows),
)
def test_several_changes_at_once_make_all_that_each_makes_alone(changed, alone, rows):
    wanted = set().union(*map(alone, rows))
    for row in rows:
        row.edit(changed)
    assert wanted <= changed.planned()


def test_the_page_of_faults_counts_the_plans(request):
    combined = {frozenset(row.change for row in rows) for number in (8, 60) for rows in combinations(number)}
    faults.check_row(
        request,
        "plans of several edits",
        f"{len(combined)} random pairs and triples of the {len(TOGETHER)} edits of the table of reruns that start jobs, "
        "each made at once on a finished study",
        "every plan holds all files that each edit makes alone",
    )


def named(jobs: dict[str, int]) -> str:
    """Return jobs as text: rules by their number of jobs, those that every change of points reruns as one."""
    if not jobs:
        return "nothing"
    whole = ALL.items() <= jobs.items()
    counts: dict[int, list[str]] = {}
    for rule, count in jobs.items():
        if not (whole and rule in ALL):
            counts.setdefault(count, []).append(f"`{rule}`")
    parts = [
        (f"{count} × " if count > 1 else "") + ", ".join(rules) for count, rules in sorted(counts.items())
    ]
    return "; ".join([*parts, "the aggregates"] if whole else parts)


def test_the_table_of_the_page_is_this_one(request):
    lines = ["| change | decoded anew | jobs |", "|---|---|---|"]
    lines += [f"| {row.change} | {row.decoded} | {named(row.jobs)} |" for row in ROWS]
    text = PAGE.read_text()
    found = re.search(r"^\| change \| decoded anew .*?\n\n", text, re.MULTILINE | re.DOTALL)[0]
    if request.config.getoption("--write-docs"):
        PAGE.write_text(text.replace(found, "\n".join(lines) + "\n\n"))
    assert PAGE.read_text().count("\n".join(lines) + "\n\n") == 1, "make docs"
    assert (len(MODELS), len(BENCHMARKS)) == (3, 2) and len(CAPS) > 1


def gpus_of_generate(workflow: Workflow) -> list[int]:
    """Return the GPUs that the jobs of `generate` are granted, one per model that is generated again."""
    text = workflow.snakemake("--dry-run", "--quiet", "host")
    jobs = re.findall(
        r"^rule generate:.*?resources: (.*?)$", text.stdout + text.stderr, re.MULTILINE | re.DOTALL
    )
    return [int(re.search(r"\bgpu=(\d+)", job)[1]) for job in jobs]


def test_a_job_whose_code_alone_has_changed_is_granted_no_gpu(changed):
    model(changed)["gpus"] = 1
    edit_code(changed, "frontiers/generation/strategies/chain.py")
    assert gpus_of_generate(changed) == [0] * len(MODELS)
    marker = changed.folder / "results/journal" / LOCAL / "needs-devices"
    marker.touch()
    assert sorted(gpus_of_generate(changed)) == [0] * (len(MODELS) - 1) + [1]
    marker.unlink()
    study(changed)["seed"] = 2
    assert sorted(gpus_of_generate(changed)) == [0] * (len(MODELS) - 1) + [1], "there is something to decode"


def test_after_an_edit_of_what_decides_rows_generate_reads_its_journal(workflow, tmp_path):
    copy = workflow.copied(tmp_path / "copy")
    edit_code(copy, "frontiers/generation/strategies/chain.py")
    name = f"results/pocket/generated/{LOCAL}.cot"
    tables = [copy.folder / name / f"{benchmark}.cot.parquet" for benchmark in BENCHMARKS]
    before = list(map(content_digest, tables))
    said = copy.snakemake(name, "--forcerun", "generate", "--until", "generate", "--quiet", "host")
    made = json.loads(tables[0].with_suffix(".json").read_text())
    assert made["decoded_requests"] == 0 and made["journalled_requests"] > 0
    assert list(map(content_digest, tables)) == before
    assert "Loading" not in said.stderr, "no engine starts"


def test_a_fresh_clone_with_what_was_made_copied_in_reruns_nothing(workflow, tmp_path):
    clone = Workflow(tmp_path / "clone")
    clone.config = workflow.config
    for name in BENCHMARKS:
        path = workflow.config["benchmarks"][name]["path"]
        shutil.copy(workflow.folder / path, clone.folder / path)
    for made in ("results", "data/benchmarks", "data/models", ".snakemake/metadata"):
        shutil.copytree(workflow.folder / made, clone.folder / made)
    assert clone.jobs() == {}


def test_a_job_that_has_come_to_make_one_more_file_runs(changed):
    """Snakemake compares nothing of a job that has a record of some of its files alone."""
    path = changed.folder / "results/pocket/gains.csv"
    content, state = path.read_bytes(), path.stat()
    record = changed.folder / ".snakemake/metadata" / urlsafe_b64encode(b"results/pocket/gains.csv").decode()
    recorded = record.read_bytes()
    try:
        path.unlink()
        record.unlink()
        assert changed.jobs().keys() >= {"fit_saturation", "write_findings", "report"}
    finally:
        path.write_bytes(content)
        os.utime(path, ns=(state.st_atime_ns, state.st_mtime_ns))
        record.write_bytes(recorded)
    assert not changed.jobs()
