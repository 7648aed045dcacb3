"""Speed of `generate` against vLLM alone, on the same requests with the same settings, in one run.

    export PYTHONPATH=workflow:workflow/scripts
    .venv/bin/python tests/benchmarks/generate_throughput.py --model pocket-large --repeats 3

Both sides decode the traces and answers of the pocket study's caps on its three benchmarks. vLLM alone is
`LLM.generate` on all traces, then on all answers: no journal, no tables, and it is told the answers' prompts.
Inside: with one engine, its prefix cache emptied before each pass, the sides taking turns. Whole: each side
a process of its own from the start of Python to its end, with imports and the start of the engine. Seconds
of the processor tell more than those of the wall where other work shares the machine.
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
from frontiers.config import load
from frontiers.config import study as config
from frontiers.core import files
from frontiers.data import checkpoints
from frontiers.generation import job, scheduler
from frontiers.generation.engines import vllm
from frontiers.generation.requests import Request

ROOT = Path(__file__).parents[2]
PATHS = [str(ROOT / "workflow"), str(ROOT / "workflow/scripts")]


def command(model: str, folder: Path) -> list[str]:
    """Return the arguments of generate.py for one model of the pocket study; it writes under `folder`."""
    configured = load.load(yaml.safe_load((ROOT / "config.yaml").read_text()))
    study, block = configured["studies"]["pocket"], configured["models"][model]
    manifest = folder / "manifest.json"
    path = ROOT / block["path"]
    manifest.write_text(json.dumps({"folder": str(path), "files": checkpoints.checksums(path)}))
    return [
        "--model", model, "--identity", config.identity(block), "--manifest", str(manifest),
        "--problems", *(str(ROOT / configured["benchmarks"][name]["path"]) for name in study["benchmarks"]),
        "--samples", json.dumps(dict.fromkeys(study["benchmarks"], 1)), "--strategy", "cot",
        "--caps", json.dumps(study["caps"]), "--answer-tokens", str(study["answer_tokens"]),
        "--seed", str(study["seed"]), "--engine", config.engine(study, block),
        "--journal-dir", str(folder / "journal"), "--output-dir", str(folder / "out"),
    ]  # fmt: skip


def vllm_arguments(argv: list[str]) -> dict:
    """Return the arguments of `vllm.LLM` that generate.py would use, with the environment set for it."""
    wanted = generate.parse(argv)
    folder = Path(json.loads(wanted.manifest.read_text())["folder"])
    vllm.prepare_environment("cpu", wanted.journal_dir / "cache")
    return vllm.engine_arguments(str(folder), job.read_json(folder / "config.json"), wanted.engine, 0, False)


class Recorder:
    """An engine that notes the requests it is given."""

    def __init__(self, runner: vllm.VllmEngine):
        self.runner, self.requests = runner, []
        self.capacity, self.devices = runner.capacity, 0
        self.receive = runner.receive

    def submit(self, request: Request) -> None:
        """Note a request and hand it on."""
        self.requests.append(request)
        self.runner.submit(request)


class Clock:
    """Seconds since it was made: of the wall, and of the processor in this process and those it waited for."""

    def __init__(self):
        self.begun = self.now()

    @staticmethod
    def now() -> tuple[float, float]:
        """Return both clocks."""
        spent = os.times()
        return time.perf_counter(), sum(spent[:4])

    def seconds(self) -> tuple[float, float]:
        """Return seconds of wall and processor."""
        return tuple(now - begun for now, begun in zip(self.now(), self.begun, strict=True))


def ours(model: str, runner, tokenizer) -> tuple[tuple[float, float], int, list[Request]]:
    """Return seconds, tokens and requests of one pass of `generate` with an engine that runs, tables included."""
    with TemporaryDirectory() as folder:
        wanted = generate.parse(command(model, Path(folder)))
        recorder, clock = Recorder(runner), Clock()
        sums = {path: files.sha256_of(path) for path in wanted.problems}
        runs = job.benchmark_runs(wanted, tokenizer, {}, "mark", None)
        scheduler.drive(list(runs.values()), recorder, lambda line: None)
        job.write(wanted, runs, tokenizer, {"job_seconds": 0.0, "job_joules": None}, sums)
        seconds = clock.seconds()
        for run in runs.values():
            run.journal.close()
        return seconds, sum(run.journal.tally.tokens for run in runs.values()), recorder.requests


def bare(llm, sampling: dict, requests: list[Request]) -> tuple[tuple[float, float], int]:
    """Return seconds and tokens of one pass of vLLM alone: the traces, then the answers."""
    clock, tokens = Clock(), 0
    for is_answer in (False, True):
        chosen = [request for request in requests if bool(request.written) == is_answer]
        prompts = [{"prompt_token_ids": list(request.prompt)} for request in chosen]
        parameters = [vllm.parameters_of(request, sampling) for request in chosen]
        outputs = llm.generate(prompts, parameters, use_tqdm=False)
        tokens += sum(len(output.outputs[0].token_ids) for output in outputs)
    return clock.seconds(), tokens


def compare(seconds: dict[str, list[tuple[float, float]]]) -> None:
    """Print the seconds of `generate` and of vLLM alone, and the ratio of their speeds."""
    for number, kind in enumerate(("wall", "processor")):
        for name, found in seconds.items():
            shown = [pair[number] for pair in found]
            print(f"  {kind:<9} {name:<11} {statistics.median(shown):7.1f} s  ({listed(shown, 1)})")
        mine, alone = ([pair[number] for pair in found] for found in seconds.values())
        ratios = [b / a for a, b in zip(mine, alone, strict=True)]
        print(f"  {kind:<9} ratio       {statistics.median(ratios):9.3f}  ({listed(ratios, 3)})")


def listed(values: list[float], digits: int) -> str:
    """Return numbers as text."""
    return ", ".join(f"{value:.{digits}f}" for value in values)


def inside(model: str, repeats: int, record: Path) -> None:
    """Compare both sides on one engine, taking turns, and write the requests to `record`."""
    with TemporaryDirectory() as folder:
        argv = command(model, Path(folder))
        parsed, given = generate.parse(argv), vllm_arguments(argv)
        identity = parsed.identity
        from transformers import AutoTokenizer

        tokenizer = AutoTokenizer.from_pretrained(given["model"])
        runner = vllm.VllmEngine(given, identity["sampling"], tokenizer, 0, print)
        _, _, requests = ours(model, runner, tokenizer)  # starts and warms the engine
        record.write_text(json.dumps([vars(request) for request in requests]))
        requests = read(record)
        seconds = {"generate": [], "vLLM alone": []}
        for _ in range(repeats):
            runner._llm.reset_prefix_cache()
            spent, tokens, _ = ours(model, runner, tokenizer)
            seconds["generate"].append(spent)
            runner._llm.reset_prefix_cache()
            spent, same = bare(runner._llm, identity["sampling"], requests)
            seconds["vLLM alone"].append(spent)
            assert tokens == same, f"{tokens} tokens against {same}"
    print(f"{model}, inside: {len(requests):,} requests, {tokens:,} tokens, {repeats} passes each")
    compare(seconds)


def read(record: Path) -> list[Request]:
    """Return the recorded requests."""
    known = Request.__dataclass_fields__
    rows = [{k: v for k, v in row.items() if k in known} for row in json.loads(record.read_text())]
    return [Request(**row | {"prompt": tuple(row["prompt"])}) for row in rows]


def whole(model: str, repeats: int, record: Path) -> None:
    """Compare both sides as processes of their own, taking turns."""
    seconds = {"generate": [], "vLLM alone": []}
    for _ in range(repeats):
        with TemporaryDirectory() as folder:
            argv = command(model, Path(folder))
            sides = {
                "generate": [str(ROOT / "workflow/scripts/generate.py"), *argv],
                "vLLM alone": [__file__, "--model", model, "--alone", str(record)],
            }
            for name, call in sides.items():
                environment = os.environ | {"PYTHONPATH": os.pathsep.join(PATHS)}
                clock = Clock()
                subprocess.run([sys.executable, *call], check=True, capture_output=True, env=environment)
                seconds[name].append(clock.seconds())
    print(f"{model}, whole: from the start of Python to its end, {repeats} passes each")
    compare(seconds)


def main() -> None:
    """Run both comparisons, or with --alone the side without `generate`."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--model", default="pocket-large", help="model of the pocket study")
    parser.add_argument("--repeats", type=int, default=3, help="passes of each side")
    parser.add_argument("--alone", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.alone:
        with TemporaryDirectory() as folder:
            argv = command(arguments.model, Path(folder))
            given, identity = vllm_arguments(argv), generate.parse(argv).identity
            from vllm import LLM

            bare(LLM(**given), identity["sampling"], read(arguments.alone))
        return
    with TemporaryDirectory() as folder:
        record = Path(folder) / "requests.json"
        inside(arguments.model, arguments.repeats, record)
        whole(arguments.model, arguments.repeats, record)


if __name__ == "__main__":
    main()
