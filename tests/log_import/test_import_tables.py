"""Import of logs: every format, every field that may be missing, torn files, matching and counting."""

import json
import subprocess
import sys
import zipfile
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import fetch_tokenizer
import grade
import import_logs
import read_inspect
from frontiers.core.cli import UserError
from frontiers.core.tables import read_table
from frontiers.data import benchmark_source
from frontiers.log_import import inspect_reader
from frontiers.log_import.agreement import agreement
from frontiers.log_import.entry import Faults
from frontiers.log_import.files import read_entries
from support.paths import ROOT, SHARED
from support.writer import MARKERS

LOGS = ROOT / "tests/log_import/logs"
RECORDED = SHARED / "data/outputs/qwen25math_math_cot_100x8.jsonl"
INSPECT = ROOT / ".venv-inspect/bin/python"
needs_inspect = pytest.mark.skipif(not INSPECT.exists(), reason="inspect_ai is installed by `make inspect`")
PROMPT = {"style": "prompt", "forced_end": "\\boxed{"}
COLUMNS = {"id": "id", "completion": "text", "prompt": "prompt", "finish_reason": "end"}
PROBLEM = "Ana has {} pens. How many pens does Ana have?"


@pytest.fixture(scope="module")
def problems(tmp_path_factory):
    """The problems that the logs of tests/log_import/logs are of."""
    path = tmp_path_factory.mktemp("problems") / "short-chains.jsonl"
    lines = (ROOT / "data/pocket/problems/short-chains.jsonl").read_text().splitlines(keepends=True)
    path.write_text("".join(lines[:8]))
    return path


@pytest.fixture
def few(tmp_path):
    """Three problems of one line each."""
    path = tmp_path / "few.jsonl"
    fields = {"answer_type": "number", "licence": "MIT", "source": "test"}
    rows = [{"id": f"p{n}", "question": PROBLEM.format(n), "answer": str(n), **fields} for n in (4, 5, 6)]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def record(n, **fields):
    text = f"Ana has {n}. </think> \\boxed{{{n}}}"
    return {"id": f"p{n}", "text": text, "prompt": f"{PROBLEM.format(n)} <think>", "end": "stop", **fields}


def run(
    folder,
    problems,
    logs,
    files=None,
    caps=(None,),
    samples=1,
    thinking=MARKERS,
    tokenizer=True,
    prompt="{question}",
):
    """Import logs as the rule does; return generations, verdicts and provenance."""
    found = {"folder": str(ROOT / "data/pocket/models/small"), "reason": None}
    if not tokenizer:
        found = {"folder": None, "reason": "the Hub is far away; come nearer"}
    (folder / "tokenizer.json").write_text(json.dumps(found))
    import_logs.main(
        [
            "--model", "m", "--identity", json.dumps({"thinking": thinking}), "--logs", json.dumps(logs),
            "--files", *[str(file) for file in files or [log["file"] for log in logs]],
            "--problems", str(problems), "--prompt", prompt, "--caps", json.dumps(caps), "--samples", str(samples),
            "--tokenizer", str(folder / "tokenizer.json"), "--verdicts", str(folder / "verdicts.parquet"),
            "--output", str(folder / "made.parquet"),
        ]
    )  # fmt: skip
    return (
        read_table(folder / "made.parquet", "generations"),
        read_table(folder / "verdicts.parquet", "verdicts"),
        json.loads((folder / "made.json").read_text()),
    )


def written(folder, rows, name="log.jsonl"):
    """Write records as JSON lines; return the log's block without its columns."""
    path = folder / name
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return {"format": "table", "file": str(path), "columns": COLUMNS}


def faults_of(*arguments, **options):
    with pytest.raises(UserError) as error:
        run(*arguments, **options)
    head, *faults = str(error.value).split("\n- ")
    assert head.endswith("nothing was imported:")
    return faults


def lm_eval(name, **fields):
    return {"format": "lm-eval", "file": str(LOGS / name), **fields}


# lm-evaluation-harness


@pytest.mark.parametrize("name", ["lm-eval-completions.jsonl", "lm-eval-chat.jsonl"])
def test_lm_eval_logs_give_texts_and_counted_tokens(tmp_path, problems, name):
    table, verdicts, facts = run(tmp_path, problems, [lm_eval(name)], samples=2)
    assert len(table) == 16
    assert (table["end_tokens"] == 1).all()
    assert (table["answer_tokens"] == 4).all()  # \boxed{, number, } and the end of sequence
    assert (
        table["prompt_tokens"].iloc[0] == 40
    )  # what the server counted, by Inspect's log of the same problem
    assert table["answer"].str.contains("boxed").all()
    assert not table["reasoning"].str.contains("think").any()
    assert table["finish_reason"].eq("stop").all()
    assert verdicts.empty
    assert facts["sources"] == {
        "prompt": {"counted": 16},
        "output": {"counted": 16},
        "finish": {"budget": 16},
    }
    assert any("are the same text" in note for note in facts["notes"])


