"""What pieces cost: tokens prefilled per token decoded by vLLM's own scheduler, on a small model on a CPU.

    PYTHONPATH=workflow:tests .venv/bin/python tests/benchmarks/piece_priority.py

Each trace is decoded whole or in pieces, first come first served or with continuations first. The cache holds a part of
the traces that are in flight, as on a device with long contexts; the counts do not depend on the machine.
"""

import argparse
import random
from pathlib import Path
from tempfile import TemporaryDirectory

from frontiers.generation.engines import vllm
from frontiers.generation.journal import Journal
from frontiers.generation.requests import Request, complete
from frontiers.generation.scheduler import BenchmarkRun, drive

WAYS = {"whole": (None, "fcfs"), "pieces": (96, "fcfs"), "pieces, continuations first": (96, "priority")}


class Counter(vllm.VllmEngine):
    """An engine that counts the prompt tokens it had to compute and the tokens it wrote."""

    prefilled = decoded = 0

    def _read(self, request, output):
        self.prefilled += len(request.prompt) - (output.num_cached_tokens or 0)
        self.decoded += len(output.outputs[0].token_ids)
        return super()._read(request, output)


def count(folder: Path, way: str, traces: int, seats: int, blocks: int) -> tuple[int, int]:
    """Return the tokens prefilled and decoded for `traces` of 100 to 400 tokens each."""
    piece, policy = WAYS[way]
    settings = {
        "device": "cpu", "dtype": "float32", "max_model_len": 512, "max_num_seqs": seats, "kv_cache_gib": 1.0,
        "arguments": {"scheduling_policy": policy, "block_size": 32, "num_gpu_blocks_override": blocks},
    }  # fmt: skip
    arguments = vllm.engine_arguments(str(folder), {}, settings, 0, False)
    engine = Counter(arguments, {"temperature": 1.0}, None, 0, print)
    rng = random.Random(5)
    asked = [
        Request(tuple(rng.randrange(3, 200) for _ in range(64)), number, rng.randrange(100, 400), (1,))
        for number in range(traces)
    ]
    with TemporaryDirectory() as journals:
        run = BenchmarkRun(Journal(Path(journals, "j.jsonl")), [complete([one], piece) for one in asked])
        drive([run], engine, lambda line: None)
        run.journal.close()
    engine._stop()
    return engine.prefilled, engine.decoded


def main() -> None:
    """Print the counts of each way."""
    from support import family_checkpoints

    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--traces", type=int, default=48, help="traces to decode")
    parser.add_argument("--seats", type=int, default=16, help="requests decoded at a time")
    parser.add_argument("--blocks", type=int, default=100, help="blocks of 32 tokens in the cache")
    args = parser.parse_args()
    vllm.prepare_environment("cpu", Path("/tmp/frontiers-cache"))
    with TemporaryDirectory() as folder:
        model = family_checkpoints.save("llama-3.1-8b-instruct", Path(folder, "model"))
        for way in WAYS:
            prefilled, decoded = count(model, way, args.traces, args.seats, args.blocks)
            print(f"{way}: {prefilled:,} prefilled, {decoded:,} decoded, {prefilled / decoded:.2f}")


if __name__ == "__main__":
    main()
