"""Logs of evalscope, lighteval, NeMo-Skills and of batches of the OpenAI API, in the form that each documents."""

import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from frontiers.config.imported import ENDINGS
from frontiers.core.paths import WORKFLOW
from frontiers.log_import.entry import Faults
from frontiers.log_import.files import READERS, read_entries

QUESTION = "Ana has 4 pens. How many pens does Ana have?"


def entries(folder, form, rows, name="log.jsonl", **log):
    """Read records as a log of a format; return its entries and the faults' texts."""
    path = folder / name
    if name.endswith(".parquet"):
        pq.write_table(pa.Table.from_pylist(rows), path)
    else:
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    faults = Faults()
    found = list(read_entries({"format": form, "file": name, **log}, path, faults))
    return found, [what for _, what in faults._found]


def test_every_format_has_a_reader_and_endings_and_is_in_the_schema():
    schema = json.loads((WORKFLOW / "schemas/config/config.schema.json").read_text())
    formats = schema["$defs"]["log"]["properties"]["format"]["enum"]
    assert set(formats) == set(ENDINGS) == {*READERS, "table"}


def evalscope_row(**fields):
    content = [{"type": "reasoning", "reasoning": "Ana has 4."}, {"type": "text", "text": "\\boxed{4}"}]
    message = {"role": "assistant", "content": content}
    return {
        "index": 7,
        "model": "m",
        "model_output": {
            "choices": [{"message": message, "stop_reason": "max_tokens"}],
            "usage": {"input_tokens": 20, "output_tokens": 30, "total_tokens": 50, "reasoning_tokens": None},
            "error": None,
            **fields,
        },
        "messages": [{"role": "system", "content": "Think."}, {"role": "user", "content": QUESTION}, message],
        "metadata": {},
    }


def test_evalscope(tmp_path):
    (one,), faults = entries(tmp_path, "evalscope", [evalscope_row()])
    assert (one.id, one.completion, one.reasoning, one.finish_reason) == (
        "7",
        "\\boxed{4}",
        "Ana has 4.",
        "length",
    )
    assert (one.prompt_tokens, one.output_tokens, one.reasoning_tokens) == (20, 30, None)
    assert one.messages == [{"role": "system", "content": "Think."}, {"role": "user", "content": QUESTION}]
    assert not faults
    found, faults = entries(
        tmp_path, "evalscope", [evalscope_row(error="refused"), evalscope_row(choices=[])]
    )
    assert not found and faults == ["a prediction without a completion"]


def test_lighteval(tmp_path):
    row = {
        "doc": {"query": QUESTION, "choices": ["4"], "gold_index": [0], "id": "3", "generation_size": 64},
        "model_response": {
            "input": f"<user>{QUESTION}", "input_tokens": [1, 2, 3], "text": ["It is 4.", "5"], "reasonings": [None, "Hm."],
            "output_tokens": [[5, 6, 7, 0, 0, 0], [8, 9]],
        },
        "metric": {"extractive_match": 1.0},
    }  # fmt: skip
    (one, other), faults = entries(tmp_path, "lighteval", [row], "details.parquet")
    assert (one.prompt, one.prompt_tokens, one.output_tokens, one.budget) == (
        f"<user>{QUESTION}",
        3,
        None,
        64,
    )
    assert (other.reasoning, other.output_tokens, one.gold, one.options) == ("Hm.", 2, "4", None)
    assert not one.verdicts and not faults, "a metric over two texts is no verdict on one"
    row["model_response"]["padded_tokens_count"] = 2
    (one, _), _ = entries(tmp_path, "lighteval", [row], "details.parquet")
    assert one.prompt_tokens == 1, "the rest is padding on the left"
    row["doc"] |= {"choices": ["pens", "cups"], "gold_index": [1]}
    row["model_response"] |= {"text": ["B"], "reasonings": [None], "output_tokens": [[4]], "input": None}
    (one,), _ = entries(tmp_path, "lighteval", [row], "details.parquet")
    assert (one.options, one.gold, one.verdicts) == (["pens", "cups"], "cups", {"extractive_match": True})
    assert one.messages == [{"role": "user", "content": QUESTION}]
    _, faults = entries(tmp_path, "lighteval", [{"doc": {"query": None}, "metric": None}], "details.parquet")
    assert faults == ["`doc.query` or `model_response.text` is missing"]