def test_a_log_that_lost_its_markers_is_told_of(tmp_path, problems):
    table, _, facts = run(tmp_path, problems, [lm_eval("lm-eval-hf.jsonl")], samples=2)
    assert (table["answer"] == "").all()
    assert (table["end_tokens"] == 0).all()
    assert any("skip_special_tokens" in note for note in facts["notes"])
    assert not any("are the same text" in note for note in facts["notes"])


def lm_eval_rows(name="lm-eval-completions.jsonl", samples=1):
    rows = [json.loads(line) for line in (LOGS / name).read_text().splitlines()]
    return [row | {"resps": [row["resps"][0][:samples]]} for row in rows]


def as_lm_eval(folder, rows):
    return {**written(folder, rows), "format": "lm-eval", "columns": {}}


def test_several_filters_are_several_scorers_of_one_completion(tmp_path, problems):
    rows = lm_eval_rows()
    rows += [row | {"filter": "flexible", "exact_match": 1.0} for row in rows]
    table, verdicts, _ = run(tmp_path, problems, [as_lm_eval(tmp_path, rows)])
    assert len(table) == 8
    assert set(verdicts["scorer"]) == {"boxed/exact_match", "flexible/exact_match"}
    assert verdicts.loc[verdicts["scorer"] == "flexible/exact_match", "correct"].all()


def test_the_older_form_of_arguments_is_read(tmp_path, problems):
    rows = lm_eval_rows()
    old = [row | {"arguments": [list(row["arguments"]["gen_args_0"].values())]} for row in rows]
    new, _, _ = run(tmp_path, problems, [as_lm_eval(tmp_path, rows)])
    table, _, _ = run(tmp_path, problems, [as_lm_eval(tmp_path, old)])
    pd.testing.assert_frame_equal(table, new)


@pytest.mark.parametrize("field", ["doc_id", "doc", "arguments", "resps"])
def test_each_field_lm_eval_must_have(tmp_path, problems, field):
    rows = lm_eval_rows()
    del rows[2][field], rows[5][field]
    (fault,) = faults_of(tmp_path, problems, [as_lm_eval(tmp_path, rows)])
    assert f"`{field}` is missing (2 times, first: line 3)" in fault
    assert "--log_samples" in fault


def test_all_that_lm_eval_logs_lack_is_told_at_once(tmp_path, problems):
    rows = lm_eval_rows()
    del rows[0]["resps"]
    rows[1]["resps"] = [[[-1.5, True]]]
    rows[2]["arguments"] = {}
    rows[3] = rows[4]
    del rows[5]["arguments"]["gen_args_0"]["arg_1"]["max_gen_toks"]
    rows[5]["resps"] = [["5 " * 300]]  # more than lm_eval's default budget
    rows[6]["arguments"]["gen_args_0"]["arg_0"] = "Something else."
    faults = faults_of(tmp_path, problems, [as_lm_eval(tmp_path, rows)])
    for part in (
        "`resps` is missing",
        "generate_until",
        "no prompt",
        "two records",
        "`max_tokens`",
        "no problem of the benchmark in the prompt",
    ):
        assert sum(part in fault for fault in faults) == 1, part
    assert len(faults) == 6


def test_the_budget_of_the_configuration_serves_where_the_log_has_none(tmp_path, problems):
    rows = lm_eval_rows()
    for row in rows:
        del row["arguments"]["gen_args_0"]["arg_1"]["max_gen_toks"]
    table, _, _ = run(tmp_path, problems, [as_lm_eval(tmp_path, rows) | {"max_tokens": 24}])
    over = table["reasoning_tokens"] + table["end_tokens"] + table["answer_tokens"] - 1 >= 24
    assert table["truncated"].equals(over | (table["finish_reason"] == "length"))
    assert 0 < table["truncated"].sum() < 8


def test_a_log_without_a_budget_has_that_of_lm_eval(tmp_path, problems):
    rows = lm_eval_rows()
    for row in rows:
        del row["arguments"]["gen_args_0"]["arg_1"]["max_gen_toks"]
    rows[0]["resps"] = [["5 " * 255]]
    table, _, _ = run(tmp_path, problems, [as_lm_eval(tmp_path, rows)])
    assert table["truncated"].sum() == 1


# Options of a choice


@pytest.fixture(scope="module")
def choices(tmp_path_factory):
    """The problems of lm-eval-choices.jsonl as download_benchmark makes them, with options in an order of their own."""
    path = tmp_path_factory.mktemp("choices") / "choices.jsonl"
    rows = {row["doc_id"]: row["doc"] for row in lm_eval_rows("lm-eval-choices.jsonl")}
    wrong = [f"Incorrect Answer {n}" for n in (1, 2, 3)]
    columns = {"question": "Question", "answer": "Correct Answer", "id": "Record ID", "distractors": wrong}
    block = {"columns": columns, "rows": 8, "answer_type": "choice", "licence": "MIT", "source": "t"}
    made = benchmark_source.to_problems([rows[n] for n in sorted(rows)], block, "choices")
    path.write_text("".join(json.dumps(row) + "\n" for row in benchmark_source.ask(made, CHOOSE)))
    return path


CHOOSE = "{question}\n\nPut the letter of the right option within \\boxed{}."


