"""From the records of each log format to entries: lm-evaluation-harness, Inspect, and tables with a column map."""

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from frontiers.log_import.entry import Entry, Faults, at
from frontiers.log_import.values import (
    FINISHED,
    MOST,
    SEEDS,
    Row,
    all_written,
    name_of,
    texts_of,
    verdict,
    whole,
)

LM_EVAL_BUDGET = 256
"""Tokens that lm_eval lets a model write unless its task or command says otherwise; it logs no such default."""
BUDGETS = ("max_gen_toks", "max_tokens", "max_new_tokens", "max_completion_tokens")
COUNTS = ("prompt_tokens", "reasoning_tokens", "end_tokens", "answer_tokens", "output_tokens")
NUMBERS = (*COUNTS, "sample", "cap", "seed", "max_tokens")


def lm_eval(rows: Iterable[Row], file: str, id_column: str | None, faults: Faults) -> Iterator[Entry]:
    """Yield the entries of a `samples_*.jsonl` of lm-evaluation-harness.

    A file has a line for each document and filter. The completions are the same under every filter and taken
    from the first line; the metrics of each filter are separate verdicts. With several completions per document
    the metrics describe all of them together and are left out.
    """
    for place, row, verdicts in _documents(rows, file, faults):
        responses = _responses(row)
        if responses is None:
            fix = "Only tasks of output_type generate_until have completions to import"
            faults.add(file, "`resps` holds no texts", place, fix)
            continue
        sent, arguments = _request(row["arguments"])
        if sent is None:
            faults.add(file, "`arguments` holds no prompt", place, "Log it as lm_eval writes it")
            continue
        messages = _messages(sent)
        for text in responses:
            yield Entry(
                file=file,
                place=place,
                completion=text,
                id=name_of(at(row, id_column)) if id_column else None,
                asked=sent if messages is None else "\n".join(m["content"] for m in messages),
                prompt=sent if messages is None else None,
                messages=messages,
                budget=next((n for n in map(whole, map(arguments.get, BUDGETS)) if n), None),
                usual_budget=LM_EVAL_BUDGET,
                seed=whole(arguments.get("seed"), SEEDS),
                verdicts=verdicts,
                options=_options(row["doc"]),
                gold=name_of(row.get("target")),
            )


def _options(document: Any) -> list[str] | None:
    """Return the options of a multiple-choice document in the order shown; None if it lists none."""
    listed = next((found for name in ("choices", "options") if (found := at(document, name))), None)
    listed = listed.get("text") if isinstance(listed, Mapping) else listed
    return texts_of(listed)


def _documents(
    rows: Iterable[Row], file: str, faults: Faults
) -> Iterable[tuple[str, Mapping, dict[str, bool]]]:
    """Return place, first record and verdicts (by filter and metric) of every document."""
    documents: dict[str, tuple[str, Mapping, dict[str, bool]]] = {}
    seen: set[tuple[str, str]] = set()
    for place, row in rows:
        if missing := [name for name in ("doc_id", "doc", "arguments", "resps") if name not in row]:
            for name in missing:
                fix = "Run lm_eval with --log_samples and give samples_*.jsonl"
                faults.add(file, f"`{name}` is missing", place, fix)
            continue
        key, filtered = str(row["doc_id"]), str(row.get("filter", "none"))
        if (key, filtered) in seen:
            fix = "If the file holds two runs, list each as its own log"
            faults.add(file, f"two records of one document under filter `{filtered}`", place, fix)
            continue
        seen.add((key, filtered))
        documents.setdefault(key, (place, row, {}))[2].update(_verdicts(row, filtered))
    return documents.values()


def _verdicts(row: Mapping, filtered: str) -> dict[str, bool]:
    """Return the metrics of a record that are verdicts on its only completion, as `filter/metric`."""
    metrics = row.get("metrics")
    if not isinstance(metrics, list) or len(_responses(row) or []) != 1:
        return {}
    found = {f"{filtered}/{metric}": verdict(row.get(str(metric))) for metric in metrics}
    return {name: right for name, right in found.items() if right is not None}


def _responses(row: Mapping) -> list[str] | None:
    """Return the completions of a document; None if they are not texts."""
    responses = row["resps"]
    if isinstance(responses, list) and len(responses) == 1 and isinstance(responses[0], list):
        responses = responses[0]
    texts = isinstance(responses, list) and responses and all(isinstance(text, str) for text in responses)
    return responses if texts else None


def _request(arguments: Any) -> tuple[str | None, Mapping]:
    """Return prompt and keyword arguments of a request, as written by lm_eval before and since 0.4.3."""
    if isinstance(arguments, Mapping):
        arguments = [
            [part.get("arg_0"), part.get("arg_1")] for part in arguments.values() if isinstance(part, Mapping)
        ]
    first = arguments[0] if isinstance(arguments, list) and arguments else None
    if not isinstance(first, list) or not first:
        return None, {}
    prompt = first[0][0] if isinstance(first[0], list) and len(first[0]) == 1 else first[0]
    keywords = first[1] if len(first) > 1 and isinstance(first[1], Mapping) else {}
    return (prompt if isinstance(prompt, str) else None), keywords


