"""Reading Inspect logs through inspect_ai's own reader. Needs inspect_ai and the standard library only."""

import resource
import zipfile
from collections.abc import Iterator
from pathlib import Path

from frontiers.core.cli import UserError

UNUSED = {"events", "store", "timelines"}
"""Fields of a sample that are not read; they are most of a log's size."""

PADDED = ("hf/",)
"""Providers whose token counts include the padding of their batches (`hf` of inspect_ai 0.3)."""


SMALL, LARGE = 2**30, 2**36
"""Bytes that a log may have unpacked whatever its size on disk, and that none may have."""
RATIO = 200
"""Bytes unpacked per byte on disk that a log larger than `SMALL` may have; text has 3 to 50."""
MEMORY = (4 * 2**30, 8)
"""Memory of the process that reads a log: so many bytes, and so many per unpacked byte that the log declares."""


def check_size(path: Path) -> int:
    """Return the bytes that a log declares to have unpacked, those of the file for one that is no zip archive.

    Raises `UserError` if it would unpack to far more than a log holds.
    """
    size = path.stat().st_size
    if not zipfile.is_zipfile(path):
        return size
    try:
        with zipfile.ZipFile(path) as archive:
            unpacked = sum(member.file_size for member in archive.infolist())
    except (zipfile.BadZipFile, NotImplementedError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: not a whole zip archive ({error}): copy it again") from error
    if unpacked > LARGE or (unpacked > SMALL and unpacked > RATIO * size):
        raise UserError(
            f"{path}: {size:,} bytes that unpack to {unpacked:,}: no log compresses like that, so it was not read. Make "
            "the log again, or correct `file` of the log in config.yaml"
        )
    return unpacked


def limit_memory(unpacked: int) -> None:
    """Let this process use as much memory as a log of that many bytes may need, whatever the log then unpacks to."""
    most = MEMORY[0] + MEMORY[1] * unpacked
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(
        resource.RLIMIT_AS, (most if hard == resource.RLIM_INFINITY else min(most, hard), hard)
    )


def read_log(path: Path) -> Iterator[dict]:
    """Yield a JSON object per sample of an Inspect log (`.eval` or `.json`), in the order of the log.

    Limits the memory of the process. Raises `UserError` if inspect_ai is not installed or cannot read the log, and
    if the log has no samples or its evaluation did not succeed.
    """
    if not path.is_file():
        raise UserError(f"{path}: there is no such file; correct `file` of the log in config.yaml")
    unpacked = check_size(path)
    try:
        from inspect_ai.log import read_eval_log
    except ImportError as error:
        raise UserError(
            f"{path}: reading Inspect logs needs inspect_ai, which is not installed ({error}). Run snakemake with "
            "--use-conda, or run `make inspect` once, which installs it in .venv-inspect"
        ) from error
    limit_memory(unpacked)
    try:
        log = read_eval_log(str(path), resolve_attachments="core", exclude_fields=UNUSED)
    except Exception as error:  # whatever the reader raises for a damaged file
        first = (str(error).strip().splitlines() or [""])[0][:200]
        raise UserError(
            f"{path}: inspect_ai cannot read it ({type(error).__name__}: {first}). It is truncated or not an Inspect log: "
            "copy it again, or correct `format` of the log in config.yaml"
        ) from error
    if log.status != "success":
        raise UserError(
            f"{path}: the evaluation's status is `{log.status}`, so samples are missing; finish it with "
            "`inspect eval-retry` and import the new log"
        )
    if not log.samples:
        raise UserError(f"{path}: it has no samples; run inspect without --no-log-samples")
    padded = log.eval.model.startswith(PADDED)
    config = log.eval.model_generate_config.merge(log.plan.config)
    for sample in log.samples:
        yield _row(sample, padded) | {"max_tokens": config.max_tokens, "seed": config.seed}


def _row(sample, padded: bool) -> dict:
    """Return one sample, with texts and numbers as logged."""
    answers = [message for message in sample.messages if message.role == "assistant"]
    asked = [message for message in sample.messages if message.role != "assistant"]
    choice = sample.output.choices[0] if sample.output.choices else None
    usage = sample.output.usage
    reasoning, completion = _texts(choice.message.content) if choice else (None, None)
    return {
        "place": f"sample {sample.id}, epoch {sample.epoch}",
        "id": sample.id,
        "metadata": sample.metadata,
        "choices": sample.choices,
        "target": sample.target if isinstance(sample.target, str) else None,
        "asked": "\n".join(_texts(message.content)[1] for message in asked),
        "messages": [{"role": m.role, "content": _texts(m.content)[1]} for m in asked],
        "completion": completion,
        "reasoning": reasoning,
        "input_tokens": usage.input_tokens if usage else None,
        "output_tokens": usage.output_tokens if usage else None,
        "reasoning_tokens": usage.reasoning_tokens if usage else None,
        "total_tokens": usage.total_tokens if usage else None,
        "padded": padded,
        "stop_reason": choice.stop_reason if choice else None,
        "seconds": sample.output.time,
        "turns": len(answers) if choice else 0,
        "error": sample.error.message if sample.error else None,
        "scores": {name: _right(score.value) for name, score in (sample.scores or {}).items()},
    }


def _texts(content) -> tuple[str | None, str]:
    """Return the reasoning (None if there is none) and the text of a message."""
    if isinstance(content, str):
        return None, content
    reasoning = [part.reasoning for part in content if part.type == "reasoning"]
    return "\n".join(reasoning) if reasoning else None, "".join(
        part.text for part in content if part.type == "text"
    )


def _right(value) -> bool | None:
    """Return whether a score means right or wrong; None for anything else."""
    if isinstance(value, str):
        return {"C": True, "I": False}.get(value)
    return {1: True, 0: False}.get(value) if isinstance(value, bool | int | float) else None