def imported_choices(folder, problems, log):
    """Import and grade a log of choices; return generations, the row of the agreement for one scorer, and notes."""
    table, verdicts, facts = run(folder, problems, [log], thinking=PROMPT, prompt=CHOOSE)
    files = ["--problems", str(problems), "--output", str(folder / "grades.parquet")]
    grade.main(["--generations", str(folder / "made.parquet"), *files])
    grades = read_table(folder / "grades.parquet", "grades")
    table = table.merge(grades[["problem_id", "extracted", "correct"]], on="problem_id")
    rows = agreement(verdicts, grades, "m", "choices", "cot").to_dict("records") if len(verdicts) else [None]
    return table, rows[0], facts["notes"]


BY_ID = {"id": "doc.Record ID"}


@pytest.mark.parametrize("columns", [{}, BY_ID])
def test_letters_of_shuffled_options_are_translated_by_the_log(tmp_path, choices, columns):
    table, row, notes = imported_choices(tmp_path, choices, lm_eval("lm-eval-choices.jsonl", columns=columns))
    assert table["letters"].notna().sum() >= 6
    assert (row["both_right"], row["both_wrong"]) == (6, 2), "as lm_eval judged them"
    assert any("another order" in note for note in notes)
    golds = {p["id"]: p["answer"] for p in map(json.loads, choices.read_text().splitlines())}
    right = table[table["correct"]]
    assert right["extracted"].tolist() == [golds[name] for name in right["problem_id"]]


def test_options_are_read_in_the_prompt_where_the_log_does_not_list_them(tmp_path, choices):
    rows = lm_eval_rows("lm-eval-choices.jsonl")
    for row in rows:
        del row["doc"]["choices"]
    _, row, _ = imported_choices(tmp_path, choices, as_lm_eval(tmp_path, rows))
    assert (row["both_right"], row["both_wrong"]) == (6, 2)


def test_a_table_names_its_options_and_gold(tmp_path, choices):
    made = [
        {"ask": row["doc"]["Question"], "id": row["doc"]["Record ID"], "text": row["resps"][0][0], "end": "stop",
         "options": row["doc"]["choices"], "gold": row["target"], "right": row["exact_match"]}
        for row in lm_eval_rows("lm-eval-choices.jsonl") if row["filter"] == "strict-match"
    ]  # fmt: skip
    columns = {
        "question": "ask", "id": "id", "completion": "text", "finish_reason": "end", "options": "options",
        "gold": "gold", "correct": "right",
    }  # fmt: skip
    _, row, _ = imported_choices(tmp_path, choices, written(tmp_path, made) | {"columns": columns})
    assert (row["both_right"], row["both_wrong"]) == (6, 2)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda doc, row: doc.update({"Record ID": "rec0"}), "another text in the benchmark"),
        (
            lambda doc, row: row.update(target="(A)" if row["target"] != "(A)" else "(B)"),
            "not the benchmark's",
        ),
        (
            lambda doc, row: doc["choices"].__setitem__(0, "Something else"),
            "options that are not the problem's",
        ),
        (
            lambda doc, row: (
                doc.pop("choices"),
                row["arguments"]["gen_args_0"].update(arg_0=doc["Question"]),
            ),
            "a choice without its options in the log",
        ),
    ],
)
def test_what_a_matched_record_says_is_checked(tmp_path, choices, change, message):
    rows = lm_eval_rows("lm-eval-choices.jsonl")
    for row in rows:
        if row["doc_id"] == 5:
            change(row["doc"], row)
    faults = faults_of(
        tmp_path, choices, [as_lm_eval(tmp_path, rows) | {"columns": BY_ID}], thinking=PROMPT, prompt=CHOOSE
    )
    assert any(message in fault for fault in faults), faults


def test_other_gold_answers_are_a_note_by_text_and_a_fault_by_id(tmp_path, few):
    rows = [record(n, gold=n if n != 5 else 7) for n in (4, 5, 6)]
    columns = COLUMNS | {"gold": "gold"}
    (fault,) = faults_of(tmp_path, few, [written(tmp_path, rows) | {"columns": columns}])
    assert "a gold answer that is not the benchmark's (line 2: '7', p5 has '5')" in fault
    by_text = {name: column for name, column in columns.items() if name != "id"}
    _, _, facts = run(tmp_path, few, [written(tmp_path, rows) | {"columns": by_text}])
    assert any(
        "other gold answers for 1 problems (first: p5, '7' for '5')" in note for note in facts["notes"]
    )


@needs_inspect
def test_inspect_rows_carry_choices_and_target(tmp_path):
    rows = [json.loads(line) for line in read(tmp_path, "inspect-vllm.eval").read_text().splitlines()]
    assert {"choices", "target"} <= set(rows[0])


# evalscope


def test_a_file_that_evalscope_wrote(tmp_path, problems):
    log = {"format": "evalscope", "file": str(LOGS / "evalscope.jsonl")}
    table, verdicts, facts = run(tmp_path, problems, [log], samples=2)
    assert len(table) == 16 and verdicts.empty
    assert (table[["reasoning_tokens", "end_tokens", "answer_tokens"]] == [7, 1, 4]).all(axis=None)
    assert (
        table["reasoning"].str.startswith("We count.").all()
        and table["answer"].str.startswith("\\boxed{").all()
    )
    assert facts["sources"]["output"] == facts["sources"]["finish"] == {"log": 16}


