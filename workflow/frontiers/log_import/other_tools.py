"""From the records of further tools to entries: evalscope, lighteval, NeMo-Skills and batches of the OpenAI API.

Each reader takes (place, record) pairs, the name of the file, the name of the id's column (or None) and the faults.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from frontiers.log_import.entry import Entry, Faults, at
from frontiers.log_import.values import FINISHED, Row, all_written, name_of, texts_of, verdict, whole

CHAT_USAGE = ("prompt_tokens", "completion_tokens", "completion_tokens_details.reasoning_tokens")


def evalscope(rows: Iterable[Row], file: str, id_column: str | None, faults: Faults) -> Iterator[Entry]:
    """Yield the entries of `predictions/<model>/*.jsonl` of evalscope; its verdicts are in other files."""
    for place, row in rows:
        choices = _list(at(row, "model_output.choices"))
        message = at(choices[0], "message") if choices else None
        reasoning, completion = _parts(at(message, "content"))
        asked = [
            {"role": str(one["role"]), "content": _parts(one.get("content"))[1] or ""}
            for one in _list(row.get("messages"))
            if isinstance(one, Mapping) and one.get("role") in ("system", "user")
        ]
        if completion is None or at(row, "model_output.error"):
            fix = "Run evalscope again with `--use-cache` and this output: it repeats failed ones"
            yield Entry(
                file=file,
                place=place,
                completion="",
                id=name_of(at(row, id_column or "index")),
                asked="\n".join(message["content"] for message in asked),
                failed=("a prediction without a completion", fix),
            )
            continue
        counts = at(row, "model_output.usage")
        yield Entry(
            file=file,
            place=place,
            completion=completion,
            reasoning=reasoning,
            id=name_of(at(row, id_column or "index")),
            asked="\n".join(message["content"] for message in asked),
            messages=asked,
            prompt_tokens=whole(at(counts, "input_tokens")) or None,
            output_tokens=_written(counts, "input_tokens", "output_tokens", "reasoning_tokens") or None,
            reasoning_tokens=whole(at(counts, "reasoning_tokens")) or None,
            finish_reason=FINISHED.get(str(at(choices[0], "stop_reason"))),
        )


def lighteval(rows: Iterable[Row], file: str, id_column: str | None, faults: Faults) -> Iterator[Entry]:
    """Yield the entries of `details_*.parquet` of lighteval; every text of a document is a sample.

    transformers pads the prompts of a batch on the left, of which the log has the number, and its outputs on the
    right, of which it has none: ids that end in a run of one, padding or a loop, are not counted.
    """
    for place, row in rows:
        written, sent = texts_of(at(row, "model_response.text")), at(row, "model_response.input")
        query = at(row, "doc.query")
        if written is None or not isinstance(query, str):
            what = "`doc.query` or `model_response.text` is missing"
            faults.add(
                file, what, place, "Give details_*.parquet of lighteval 0.11 or later, of a generative task"
            )
            continue
        listed = texts_of(at(row, "doc.choices")) or []
        gold = at(row, "doc.gold_index")
        gold = gold[0] if isinstance(gold, list) and gold else gold
        ids, fed = (_list(at(row, f"model_response.{name}_tokens")) for name in ("output", "input"))
        padded = whole(at(row, "model_response.padded_tokens_count")) or 0
        reasonings = _list(at(row, "model_response.reasonings"))
        metrics = at(row, "metric") if len(written) == 1 else None
        found = (
            {str(name): verdict(value) for name, value in metrics.items()}
            if isinstance(metrics, Mapping)
            else {}
        )
        for number, text in enumerate(written):
            yield Entry(
                file=file,
                place=place,
                completion=text,
                reasoning=reasonings[number] if number < len(reasonings) and reasonings[number] else None,
                id=name_of(at(row, id_column or "doc.id")),
                asked=query,
                prompt=sent if isinstance(sent, str) else None,
                messages=None if isinstance(sent, str) else [{"role": "user", "content": query}],
                prompt_tokens=len(fed) - padded if len(fed) > padded else None,
                output_tokens=_length(_list(ids[number])) if number < len(ids) else None,
                budget=whole(at(row, "doc.generation_size")) or None,
                verdicts={name: right for name, right in found.items() if right is not None},
                options=listed if len(listed) > 1 and any(len(option) > 1 for option in listed) else None,
                gold=listed[gold] if isinstance(gold, int) and 0 <= gold < len(listed) else None,
            )


def nemo_skills(rows: Iterable[Row], file: str, id_column: str | None, faults: Faults) -> Iterator[Entry]:
    """Yield the entries of `output*.jsonl` of NeMo-Skills, `output-rs<seed>.jsonl` among them."""
    for place, row in rows:
        text = row.get("_full_generation", row.get("generation"))
        question = row.get("problem", row.get("question"))
        if not isinstance(text, str) or not isinstance(question, str):
            fix = "Give output*.jsonl of `ns generate` or `ns eval`"
            faults.add(file, "`generation` or `problem` is missing", place, fix)
            continue
        right = verdict(row.get("symbolic_correct", row.get("is_correct")))
        yield Entry(
            file=file,
            place=place,
            completion=text,
            reasoning=row["reasoning_content"] if isinstance(row.get("reasoning_content"), str) else None,
            id=name_of(at(row, id_column)) if id_column else None,
            asked=question,
            messages=[{"role": "user", "content": question}],
            prompt_tokens=whole(row.get("num_input_tokens")) or None,
            output_tokens=whole(row.get("num_generated_tokens")) or None,
            finish_reason=FINISHED.get(str(row.get("finish_reason"))),
            verdicts={} if right is None else {"symbolic_correct": right},
            gold=name_of(row.get("expected_answer")),
        )


def openai_batch(rows: Iterable[Row], file: str, id_column: str | None, faults: Faults) -> Iterator[Entry]:
    """Yield the entries of the output of a batch of chat completions; `custom_id` is the id, the prompt is not in it."""
    for place, row in rows:
        body = at(row, "response.body")
        choices = _list(at(body, "choices"))
        failed = row.get("error") or at(row, "response.status_code") != 200
        if not failed and not choices:
            fix = "Batches of /v1/chat/completions are read; give those of other endpoints as a table"
            faults.add(file, "a reply without `choices`", f"{place}: {row.get('custom_id')}", fix)
            continue
        if failed:
            fix = "Send the failed requests again and add their lines"
            yield Entry(
                file=file,
                place=f"{place}: {row.get('custom_id')}",
                completion="",
                id=name_of(at(row, id_column or "custom_id")),
                failed=("a request that failed", fix),
            )
            continue
        for choice in choices:
            reasoning, content = at(choice, "message.reasoning_content"), at(choice, "message.content")
            one = len(choices) == 1
            yield Entry(
                file=file,
                place=place,
                completion=content if isinstance(content, str) else "",
                reasoning=reasoning if isinstance(reasoning, str) else None,
                id=name_of(at(row, id_column or "custom_id")),
                prompt_tokens=whole(at(body, "usage.prompt_tokens")) or None,
                output_tokens=_written(at(body, "usage"), *CHAT_USAGE) if one else None,
                reasoning_tokens=whole(at(body, "usage.completion_tokens_details.reasoning_tokens"))
                if one
                else None,
                finish_reason=FINISHED.get(str(at(choice, "finish_reason"))),
            )


def _written(usage: Any, *names: str) -> int | None:
    """Return the tokens written of a `usage`; `names` are its fields of prompt, output and reasoning."""
    return all_written(*(at(usage, name) for name in (*names, "total_tokens")))


def _list(value: Any) -> list:
    """Return a list, the empty one for anything else."""
    return value if isinstance(value, list) else []


def _parts(content: Any) -> tuple[str | None, str | None]:
    """Return reasoning and text of a message, either as one text or as parts; None for what is not there."""
    if isinstance(content, str):
        return None, content
    parts = [part for part in _list(content) if isinstance(part, Mapping)]
    reasoning = [str(part.get("reasoning")) for part in parts if part.get("type") == "reasoning"]
    text = [str(part.get("text")) for part in parts if part.get("type") == "text"]
    return "\n".join(reasoning) if reasoning else None, "".join(text) if parts else None


def _length(ids: Sequence[Any]) -> int | None:
    """Return the number of token ids; None if there are none, or if the last two are one and the same."""
    return None if not ids or ids[-2:-1] == ids[-1:] else len(ids)