def test_nemo_skills(tmp_path):
    row = {
        "id": "algebra-1", "problem": QUESTION, "expected_answer": "4", "generation": "4",
        "num_generated_tokens": 9,        "_full_generation": "<think>Hm.</think>4", "predicted_answer": "4", 
        "symbolic_correct": True, "finish_reason": "stop",
    }  # fmt: skip
    (one,), faults = entries(tmp_path, "nemo-skills", [row], columns={"id": "id"})
    assert (one.id, one.completion, one.output_tokens, one.gold) == (
        "algebra-1",
        "<think>Hm.</think>4",
        9,
        "4",
    )
    assert (one.asked, one.finish_reason, one.verdicts) == (QUESTION, "stop", {"symbolic_correct": True})
    assert not faults
    _, faults = entries(tmp_path, "nemo-skills", [{"problem": QUESTION}])
    assert faults == ["`generation` or `problem` is missing"]


def batch_row(status=200, **fields):
    body = {
        "choices": [{"index": 0, "message": {"role": "assistant", "content": "4"}, "finish_reason": "stop"}],
        "usage": {
            "prompt_tokens": 20, "completion_tokens": 1000, "total_tokens": 1020,
            "completion_tokens_details": {"reasoning_tokens": 800},
        },
    }  # fmt: skip
    response = {"status_code": status, "request_id": "r", "body": body if status == 200 else {"error": {}}}
    return {"id": "batch_req_1", "custom_id": "run/p4", "response": response, "error": None, **fields}


def test_openai_batch(tmp_path):
    (one,), faults = entries(tmp_path, "openai-batch", [batch_row()], id_pattern="(p[0-9]+)$")
    assert (one.id, one.completion, one.finish_reason) == ("p4", "4", "stop")
    assert (one.prompt_tokens, one.output_tokens, one.reasoning_tokens) == (20, 1000, 800)
    assert not faults
    failed = [batch_row(429), batch_row(response=None, error={"code": "batch_expired"})]
    _, faults = entries(tmp_path, "openai-batch", failed)
    assert faults == ["a request that failed"]
    left_out, faults = entries(tmp_path, "openai-batch", failed, on_error="leave_out")
    assert len(left_out) == 2 and all(one.failed for one in left_out) and not faults
    other = batch_row()
    other["response"]["body"] = {"object": "response", "output": []}
    none, faults = entries(tmp_path, "openai-batch", [other], on_error="leave_out")
    assert not none and faults == ["a reply without `choices`"], (
        "a reply of another endpoint is no failed call"
    )


@pytest.mark.parametrize(
    ("counts", "written"),
    [
        ((32, 9, 94, 135), 103),  # xAI's API
        ((21, 0, 60, 81), 60),  # a proxy of Gemini
        ((20, 1500, 1000, 2520), 2500),
        ((20, 1000, 800, 1020), 1000),  # OpenAI's
        ((20, 1000, 800, None), 1000),
        ((20, 1000, None, 1020), 1000),
        ((20, None, 800, 1020), None),
    ],
)
def test_reasoning_that_a_server_counts_apart_is_added(tmp_path, counts, written):
    prompt, output, reasoning, total = counts
    usage = {"prompt_tokens": prompt, "completion_tokens": output, "total_tokens": total}
    row = batch_row()
    row["response"]["body"]["usage"] = usage | {"completion_tokens_details": {"reasoning_tokens": reasoning}}
    (one,), _ = entries(tmp_path, "openai-batch", [row])
    assert (one.output_tokens, one.reasoning_tokens) == (written, reasoning)
    names = ("input_tokens", "output_tokens", "reasoning_tokens", "total_tokens")
    counted = dict(zip(names, counts, strict=True))
    (one,), _ = entries(tmp_path, "evalscope", [evalscope_row(usage=counted)])
    assert one.output_tokens == written
    sample = {"place": "sample 1", "turns": 1, "completion": "4", "stop_reason": "stop", **counted}
    (one,), _ = entries(tmp_path, "inspect", [sample])
    assert one.output_tokens == written


@pytest.mark.parametrize(
    ("document", "records", "expected"),
    [
        ([{"text": "4"}], None, ["4"]),
        ({"config": {}, "results": [{"text": "4"}, {"text": "5"}]}, "results", ["4", "5"]),
        ({"run": {"results": [{"text": "4"}]}}, "run.results", ["4"]),
        ({"results": []}, None, "no list of records"),
        ([4], None, "a record that is not a JSON object"),
    ],
)
def test_a_json_document_has_its_records_in_a_list(tmp_path, document, records, expected):
    path = tmp_path / "log.json"
    path.write_text(json.dumps(document))
    log = {"format": "table", "file": "log.json", "columns": {"completion": "text", "id": "text"}}
    faults = Faults()
    found = list(read_entries(log | ({"records": records} if records else {}), path, faults))
    if isinstance(expected, str):
        assert [what for _, what in faults._found] == [expected]
    else:
        assert [one.completion for one in found] == expected
    path.write_text("{")
    assert not list(read_entries(log, path, faults))
    assert "not a JSON document" in [what for _, what in faults._found]