# Inspect


def read(folder, name):
    """Read an Inspect log with the Python that has inspect_ai; return the file it made."""
    out = folder / f"{name}.jsonl"
    script, log = ROOT / "workflow/scripts/read_inspect.py", LOGS / name
    command = [INSPECT, script, "--log", log, "--output", out]
    subprocess.run(command, check=True, env={"PYTHONPATH": str(ROOT / "workflow")}, capture_output=True)
    return out


@needs_inspect
@pytest.mark.parametrize("name", ["inspect-vllm.eval", "inspect-reasoning.json"])
def test_inspect_logs_count_their_tokens_and_time(tmp_path, problems, name):
    log = {"format": "inspect", "file": str(LOGS / name)}
    table, verdicts, facts = run(tmp_path, problems, [log], files=[read(tmp_path, name)], samples=2)
    assert (table["end_tokens"] == 1).all()
    assert (table["answer_tokens"] == 4).all()
    assert table["seconds"].gt(0).all()
    assert facts["sources"] == {"prompt": {"log": 16}, "output": {"log": 16}, "finish": {"log": 16}}
    assert (
        facts["output_tokens"]["log"] == facts["output_tokens"]["counted"]
    )  # this tokenizer counts as vLLM does
    assert set(verdicts["scorer"]) == {"pattern"}
    assert len(verdicts) == 16


@needs_inspect
def test_counts_that_hold_padding_are_not_taken(tmp_path, problems):
    made = read(tmp_path, "inspect-hf.eval")
    rows = [json.loads(line) for line in made.read_text().splitlines()]
    assert len({row["input_tokens"] for row in rows}) < 4  # the shape of the batch, whatever the prompt
    log = {"format": "inspect", "file": "inspect-hf.eval"}
    table, _, facts = run(tmp_path, problems, [log], files=[made], samples=2)
    assert facts["sources"]["output"] == facts["sources"]["prompt"] == {"counted": 16}
    assert table["prompt_tokens"].iloc[0] == 40 < rows[0]["input_tokens"]


def inspect_row(n, **fields):
    asked = PROBLEM.format(n)
    return {
        "place": f"sample {n}, epoch 1", "id": n, "asked": asked, "messages": [{"role": "user", "content": asked}],
        "completion": f"\\boxed{{{n}}}", "reasoning": "Ana has", "input_tokens": 9, "output_tokens": 6,
        "reasoning_tokens": 0, "padded": False, "stop_reason": "stop", "seconds": 0.5, "turns": 1, "error": None,
        "scores": {"match": True, "other": None}, "max_tokens": 64, "seed": 3, **fields,
    }  # fmt: skip


def as_inspect(folder, rows, **fields):
    return {**written(folder, rows), "format": "inspect", "columns": {}, **fields}


def test_what_an_inspect_log_can_lack_is_told_at_once(tmp_path, few):
    rows = [
        inspect_row(4, error="ConnectionError: refused"),
        inspect_row(5, turns=3),
        inspect_row(6, turns=0, completion=None),
        inspect_row(5, stop_reason="unknown", max_tokens=None),
        inspect_row(6, asked="What is love?"),
        inspect_row(6, input_tokens=None, messages=None),
        inspect_row(6, output_tokens=2),
    ]
    faults = faults_of(tmp_path, few, [as_inspect(tmp_path, rows)], samples=9)
    parts = ["ended in an error", "several turns", "without a completion", "no finish reason and no budget"]
    parts += ["no problem of the benchmark", "neither the count nor the prompt", "parts with more tokens"]
    for part in parts:
        assert sum(part in fault for fault in faults) == 1, part
    assert len(faults) == len(parts)


@pytest.mark.parametrize("form", ["inspect", "table"])
def test_a_call_that_failed_is_left_out_and_counted_if_asked_for(tmp_path, few, form):
    if form == "inspect":
        rows = [inspect_row(4), inspect_row(5, error="ConnectionError: refused"), inspect_row(6)]
        log = as_inspect(tmp_path, rows)
    else:
        log = written(tmp_path, [record(4), record(5, text=None), record(6)])
    (fault,) = faults_of(tmp_path, few, [log])
    assert "or write `on_error: leave_out` in the log's block" in fault
    table, verdicts, told = run(tmp_path, few, [log | {"on_error": "leave_out"}])
    assert table["problem_id"].tolist() == ["p4", "p5", "p6"]
    assert table["left_out"].fillna(False).tolist() == [False, True, False]
    assert "p5" not in set(verdicts["problem_id"])
    assert any("1 of 3 calls failed and are left out (first: p5" in note for note in told["notes"])


def test_a_log_of_failed_calls_only_is_a_fault(tmp_path, few):
    log = written(tmp_path, [record(n, text=None) for n in (4, 5, 6)]) | {"on_error": "leave_out"}
    (fault,) = faults_of(tmp_path, few, [log])
    assert "uncapped: every call failed" in fault


