"""Generate with one model on benchmarks under every reasoning cap.

Inputs: the problems of each benchmark (JSONL named after it) and the model's manifest (written by
download_model: its folder and the hash of every file).
Outputs, for each benchmark, in a folder: the table `generations` and its provenance as JSON.
Completed requests live in a journal per benchmark under --journal-dir, in a folder named by the
fingerprint of all that changes tokens: run again, after whatever end, it goes on from there. SIGTERM ends
it with status 143 and nothing lost. Of a strategy that is more than one chain the table `passes` is written too,
as `<benchmark>.<strategy>.passes.parquet`, and of a tree, whose rows are its leaves, the table `rewards`.
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
from pathlib import Path

from frontiers.config import strategies as config_strategies
from frontiers.core import cli, files, tables
from frontiers.data.problems import read_problems
from frontiers.generation import prompts, scheduler, shards
from frontiers.generation.engines import lease
from frontiers.generation.engines import reward as rewarders
from frontiers.generation.engines import vllm as engine
from frontiers.generation.prompts import Thinking
from frontiers.generation.requests import fingerprint
from frontiers.generation.strategies import chain, tree, tree_tables
from frontiers.generation.strategies import chain as generation

INTERRUPTED = 128 + 15  # what a shell reports of a process that SIGTERM ended


def main(argv: list[str] | None = None) -> None:
    """Decode what the journals lack, then write tables and provenance."""
    arguments = parse(argv)
    cli.stop_on_sigterm()
    try:
        generate(arguments)
    except cli.Stopped:
        cli.say(
            f"stopped by SIGTERM: what was decoded is journalled under {arguments.journal_dir}, the same "
            "command goes on from there"
        )
        sys.exit(INTERRUPTED)


def parse(argv: list[str] | None) -> argparse.Namespace:
    """Read the arguments of the command."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--model", required=True, help="name of the model, part of every seed")
    parser.add_argument("--identity", required=True, help="JSON of the model's fields that change its tokens")
    parser.add_argument("--manifest", type=Path, required=True, help="JSON written by download_model")
    parser.add_argument(
        "--problems", type=Path, nargs="+", required=True, help="JSONL per benchmark, named after it"
    )
    parser.add_argument("--samples", required=True, help="JSON: traces per problem of each benchmark")
    parser.add_argument("--strategy", required=True, help="name of the strategy, part of the files' names")
    parser.add_argument(
        "--method", default='{"method": "chain"}', help="JSON of the strategy's fields that change tokens"
    )
    parser.add_argument("--reward", help="JSON of the reward model of a tree: name, reward, context")
    parser.add_argument("--reward-manifest", type=Path, help="JSON written by download_model for it")
    parser.add_argument(
        "--caps", required=True, help="JSON list of reasoning caps in tokens, null for uncapped"
    )
    parser.add_argument(
        "--answer-tokens", type=int, required=True, help="budget of the answer after the trace"
    )
    parser.add_argument("--seed", type=int, required=True, help="the study's seed")
    parser.add_argument("--engine", required=True, help="JSON of the study's engine block")
    parser.add_argument("--gpus", type=int, default=0, help="devices the model is spread over")
    parser.add_argument(
        "--shard", default="", help="part of the problems to generate, such as 2of4; all without"
    )
    parser.add_argument(
        "--code", help="digest of the code that decides requests and rows, for the provenance"
    )
    parser.add_argument("--journal-dir", type=Path, required=True, help="folder of the journals")
    parser.add_argument("--output-dir", type=Path, required=True, help="folder of the tables to write")
    return parser.parse_args(argv)


def generate(arguments: argparse.Namespace) -> None:
    """Do what `main` says; let `Stopped` through with the journals closed."""
    begun, clock = datetime.now(UTC), time.monotonic()
    identity, settings = json.loads(arguments.identity), json.loads(arguments.engine)
    manifest = json.loads(arguments.manifest.read_text())
    folder = Path(manifest["folder"])
    trusted = identity.get("trust_remote_code", False)
    engine.prepare_environment(settings.get("device"), arguments.journal_dir / "cache")
    os.environ["HF_HUB_OFFLINE"] = "1"
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(folder, trust_remote_code=trusted)
    scoring = None
    if arguments.reward:
        scoring = rewarders.Loaded(json.loads(arguments.reward), arguments.reward_manifest, settings)
    runner, changing = lease.runner(
        settings,
        arguments.model,
        lambda: rewarders.beside(
            scoring,
            engine.engine_arguments(
                str(folder), read_json(folder / "config.json"), settings, arguments.gpus, trusted
            ),
        ),
        {"temperature": 1.0, **identity["sampling"]},
        tokenizer,
        arguments.gpus,
        cli.say,
        scoring and (lambda: scoring.engine(arguments.gpus, cli.say)),
        identity.get("thoughts"),
    )
    mark = fingerprint({"files": manifest["files"], "identity": identity, **changing})
    sums = {path: files.sha256_of(path) for path in arguments.problems}
    parts = parts_of(
        arguments, identity, settings, tokenizer, read_json(folder / "generation_config.json"), mark, scoring
    )
    try:
        scheduler.drive(list(parts.values()), runner, cli.say)
        shared = {
            "model": arguments.model,
            "identity": identity,
            "manifest": manifest,
            "chat_template_sha256": hashlib.sha256((tokenizer.chat_template or "").encode()).hexdigest(),
            "caps": json.loads(arguments.caps),
            "strategy": json.loads(arguments.method),
            **({"reward_model": scoring.describe()} if scoring else {}),
            "answer_tokens": arguments.answer_tokens,
            "seed": arguments.seed,
            "engine": settings,
            "fingerprint": mark,
            "git_commit": git_commit(),
            "code": arguments.code,
            "begun": begun.isoformat(timespec="seconds"),
            "job_seconds": round(time.monotonic() - clock, 3),
            "peak_memory_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
            **(described := runner.describe()),
            "job_joules": described["measured"]["joules"],
        }
        write(arguments, parts, tokenizer, shared, sums)
    finally:
        runner.close()
        for part in parts.values():
            part.journal.close()