def _messages(sent: str) -> list[dict[str, str]] | None:
    """Return the messages in `sent` if it is JSON, as with lm_eval's chat models; None for text."""
    if not sent.startswith("[{"):
        return None
    try:
        found = json.loads(sent)
    except ValueError:
        return None
    keep = [{"role": m.get("role"), "content": m.get("content")} for m in found if isinstance(m, Mapping)]
    return keep if keep and all(isinstance(v, str) for m in keep for v in m.values()) else None


def inspect(rows: Iterable[Row], file: str, id_column: str | None, faults: Faults) -> Iterator[Entry]:
    """Yield the entries of an Inspect log, from the output of `read_inspect`.

    Token counts that include padding (`padded`) are left out, and so is a count of 0 reasoning tokens, which
    vLLM's server reports even with a reasoning text.
    """
    for _, row in rows:
        place = row.get("place", "a sample")
        if row.get("error"):
            failed = "a sample that ended in an error", "Run `inspect eval-retry` on the log"
            where = f"{place}: {str(row['error'])[:80]}"
            known = {"id": name_of(at(row, id_column or "id")), "asked": row.get("asked")}
            yield Entry(file=file, place=where, completion="", failed=failed, **known)
            continue
        if row.get("turns") != 1:
            what = "a sample without a completion" if not row.get("turns") else "a sample with several turns"
            faults.add(file, what, place, "Only samples with a single turn of the model can be imported")
            continue
        counted = {} if row.get("padded") else row
        reasoning, reason = row.get("reasoning"), row.get("stop_reason")
        yield Entry(
            file=file,
            place=place,
            completion=row.get("completion") or "",
            reasoning=reasoning,
            id=name_of(at(row, id_column or "id")),
            asked=row.get("asked"),
            messages=row.get("messages"),
            prompt_tokens=whole(counted.get("input_tokens")),
            output_tokens=all_written(
                *map(counted.get, ("input_tokens", "output_tokens", "reasoning_tokens", "total_tokens"))
            ),
            reasoning_tokens=whole(counted.get("reasoning_tokens")) or None,
            finish_reason=FINISHED.get(reason),
            budget=whole(row.get("max_tokens")),
            seed=whole(row.get("seed"), SEEDS),
            seconds=row.get("seconds"),
            verdicts={name: right for name, right in (row.get("scores") or {}).items() if right is not None},
            options=texts_of(row.get("choices")),
            gold=name_of(row.get("target")),
        )


def table(rows: Iterable[Row], file: str, columns: Mapping[str, str], faults: Faults) -> Iterator[Entry]:
    """Yield the entries of any table; `columns` maps fields of an entry to its columns.

    A missing column is a fault, and so is a value of the wrong type. Empty values count as not given, but a
    record needs its completion.
    """
    for place, row in rows:
        values: dict[str, Any] = {}
        for name, column in columns.items():
            value = at(row, column)
            value = None if value is None or value != value else value
            if value is None and not _has(row, column):
                fix = f"Correct `columns` of the log in config.yaml; the record has: {', '.join(map(str, row))[:300]}"
                faults.add(file, f"column `{column}` (for `{name}`) is missing", place, fix)
            elif value is not None:
                values[name] = _value(name, value)
                if values[name] is None:
                    what = f"column `{column}` (for `{name}`) holds {json.dumps(value, default=str)[:60]}"
                    faults.add(file, what, place, _kind(name))
        if not isinstance(values.get("completion"), str):
            if "completion" in columns and _has(row, columns["completion"]):
                fix = "Every record needs the text the model wrote"
                failed = f"column `{columns['completion']}` (for `completion`) is empty", fix
                known = {key: values.get(key) for key in ("id", "sample", "cap")}
                asked = values.get("question") or values.get("prompt")
                yield Entry(file=file, place=place, completion="", failed=failed, asked=asked, **known)
            continue
        right, question = values.pop("correct", None), values.pop("question", None)
        values["budget"] = values.pop("max_tokens", None)
        asked = question if question is not None else values.get("prompt")
        if question is not None and "prompt" not in columns:
            values["messages"] = [{"role": "user", "content": question}]
        verdicts = {} if right is None else {columns["correct"]: right}
        yield Entry(file=file, place=place, asked=asked, verdicts=verdicts, **values)


def _has(row: Mapping, column: str) -> bool:
    """Return whether a record has a column, even an empty one."""
    head, dot, rest = column.partition(".")
    if column in row or not dot:
        return column in row
    return isinstance(row.get(head), Mapping) and _has(row[head], rest)


def _value(name: str, value: Any) -> Any:
    """Return a value in the type of its field, None if that is impossible."""
    if name in NUMBERS:
        return whole(value, SEEDS if name == "seed" else MOST)
    if name in ("id", "gold"):
        return name_of(value)
    if name == "options":
        return texts_of(value)
    if name == "finish_reason":
        return FINISHED.get(value) if isinstance(value, str) else None
    if name == "correct":
        return verdict(value)
    if name == "seconds":
        number = isinstance(value, int | float) and not isinstance(value, bool)
        return float(value) if number and 0 <= value < MOST else None
    return value if isinstance(value, str) else None


def _kind(name: str) -> str:
    """Return what a field expects, as the end of a message."""
    if name in NUMBERS:
        return "Expected a whole number, from 0 to 2^31 (a seed: 2^63)"
    if name == "options":
        return "Expected a list of texts"
    if name == "finish_reason":
        return f"Expected one of {', '.join(FINISHED)}"
    if name == "correct":
        return "Expected true or false, 1 or 0, C or I"
    return "Expected seconds" if name == "seconds" else "Expected text"