@needs_inspect
def test_inspect_rows_carry_the_total_of_their_tokens(tmp_path):
    rows = [json.loads(line) for line in read(tmp_path, "inspect-vllm.eval").read_text().splitlines()]
    assert all(row["total_tokens"] == row["input_tokens"] + row["output_tokens"] for row in rows)


def test_an_inspect_log_of_counts_needs_no_tokenizer_in_the_prompt_style(tmp_path, few):
    rows = [inspect_row(n, reasoning=None, completion=f"It is {n}.") for n in (4, 5, 6)]
    table, _, _ = run(tmp_path, few, [as_inspect(tmp_path, rows)], thinking=PROMPT, tokenizer=False)
    assert table["reasoning_tokens"].tolist() == [5, 5, 5]  # the end of sequence is written and never fed
    assert table["answer_tokens"].tolist() == [0, 0, 0]
    assert table["seed"].tolist() == [3, 3, 3]
    assert not table["looping"].any()


def test_without_a_tokenizer_the_message_says_why_there_is_none(tmp_path, few):
    rows = [inspect_row(n, input_tokens=None) for n in (4, 5, 6)]
    faults = faults_of(tmp_path, few, [as_inspect(tmp_path, rows)], tokenizer=False)
    assert all("come nearer" in fault for fault in faults)


def test_without_inspect_ai_the_message_says_how_to_get_it(tmp_path, monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "inspect_ai.log", None)
    with pytest.raises(UserError, match=r"make inspect"):
        read_inspect.main(["--log", str(LOGS / "inspect-hf.eval"), "--output", str(tmp_path / "x.jsonl")])
    assert not (tmp_path / "x.jsonl").exists()


# Tables with a column map


def test_a_table_is_read_from_json_lines_and_from_parquet_alike(tmp_path, few):
    rows = [record(n, right=n != 5) for n in (4, 5, 6)]
    log = written(tmp_path, rows) | {"columns": COLUMNS | {"correct": "right"}}
    table, verdicts, _ = run(tmp_path, few, [log])
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "log.parquet")
    again, same, _ = run(tmp_path, few, [log | {"file": str(tmp_path / "log.parquet")}])
    pd.testing.assert_frame_equal(table, again)
    pd.testing.assert_frame_equal(verdicts, same)
    assert verdicts["correct"].tolist() == [True, False, True]


@pytest.mark.parametrize("field", ["id", "completion", "prompt", "finish_reason"])
def test_each_column_that_was_mapped_must_be_there(tmp_path, few, field):
    rows = [record(n) for n in (4, 5, 6)]
    for row in rows:
        del row[COLUMNS[field]]
    faults = faults_of(tmp_path, few, [written(tmp_path, rows)])
    assert f"column `{COLUMNS[field]}` (for `{field}`) is missing (3 times, first: line 1)" in faults[0]
    assert "Correct `columns`" in faults[0]


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"end": "fell asleep"}, 'holds "fell asleep" (line 2). Expected one of stop'),
        ({"text": 7}, "Expected text"),
        ({"text": None}, "is empty"),
        ({"id": "p9"}, "an id that is not in the benchmark (line 2: 'p9')"),
        ({"id": None}, "a record without an id"),
        ({"id": "p4"}, "1 of 3 problems have no completion"),
        ({"tokens": -3}, "Expected a whole number, from 0"),
        ({"tokens": 2.5}, "Expected a whole number"),
        ({"seconds": "long"}, "Expected seconds"),
        ({"right": "perhaps"}, "true or false"),
        ({"cap": 3}, "completions under cap 3"),
        ({"sample": 1, "id": "p4"}, "1 problems have 2 completions"),
    ],
)
def test_values_that_cannot_be_are_faults(tmp_path, few, fields, message):
    names = {"right": "correct", "tokens": "prompt_tokens"}
    rows = [record(4), record(5, **fields), record(6)]
    if "sample" in fields:
        rows = [row | {"sample": row.get("sample", 0)} for row in rows]
    more = {names.get(key, key): key for key in fields if key not in ("end", "text", "id")}
    for key in more.values():
        rows = [{key: None, **row} for row in rows]
    faults = faults_of(tmp_path, few, [written(tmp_path, rows) | {"columns": COLUMNS | more}])
    assert any(message in fault for fault in faults), faults


@pytest.mark.parametrize("pack", ["gz", "zst"])
def test_packed_lines_are_read_and_torn_ones_are_a_fault(tmp_path, few, pack):
    log = written(tmp_path, [record(n) for n in (4, 5, 6)])
    table, _, _ = run(tmp_path, few, [log])
    path = tmp_path / f"log.jsonl.{pack}"
    with pa.output_stream(str(path), compression={"gz": "gzip", "zst": "zstd"}[pack]) as stream:
        stream.write(Path(log["file"]).read_bytes())
    again, _, _ = run(tmp_path, few, [log | {"file": str(path)}])
    pd.testing.assert_frame_equal(table, again)
    path.write_bytes(path.read_bytes()[:-9])
    assert any("log.jsonl" in fault for fault in faults_of(tmp_path, few, [log | {"file": str(path)}]))