def parts_of(
    arguments: argparse.Namespace,
    identity: dict,
    settings: dict,
    tokenizer,
    generation_config: dict,
    mark: str,
    scoring: rewarders.Loaded | None,
) -> dict[Path, scheduler.Part]:
    """Return, by the file of its problems, what each benchmark asks for, with its journal."""
    thinking = Thinking.from_block(identity["thinking"], tokenizer)
    samples, parts = json.loads(arguments.samples), {}
    method = json.loads(arguments.method)
    for path in arguments.problems:
        wanted = generation.Settings(
            caps=tuple(json.loads(arguments.caps)),
            samples=samples[path.stem],
            answer_tokens=arguments.answer_tokens,
            context=settings["max_model_len"],
            seed=arguments.seed,
            model=arguments.model,
            benchmark=path.stem,
            stop=prompts.end_of_sequence(tokenizer, generation_config),
            # With a penalty each new piece would cost a bias on every token written so far.
            piece=None if identity["sampling"].get("frequency_penalty") else settings["piece_tokens"],
            extensions=method.get("times", 0),
            extension=tuple(tokenizer.encode(method.get("text", ""), add_special_tokens=False)),
        )
        template = identity.get("template") or {}
        problems = shards.part_of(read_problems(path), arguments.shard)
        if method["method"] in config_strategies.TREES:
            shape = tree.Shape.from_block(method, tokenizer, thinking)
            courses = tree.courses(problems, tokenizer, thinking, template, wanted, shape, scoring.rewarder)
        else:
            courses = generation.courses(problems, tokenizer, thinking, template, wanted)
        folder = arguments.journal_dir / arguments.model / mark
        journal = shards.journal(folder, f"{path.stem}.{arguments.strategy}", arguments.shard)
        torn = f", {journal.dropped} torn lines dropped" if journal.dropped else ""
        cli.say(f"{len(journal.entries):,} requests in {journal.path}{torn}")
        parts[path] = scheduler.Part(journal, courses)
    return parts


def write(
    arguments: argparse.Namespace,
    parts: dict[Path, scheduler.Part],
    tokenizer,
    shared: dict,
    sums: dict[Path, str],
) -> None:
    """Write the table and the provenance of every benchmark and compact its journal.

    The provenance divides what the whole job took by the time that each benchmark had of the engine. `sums` are
    the checksums of the problems as they were read; raises `UserError` where a file has changed since.
    """
    if changed := [path for path, before in sums.items() if files.sha256_of(path) != before]:
        raise cli.UserError(
            f"{changed[0]}: changed while its problems were answered, so nothing is written. Run the same command "
            "again: what has been decoded is journalled"
        )
    seconds = sum(part.journal.tally.seconds for part in parts.values())
    method = json.loads(arguments.method)["method"]
    for path, part in parts.items():
        if method in config_strategies.TREES:
            found = tree_tables.tables(part.results, tokenizer)
        else:
            rows = [row for rows in part.results for row in rows]
            found = {"generations": generation.tabulate(rows, tokenizer)}
            if method == "extend":
                found["passes"] = chain.passes(rows)
        table = found.pop("generations")
        tally = part.journal.tally
        of_job = tally.seconds / seconds if seconds else 1 / len(parts)
        joules = shared["job_joules"]
        provenance = shared | {
            "benchmark": path.stem,
            "problems_sha256": sums[path],
            "samples": json.loads(arguments.samples)[path.stem],
            "wall_seconds": round(shared["job_seconds"] * of_job, 3),
            "engine_seconds": round(tally.seconds, 3),
            "decoded_requests": part.requests,
            "journalled_requests": part.known,
            "decoded_tokens": tally.tokens,
            "tokens_per_second": tally.tokens_per_second,
            "energy_joules": None if joules is None else joules * of_job,
            "finish_reasons": dict(Counter(table["finish_reason"])),
            "truncated": int(table["truncated"].sum()),
            "looping": int(table["looping"].sum()),
        }
        output = arguments.output_dir / f"{path.stem}.{arguments.strategy}.parquet"
        tables.write_table(table, output, "generations")
        for name, beside in found.items():
            tables.write_table(beside, output.with_suffix(f".{name}.parquet"), name)
        files.write_whole(output.with_suffix(".json"), json.dumps(provenance, indent=1).encode() + b"\n")
        if part.requests or part.journal.dropped:
            part.journal.compact()
        cli.say(f"{output}: {len(table):,} generations, {tally.tokens:,} tokens decoded")


def read_json(path: Path) -> dict:
    """Return what a JSON file holds, nothing if it is not there."""
    return json.loads(path.read_text()) if path.exists() else {}


def git_commit() -> str | None:
    """Return the commit of the project, or None outside a checkout."""
    called = subprocess.run(["git", "rev-parse", "HEAD"], capture_output=True, text=True)
    return called.stdout.strip() or None


if __name__ == "__main__":
    cli.run(main)
