"""Import the logs of one model on one benchmark: completions recorded by other tools.

Inputs: the logs (samples_*.jsonl of lm-evaluation-harness, the output of read_inspect for an Inspect log, or a
parquet or JSONL table with a column map), the benchmark's problems, and the model's tokenizer if the logs do
not count tokens. Outputs: the table `generations` and its provenance as JSON next to it, as if the model had
been run here, and the table `verdicts` of the logs' own verdicts.
"""

import argparse
import json
from collections import Counter as Tally
from collections.abc import Sequence
from pathlib import Path

from frontiers.core import cli, files, sealed, tables
from frontiers.data.problems import read_problems
from frontiers.generation.chat_template import Renderer, TemplateFault
from frontiers.generation.prompts import on_day
from frontiers.log_import import import_tables, token_counts
from frontiers.log_import.entry import Faults, valid
from frontiers.log_import.files import read_entries
from frontiers.log_import.matching import Benchmark


def main(argv: Sequence[str] | None = None) -> None:
    """Read all logs, match and count, and write the tables, or nothing at all."""
    arguments = parse(argv)
    identity, logs = json.loads(arguments.identity), json.loads(arguments.logs)
    subject = f"the logs of {arguments.model} on {arguments.problems.stem}"
    faults, entries, sums = Faults(), [], {}
    for log, file in zip(logs, arguments.files, strict=True):
        if file.is_file():
            chosen = json.dumps(log.get("where"), sort_keys=True)
            sums.setdefault((files.sha256_of(file), chosen), []).append(log["file"])
        entries += read_entries(log, file, faults)
    for name, *again in sums.values():
        for other in again:
            faults.add(other, f"the same file as {name}", "", "List it once")
    made = import_tables.import_entries(
        entries,
        logs,
        Benchmark.of(read_problems(arguments.problems), arguments.prompt),
        import_tables.Wanted(json.loads(arguments.caps), arguments.samples, identity["thinking"]),
        counter(json.loads(arguments.tokenizer.read_text()), identity),
        faults,
        subject,
    )
    provenance = {
        "model": arguments.model,
        "benchmark": arguments.problems.stem,
        "identity": identity,
        "logs": [
            log | {"sha256": sum_}
            for (sum_, chosen), names in sums.items()
            for log in logs
            if log["file"] == names[0] and json.dumps(log.get("where"), sort_keys=True) == chosen
        ],
        "problems_sha256": files.sha256_of(arguments.problems),
        "finish_reasons": dict(Tally(made.generations["finish_reason"])),
        "truncated": int(made.generations["truncated"].sum()),
        "looping": int(made.generations["looping"].sum()),
        "energy_joules": None,
        **made.facts,
        "notes": made.notes,
    }
    tables.write_table(made.verdicts, arguments.verdicts, "verdicts")
    tables.write_table(made.generations, arguments.output, "generations")
    sealed.write(arguments.output.with_suffix(".json"), provenance)
    for note in made.notes:
        cli.say(f"{subject}: {note}")
    cli.say(f"{arguments.output}: {len(made.generations):,} completions from {len(logs)} logs")


def parse(argv: Sequence[str] | None) -> argparse.Namespace:
    """Read the arguments of the command."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--model", required=True, help="name of the model")
    parser.add_argument("--identity", required=True, help="JSON of the model's fields that change its tokens")
    parser.add_argument("--logs", required=True, help="JSON: the logs' blocks of config.yaml, in order")
    parser.add_argument("--files", type=Path, nargs="+", required=True, help="file to read for each log")
    parser.add_argument("--problems", type=Path, required=True, help="JSONL named after the benchmark")
    parser.add_argument(
        "--prompt", default="{question}", help="the benchmark's prompt, removed from the problems' questions"
    )
    parser.add_argument("--caps", required=True, help="JSON list of the study's caps, null for uncapped")
    parser.add_argument("--samples", type=int, required=True, help="completions per problem and cap")
    parser.add_argument("--tokenizer", type=Path, required=True, help="JSON written by fetch_tokenizer")
    parser.add_argument("--verdicts", type=Path, required=True, help="table of the logs' verdicts to write")
    parser.add_argument("--output", type=Path, required=True, help="table of generations to write")
    return parser.parse_args(argv)


def counter(found: dict, identity: dict) -> token_counts.Counter:
    """Return the model's token counter, one that cannot count if its tokenizer is not available."""
    if found["folder"] is None:
        return token_counts.Counter(None, found["reason"])
    from transformers import AutoTokenizer

    trusted, template = identity.get("trust_remote_code", False), identity.get("template") or {}
    tokenizer = AutoTokenizer.from_pretrained(found["folder"], trust_remote_code=trusted)

    def encode(texts: Sequence[str]) -> list[list[int]]:
        return tokenizer([valid(text) for text in texts], add_special_tokens=False)["input_ids"]

    # A log does not say on which day it was written; the number of a prompt's tokens does not depend on it.
    options = on_day(template, "2026-01-01")
    rendered = Renderer(tokenizer, {"add_generation_prompt": True, "tokenize": False, **options})

    def render(messages: Sequence[dict]) -> Sequence[int]:
        try:
            return encode([rendered(messages)])[0]
        except TemplateFault as fault:
            raise cli.UserError(
                f"{found['folder']}: its chat template cannot render the messages of the log: it {fault}; "
                "map `prompt_tokens` or `prompt`"
            ) from fault

    return token_counts.Counter(encode, render=render)


if __name__ == "__main__":
    cli.run(main)