def test_records_of_one_model_are_chosen_in_a_log_of_several(tmp_path, few):
    rows = [record(n, run={"model": name}) for name in ("a", "b") for n in (4, 5, 6)]
    log = written(tmp_path, rows)
    table, _, facts = run(tmp_path, few, [log | {"where": {"run.model": "b"}}])
    assert len(table) == 3
    both = [log | {"where": {"run.model": name}} for name in ("a", "b")]
    table, _, facts = run(tmp_path, few, both, samples=2)
    assert len(table) == 6 and len(facts["logs"]) == 2
    (fault, *_) = faults_of(tmp_path, few, [log | {"where": {"run.model": "c"}}])
    assert "no record that `where` selects" in fault and '`run.model` is "a", "b"' in fault


def test_budget_and_prompt_of_a_block_hold_for_its_own_records(tmp_path, few):
    rows = [{"id": f"p{n}", "text": f"It is {n}.", "run": run} for run in (3, 100) for n in (4, 5, 6)]
    log = written(tmp_path, rows) | {"columns": {"id": "id", "completion": "text"}}
    logs = [
        log | {"where": {"run": budget}, "max_tokens": budget, "cap": cap, "prompt": prompt}
        for budget, cap, prompt in ((3, 50, "{question}"), (100, None, "{question}\n\nAna has 4 pens."))
    ]
    table, _, _ = run(tmp_path, few, logs, caps=(50, None))
    assert table["truncated"].tolist() == [cap == 50 for cap in table["cap"].fillna(-1)]
    tokens = table.groupby(table["cap"].isna())["prompt_tokens"].mean()
    assert tokens[True] - tokens[False] == 4


def test_ids_are_taken_out_of_longer_ones_and_both_sides_are_shown(tmp_path, few):
    rows = [record(n, id=f"gsm/test/p{n}.json") for n in (4, 5, 6)]
    (fault,) = faults_of(tmp_path, few, [written(tmp_path, rows)])
    assert (
        "Ids of the log: gsm/test/p4.json, gsm/test/p5.json, gsm/test/p6.json; of the benchmark: p4, p5, p6"
        in fault
    )
    table, _, _ = run(tmp_path, few, [written(tmp_path, rows) | {"id_pattern": r"(p\d+)\.json"}])
    assert table["problem_id"].tolist() == ["p4", "p5", "p6"]


def test_a_budget_per_row_and_a_prompt_for_all(tmp_path, few):
    rows = [{"id": f"p{n}", "text": f"It is {n}.", "budget": 3 if n == 5 else 100} for n in (4, 5, 6)]
    columns = {"id": "id", "completion": "text", "max_tokens": "budget"}
    log = written(tmp_path, rows) | {"columns": columns}
    (fault,) = faults_of(tmp_path, few, [log])
    assert "neither the count nor the prompt" in fault and '`prompt: "{question} …"`' in fault
    table, _, _ = run(tmp_path, few, [log | {"prompt": "{question}\n\nAna has 4 pens."}])
    assert table["truncated"].tolist() == [False, True, False]
    short, _, _ = run(tmp_path, few, [log | {"prompt": "{question}"}])
    assert (table["prompt_tokens"] - short["prompt_tokens"] == 4).all()


def test_torn_and_empty_files(tmp_path, few):
    log = written(tmp_path, [record(n) for n in (4, 5, 6)])
    path = Path(log["file"])
    whole = path.read_bytes()
    path.write_bytes(whole[:-20])
    (fault,) = faults_of(tmp_path, few, [log])
    assert "a line that is not a JSON object (line 3)" in fault
    assert "truncated" in fault
    path.write_bytes(b"")
    assert "the file is empty" in faults_of(tmp_path, few, [log])[0]
    path.write_bytes(b"\xff\xfe\x00[[[[" * 50 + b"\n" + b"[" * 100_000 + b"\n3\n")
    assert "(3 times, first: line 1)" in faults_of(tmp_path, few, [log])[0]
    pq.write_table(pa.Table.from_pylist([record(4)]), tmp_path / "log.parquet")
    torn = (tmp_path / "log.parquet").read_bytes()[:-8]
    (tmp_path / "log.parquet").write_bytes(torn)
    (fault,) = faults_of(tmp_path, few, [log | {"file": str(tmp_path / "log.parquet")}])
    assert "cannot be read as parquet" in fault


def test_a_log_listed_twice_is_a_fault_and_two_runs_are_two_samples(tmp_path, few):
    log = written(tmp_path, [record(n) for n in (4, 5, 6)])
    other = written(tmp_path, [record(n, text=f"{n} </think> {n}") for n in (4, 5, 6)], "other.jsonl")
    table, _, _ = run(tmp_path, few, [log, other], samples=2)
    assert table["sample"].tolist() == [0, 1] * 3
    same = written(tmp_path, [record(n) for n in (4, 5, 6)], "same.jsonl")
    assert "the same file as" in faults_of(tmp_path, few, [log, same], samples=2)[0]


