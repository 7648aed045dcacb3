"""Tokens per second of `generate` against vLLM alone, on the same requests with the same settings, in one run.

    export PYTHONPATH=workflow:workflow/scripts
    .venv/bin/python tests/benchmarks/generate_throughput.py --model pocket-large --repeats 3

Both sides decode the traces and answers of the pocket study's caps on its three benchmarks. vLLM alone is
`LLM.generate` on all traces, then on all answers: no journal, no tables, and it is told the answers' prompts.
Inside: with one engine, its prefix cache emptied before each pass, the sides taking turns. Whole: each side
a process of its own from the start of Python to its end, with imports and the start of the engine.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

os.environ["OMP_NUM_THREADS"] = os.environ["HF_HUB_OFFLINE"] = "1"

import yaml

import generate
from frontiers import config, engine, schedule
from frontiers.completions import Request

ROOT = Path(__file__).parents[2]
PATHS = [str(ROOT / "workflow"), str(ROOT / "workflow/scripts")]


def command(model: str, folder: Path) -> list[str]:
    """Return the arguments of generate.py for one model of the pocket study; it writes under `folder`."""
    configured = config.load(yaml.safe_load((ROOT / "config.yaml").read_text()))
    study, block = configured["studies"]["pocket"], configured["models"][model]
    manifest = folder / "manifest.json"
    manifest.write_text(json.dumps({"folder": str(ROOT / block["path"]), "files": {}}))
    return [
        "--model", model, "--identity", config.identity(block), "--manifest", str(manifest),
        "--problems", *(str(ROOT / configured["benchmarks"][name]["path"]) for name in study["benchmarks"]),
        "--samples", json.dumps(dict.fromkeys(study["benchmarks"], 1)), "--strategy", "cot",
        "--caps", json.dumps(study["caps"]), "--answer-tokens", str(study["answer_tokens"]),
        "--seed", str(study["seed"]), "--engine", config.engine(study, block),
        "--journal-dir", str(folder / "journal"), "--output-dir", str(folder / "out"),
    ]  # fmt: skip


def prepared(argv: list[str]):
    """Return the parsed arguments, what model and engine are, the tokenizer and an engine not yet started."""
    arguments = generate.parse(argv)
    identity, settings = json.loads(arguments.identity), json.loads(arguments.engine)
    folder = Path(json.loads(arguments.manifest.read_text())["folder"])
    engine.prepare_environment("cpu", arguments.journal_dir / "cache")
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(folder)
    given = engine.engine_arguments(
        str(folder), generate.read_json(folder / "config.json"), settings, 0, False
    )
    runner = engine.Engine(given, identity["sampling"], tokenizer, 0, print)
    return arguments, identity, settings, tokenizer, runner


class Recorder:
    """An engine that notes the requests it is given."""

    def __init__(self, runner: engine.Engine):
        self.runner, self.requests = runner, []
        self.capacity, self.devices = runner.capacity, 0
        self.receive = runner.receive

    def submit(self, request: Request) -> None:
        """Note a request and hand it on."""
        self.requests.append(request)
        self.runner.submit(request)


def ours(model: str, runner, identity, settings, tokenizer) -> tuple[float, int, list[Request]]:
    """Return seconds, tokens and requests of one pass of `generate` with an engine that runs, tables included."""
    with TemporaryDirectory() as folder:
        arguments = generate.parse(command(model, Path(folder)))
        recorder = Recorder(runner)
        begun = time.perf_counter()
        parts = generate.parts_of(arguments, identity, settings, tokenizer, {}, "mark")
        schedule.drive(list(parts.values()), recorder, lambda line: None)
        generate.write(arguments, parts, tokenizer, {"job_seconds": 0.0, "job_joules": None})
        seconds = time.perf_counter() - begun
        for part in parts.values():
            part.journal.close()
        return seconds, sum(part.journal.tally.tokens for part in parts.values()), recorder.requests


def bare(llm, sampling: dict, requests: list[Request]) -> tuple[float, int]:
    """Return seconds and tokens of one pass of vLLM alone: the traces, then the answers."""
    begun, tokens = time.perf_counter(), 0
    for is_answer in (False, True):
        chosen = [request for request in requests if bool(request.written) == is_answer]
        prompts = [{"prompt_token_ids": list(request.prompt)} for request in chosen]
        parameters = [engine.parameters_of(request, sampling) for request in chosen]
        outputs = llm.generate(prompts, parameters, use_tqdm=False)
        tokens += sum(len(output.outputs[0].token_ids) for output in outputs)
    return time.perf_counter() - begun, tokens


def inside(model: str, repeats: int, record: Path) -> None:
    """Print the rates of both sides on one engine, taking turns, and write the requests to `record`."""
    with TemporaryDirectory() as folder:
        _, identity, settings, tokenizer, runner = prepared(command(model, Path(folder)))
        _, _, requests = ours(model, runner, identity, settings, tokenizer)  # starts and warms the engine
        record.write_text(json.dumps([vars(request) for request in requests]))
        requests = [Request(**{**fields, "prompt": tuple(fields["prompt"])}) for fields in read(record)]
        rates = {"generate": [], "vLLM alone": []}
        for _ in range(repeats):
            runner._llm.reset_prefix_cache()
            seconds, tokens, _ = ours(model, runner, identity, settings, tokenizer)
            rates["generate"].append(tokens / seconds)
            runner._llm.reset_prefix_cache()
            seconds, same = bare(runner._llm, identity["sampling"], requests)
            rates["vLLM alone"].append(same / seconds)
            assert tokens == same, f"{tokens} tokens against {same}"
    print(f"inside, {len(requests):,} requests, {tokens:,} tokens, {repeats} passes each:")
    for name, found in rates.items():
        print(
            f"  {name:<11} {statistics.median(found):8,.0f} tokens/s  ({', '.join(f'{r:,.0f}' for r in found)})"
        )
    ratios = [a / b for a, b in zip(*rates.values(), strict=True)]
    print(f"  ratio       {statistics.median(ratios):8.3f}  ({', '.join(f'{r:.3f}' for r in ratios)})")


def read(record: Path) -> list[dict]:
    """Return the fields of the recorded requests."""
    known = Request.__dataclass_fields__
    return [{k: v for k, v in fields.items() if k in known} for fields in json.loads(record.read_text())]


def whole(model: str, repeats: int, record: Path) -> None:
    """Print the seconds of both sides as processes of their own, taking turns."""
    seconds = {"generate": [], "vLLM alone": []}
    for _ in range(repeats):
        with TemporaryDirectory() as folder:
            argv = command(model, Path(folder))
            sides = {
                "generate": [str(ROOT / "workflow/scripts/generate.py"), *argv],
                "vLLM alone": [__file__, "--model", model, "--alone", str(record)],
            }
            for name, call in sides.items():
                begun = time.perf_counter()
                environment = os.environ | {"PYTHONPATH": os.pathsep.join(PATHS)}
                subprocess.run([sys.executable, *call], check=True, capture_output=True, env=environment)
                seconds[name].append(time.perf_counter() - begun)
    print("whole, from the start of Python to its end:")
    for name, found in seconds.items():
        print(f"  {name:<11} {statistics.median(found):8.1f} s  ({', '.join(f'{s:.1f}' for s in found)})")
    ratios = [b / a for a, b in zip(*seconds.values(), strict=True)]
    print(f"  ratio       {statistics.median(ratios):8.3f}  ({', '.join(f'{r:.3f}' for r in ratios)})")


def main() -> None:
    """Run both comparisons, or with --alone the side without `generate`."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--model", default="pocket-large", help="model of the pocket study")
    parser.add_argument("--repeats", type=int, default=3, help="passes of each side")
    parser.add_argument("--alone", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.alone:
        with TemporaryDirectory() as folder:
            _, identity, _, _, runner = prepared(command(arguments.model, Path(folder)))
            from vllm import LLM

            requests = [
                Request(**fields | {"prompt": tuple(fields["prompt"])}) for fields in read(arguments.alone)
            ]
            bare(LLM(**runner.arguments), identity["sampling"], requests)
        return
    with TemporaryDirectory() as folder:
        record = Path(folder) / "requests.json"
        inside(arguments.model, arguments.repeats, record)
        whole(arguments.model, arguments.repeats, record)


if __name__ == "__main__":
    main()
