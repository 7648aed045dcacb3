"""The endpoint against vLLM in process: equal rows, tokens per second, both in one run.

    PYTHONPATH=workflow:tests .venv/bin/python tests/benchmarks/endpoint_throughput.py --problems 250 --seats 64

Serves the small pocket model with vLLM's own server on this machine, decodes the same problems under the caps
of the pocket study through it and in process, and compares the tables. Client and server share the processor.
"""

import argparse
import os
import time
from pathlib import Path
from tempfile import TemporaryDirectory

os.environ["OMP_NUM_THREADS"] = os.environ["HF_HUB_OFFLINE"] = "1"

from frontiers.data.problems import read_problems
from frontiers.generation import prompts, scheduler
from frontiers.generation.engines import vllm
from frontiers.generation.engines.endpoint import Endpoint
from frontiers.generation.journal import Journal
from frontiers.generation.strategies import chain
from support import vllm_server

FOLDER = Path(__file__).parents[2] / "data/pocket/models/small"
THINKING = {"style": "markers", "start": "<think>", "end": "</think>", "forced_end": "</think>"}
SAMPLING = {"temperature": 0.6, "top_p": 0.95, "top_k": 0, "frequency_penalty": 0.0}
CAPS = (0, 8, 16, 24, 32, 48, 64, 96, None)


def decode(runner, problems, tokenizer, path: Path):
    """Return the table, tokens and requests decoded, the seconds and those of this process's processor."""
    thinking = prompts.Thinking.from_block(THINKING, tokenizer)
    settings = chain.Settings(CAPS, 1, 16, 256, 5, "pocket-small", "b", (tokenizer.eos_token_id,))
    run = scheduler.BenchmarkRun(Journal(path), chain.episodes(problems, tokenizer, thinking, {}, settings))
    begun, used = time.monotonic(), time.process_time()
    scheduler.drive([run], runner, lambda line: None)
    seconds, used = time.monotonic() - begun, time.process_time() - used
    run.journal.close()
    table = chain.tabulate([row for rows in run.results for row in rows], tokenizer)
    return table.drop(columns="seconds"), (run.journal.tally.tokens, run.requests), seconds, used


def main() -> None:
    """Print tokens per second of both sides, their ratio, and how many rows are equal."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--problems", type=int, default=250, help="problems of middle-chains (default 250)")
    parser.add_argument("--seats", type=int, default=64, help="requests at a time (default 64)")
    parser.add_argument("--interval", type=int, default=8, help="tokens streamed together (default 8)")
    parser.add_argument("--repeats", type=int, default=3, help="passes of each side, in turn (default 3)")
    arguments = parser.parse_args()
    problems = read_problems(FOLDER.parents[1] / "problems/middle-chains.jsonl")[: arguments.problems]
    with TemporaryDirectory() as name:
        folder = Path(name)
        vllm.prepare_environment("cpu", folder)
        with vllm_server.serving(FOLDER, folder, seats=arguments.seats, interval=arguments.interval) as url:
            from transformers import AutoTokenizer

            tokenizer = AutoTokenizer.from_pretrained(FOLDER)
            settings = {"url": url, "max_model_len": 256, "max_num_seqs": arguments.seats}
            far = Endpoint(settings, "pocket-small", SAMPLING, tokenizer, print)
            settings |= {"device": "cpu", "dtype": "float32", "kv_cache_gib": 0.25}
            given = vllm.engine_arguments(str(FOLDER), {}, settings, 0, False)
            near = vllm.VllmEngine(given, SAMPLING, tokenizer, 0, print)
            near._start()
            ratios = []
            for number in range(arguments.repeats):
                served, (tokens, requests), there, used = decode(
                    far, problems, tokenizer, folder / f"far{number}.jsonl"
                )
                inside, _, here, _ = decode(near, problems, tokenizer, folder / f"near{number}.jsonl")
                ratios.append(here / there)
                print(
                    f"{len(served):,} rows, equal: {served.equals(inside)}; {tokens:,} tokens of {requests:,} requests; "
                    f"endpoint {tokens / there:,.0f} tokens/s, in process {tokens / here:,.0f}, ratio {here / there:.2f}; "
                    f"the client took {1e3 * used / requests:.2f} ms of processor per request"
                )
            print(f"ratios {min(ratios):.2f} to {max(ratios):.2f}")


if __name__ == "__main__":
    main()