def test_too_few_samples_say_what_to_write(tmp_path, few):
    log = written(tmp_path, [record(n) for n in (4, 5, 6) for _ in range(3)])
    (fault,) = faults_of(tmp_path, few, [log])
    assert "Write samples: 3 in the study" in fault


ODD = [2**31, 2**63, 2**70, 10**400, float("inf"), True, -1, 1.5, "7", "\ud800", "\0", [], {}]


@pytest.mark.parametrize(
    "field",
    [
        "prompt_tokens",
        "reasoning_tokens",
        "answer_tokens",
        "output_tokens",
        "sample",
        "cap",
        "seed",
        "seconds",
    ],
)
def test_no_number_of_a_log_is_believed_that_cannot_be_one(tmp_path, few, field):
    fine = {"seed": {2**31}, "seconds": {1.5}}.get(field, set())
    for odd in ODD:
        rows = [record(n, odd=odd) for n in (4, 5, 6)]
        log = written(tmp_path, rows) | {"columns": {**COLUMNS, field: "odd"}}
        if isinstance(odd, int | float) and odd in fine:
            run(tmp_path, few, [log])
            continue
        (fault, *_) = faults_of(tmp_path, few, [log])
        assert "Expected " in fault and "line 1" in fault


@pytest.mark.parametrize("text", ["x" * 9_000_000, ""], ids=["bomb", "small"])
def test_a_log_that_unpacks_to_far_more_than_a_log_is_not_read(tmp_path, monkeypatch, text):
    monkeypatch.setattr(inspect_reader, "SMALL", 2**20)
    path = tmp_path / "log.eval"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("samples/1.json", text)
        archive.writestr("header.json", "{}")
    if text:
        with pytest.raises(
            UserError, match=r"log\.eval: [0-9,]+ bytes that unpack to 9,000,002: no log compresses"
        ):
            inspect_reader.check_size(path)
    else:
        assert inspect_reader.check_size(path) == 2
    torn = path.read_bytes()[:-10] + b"PK"
    path.write_bytes(torn)
    assert inspect_reader.check_size(path) == len(torn), "no archive: the reader says so"


def test_the_process_that_reads_a_log_has_a_limit_of_memory():
    code = (
        "import resource; from frontiers.log_import import inspect_reader as r; r.limit_memory(1000); "
        "print(resource.getrlimit(resource.RLIMIT_AS)[0]); bytearray(5 * 2**30)"
    )
    called = subprocess.run(
        [sys.executable, "-c", code],
        env={"PYTHONPATH": str(ROOT / "workflow")},
        capture_output=True,
        text=True,
    )
    assert called.stdout == f"{4 * 2**30 + 8000}\n" and "MemoryError" in called.stderr


def test_hostile_completions_are_carried_as_they_are(tmp_path, few):
    texts = ["\ud800 </think> 4", "\x00<think></think></think>5", "</think>" * 3000]
    log = written(tmp_path, [record(n, text=text) for n, text in zip((4, 5, 6), texts, strict=True)])
    table, _, _ = run(tmp_path, few, [log])
    assert table["answer"].tolist() == [" 4", "</think>5", "</think>" * 2999]
    assert table["reasoning"].tolist() == ["\ufffd ", "\x00<think>", ""]
    assert table["looping"].tolist() == [False, False, True]


def test_own_generations_come_back_as_they_were(tmp_path, few):
    """Our own table, read as a foreign one with all caps in it, gives the same counts."""
    columns = {
        "id": "problem_id", "sample": "sample", "cap": "cap", "reasoning": "reasoning", "completion": "answer",
        "prompt_tokens": "prompt_tokens", "reasoning_tokens": "reasoning_tokens", "end_tokens": "end_tokens",
        "answer_tokens": "answer_tokens", "finish_reason": "finish_reason", "seconds": "seconds", "seed": "seed",
    }  # fmt: skip
    rows = [
        {
            "problem_id": f"p{n}", "sample": s, "cap": cap, "seed": 5, "prompt_tokens": 14, "reasoning_tokens": kept,
            "end_tokens": 1, "answer_tokens": 4, "ended": cap is None or kept < cap, "finish_reason": "stop",
            "truncated": False, "looping": False, "reasoning": "Ana has " + str(n), "answer": f"\\boxed{{{n}}}",
            "seconds": None if s else 0.25,
        }
        for n in (4, 5, 6) for s in (0, 1) for cap, kept in ((0, 0), (8, 8), (None, 20 + n))
    ]  # fmt: skip
    path = tmp_path / "own.parquet"
    own = pd.DataFrame(rows).astype({"cap": "Int64", "seed": "Int64", "seconds": "Float64"})
    own.to_parquet(path)
    log = {"format": "table", "file": str(path), "columns": columns}
    table, _, facts = run(tmp_path, few, [log], caps=(0, 8, None), samples=2, tokenizer=False)
    pd.testing.assert_frame_equal(table.astype({"seconds": "Float64"}), own, check_dtype=False)
    assert facts["sources"]["output"] == {"log": 18}


def test_a_cap_of_the_log_holds_for_all_of_it(tmp_path, few):
    logs = []
    for cap in (1, None):
        log = written(tmp_path, [record(n, end="stop") for n in (4, 5, 6)], f"{cap}.jsonl")
        logs.append(log if cap is None else log | {"cap": cap, "columns": COLUMNS})
    Path(logs[1]["file"]).write_text(Path(logs[1]["file"]).read_text() + "\n")
    table, _, _ = run(tmp_path, few, logs, caps=(1, None))
    assert table.groupby("cap", dropna=False)["reasoning_tokens"].max().tolist() == [1, 3]


def test_padding_and_hidden_traces_are_told_of(tmp_path, few):
    fields = {"out": None, "think": None}
    rows = [
        record(4, **fields) | {"text": "<think>Ana</think>4" + "</s>" * 47, "out": 51},
        record(5, text="5", out=1000, think=800),
        record(6, **fields),
    ]
    columns = COLUMNS | {"output_tokens": "out", "reasoning_tokens": "think"}
    table, _, facts = run(tmp_path, few, [written(tmp_path, rows) | {"columns": columns}])
    assert table["answer_tokens"].tolist() == [2, 200, 4]
    assert table["reasoning_tokens"].tolist()[1] == 800
    assert table["answer"].tolist()[:2] == ["4", "5"]
    assert any("1 completions end in padding (47 special tokens)" in note for note in facts["notes"])
    assert any("1 completions hide their trace: its 800 tokens" in note for note in facts["notes"])


@settings(max_examples=200, deadline=None)
@given(
    st.lists(
        st.recursive(
            st.none() | st.booleans() | st.floats() | st.text(max_size=9),
            lambda inner: (
                st.lists(inner, max_size=3)
                | st.dictionaries(
                    st.sampled_from(
                        (
                            "doc doc_id arguments resps gen_args_0 arg_0 id text turns messages model_output choices "
                            "message content usage model_response query response body status_code problem "
                            "generation metric role"
                        ).split()
                    ),
                    inner,
                    max_size=6,
                )
            ),
            max_leaves=12,
        ),
        min_size=1,
        max_size=4,
    ),
    st.sampled_from(["lm-eval", "table", "evalscope", "lighteval", "nemo-skills", "openai-batch"]),
)
def test_no_content_of_a_log_makes_more_than_faults(tmp_path_factory, values, form):
    path = tmp_path_factory.mktemp("any") / "log.jsonl"
    path.write_text("".join(json.dumps(value) + "\n" for value in values))
    faults = Faults()
    log = {"format": form, "file": str(path), "columns": {"completion": "text", "id": "doc.id"}}
    for one in read_entries(log, path, faults):
        assert isinstance(one.completion, str)


# Configuration and tokenizer of the model


def test_a_known_repository_needs_no_hub_and_says_that_it_has_no_tokenizer(tmp_path, monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    block = {"repository": "Qwen/Qwen2.5-7B-Instruct", "revision": "main"}
    arguments = ["--name", "q", "--hub", str(tmp_path), "--output", str(tmp_path / "q.json")]
    fetch_tokenizer.main([*arguments, "--block", json.dumps(block)])
    found = json.loads((tmp_path / "q.json").read_text())
    assert found["folder"] is None
    assert "HF_HUB_OFFLINE" in found["reason"]
    assert json.loads((tmp_path / "q.config.json").read_text())["hidden_size"] == 3584
    with pytest.raises(UserError, match="no configuration"):
        fetch_tokenizer.main([*arguments, "--block", json.dumps(block | {"repository": "no/body"})])


# Completions recorded by others


@pytest.mark.skipif(not RECORDED.exists(), reason="../shared has no recorded completions")
def test_recorded_completions_are_imported_whole(tmp_path):
    rows = [json.loads(line) for line in RECORDED.read_text().splitlines()]
    fields = {"answer_type": "expression", "licence": "MIT", "source": "t"}
    problems = {r["problem_id"]: {"question": r["question"], "answer": r["gold"], **fields} for r in rows}
    path = tmp_path / "math100.jsonl"
    path.write_text("".join(json.dumps({"id": str(k), **v}) + "\n" for k, v in problems.items()))
    columns = {
        "id": "problem_id", "question": "question", "completion": "completion", "sample": "sample", "correct": "correct",
    }  # fmt: skip
    log = {"format": "table", "file": str(RECORDED), "columns": columns, "max_tokens": 2048}
    table, verdicts, _ = run(tmp_path, path, [log], samples=8, thinking=PROMPT)
    assert len(table) == len(verdicts) == 800
    assert table["reasoning"].tolist()[:8] == [r["completion"] for r in rows[:8]]
    grade.main(
        [
            "--generations",
            str(tmp_path / "made.parquet"),
            "--problems",
            str(path),
            "--output",
            str(tmp_path / "grades"),
        ]
    )
    grades = read_table(tmp_path / "grades", "grades")
    (row,) = agreement(verdicts, grades, "qwen", "math100", "cot").to_dict("records")
    assert row["both_right"] + row["both_wrong"] >= 799
    by_text = {k: v for k, v in log["columns"].items() if k != "id"}
    again, _, _ = run(tmp_path, path, [log | {"columns": by_text}], samples=8, thinking=PROMPT)
    pd.testing.assert_frame_equal(table, again)
