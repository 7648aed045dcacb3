"""Jobs of generate.py on small models, each a process of its own, forked from one that has loaded vLLM.

python tests/support/jobs.py   # reads commands as JSON lines; answers each with a process id, and a job with its status too
"""

import ctypes
import gc
import json
import multiprocessing
import os
import runpy
import signal
import subprocess
import sys
from functools import partial
from importlib import import_module
from pathlib import Path

from support.forks import leave
from support.manifests import write_manifest
from support.paths import ROOT

ENGINE = {
    "device": "cpu",
    "dtype": "float32",
    "max_model_len": 256,
    "max_num_seqs": 16,
    "kv_cache_gib": 0.0625,
    "piece_tokens": 4096,
}
THINKING = {"style": "markers", "start": "<think>", "end": "</think>", "forced_end": "</think>"}
SAMPLING = {"temperature": 0.6, "top_p": 0.95, "top_k": 0, "frequency_penalty": 0.0}


PRELOADED = (
    "transformers",
    "compressed_tensors",
    "pyarrow.pandas_compat",
    "vllm.entrypoints.llm",
    "vllm.entrypoints.openai.api_server",
    "vllm.model_executor.layers.quantization.online.fp8",
    "vllm.model_executor.layers.quantization.utils.b12x_moe",
    "vllm.model_executor.models.qwen3",
    "vllm.plugins.lora_resolvers.hf_hub_resolver",
    "vllm.utils.cpu_triton_utils",
    "vllm.v1.attention.backends.cpu_attn",
    "vllm.v1.core.sched.scheduler",
    "vllm.v1.engine.core",
    "vllm.v1.executor.multiproc_executor",
    "vllm.v1.worker.cpu_worker",
)


class Job:
    """A folder with problems and a manifest, and the arguments of generate.py for it.

    `model` is a shipped pocket model, or the folder of another checkpoint.
    """

    def __init__(self, folder: Path, benchmarks=("middle-chains",), problems=8, model="small"):
        self.folder, self.model = folder, Path(model).name
        self.caps, self.samples, self.answer_tokens, self.engine = [0, 8, 24, None], 1, 16, ENGINE
        self.identity = {"thinking": THINKING, "sampling": SAMPLING}
        self.more: list[str] = []
        self.problems = [folder / f"{name}.jsonl" for name in benchmarks]
        for path in self.problems:
            lines = (ROOT / "data/pocket/problems" / path.name).read_bytes().splitlines(keepends=True)
            path.write_bytes(b"".join(lines[:problems]))
        write_manifest(ROOT / "data/pocket/models" / model, folder / "manifest.json")

    @property
    def arguments(self) -> list[str]:
        samples = {path.stem: self.samples for path in self.problems}
        return [
            "--model", self.model, "--identity", json.dumps(self.identity),
            "--manifest", str(self.folder / "manifest.json"), "--problems", *map(str, self.problems),
            "--samples", json.dumps(samples), "--strategy", "cot", "--caps", json.dumps(self.caps),
            "--answer-tokens", str(self.answer_tokens), "--seed", "7", "--engine", json.dumps(self.engine),
            "--journal-dir", str(self.folder / "journal"), "--output-dir", str(self.folder / "out"), *self.more,
        ]  # fmt: skip

    @property
    def journals(self) -> list[Path]:
        return sorted((self.folder / "journal").glob("*/*/*.jsonl"))

    def whole_table(self, benchmark="middle-chains"):
        import pandas as pd

        return pd.read_parquet(self.folder / f"out/{benchmark}.cot.parquet")

    def table(self, benchmark="middle-chains"):
        return self.whole_table(benchmark).drop(columns="seconds")

    def provenance(self, benchmark="middle-chains") -> dict:
        return json.loads((self.folder / f"out/{benchmark}.cot.json").read_text())


class Forks:
    """The process that jobs are forked from."""

    def __enter__(self):
        environment = os.environ | {
            "PYTHONPATH": os.pathsep.join(str(ROOT / p) for p in ("workflow", "workflow/scripts", "tests"))
        }
        self.process = subprocess.Popen(
            [sys.executable, __file__],
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        self.process.wait()

    def _command(self, **command) -> int:
        print(json.dumps(command), file=self.process.stdin, flush=True)
        return int(self.process.stdout.readline())

    def start(self, job: Job, faults: str = "") -> int:
        """Start a job, with a piece of code that runs in it first; return its process id."""
        return self._command(argv=job.arguments, log=str(job.folder / "log"), faults=faults)

    def wait(self, job: Job) -> tuple[int, str]:
        """Return the status of the job started last, negative for a signal, and what it said."""
        return int(self.process.stdout.readline()), (job.folder / "log").read_text()

    def run(self, job: Job, faults: str = "") -> tuple[int, str]:
        self.start(job, faults)
        return self.wait(job)

    def serve(self, module: str, argv: list[str], environment: dict, log: Path) -> int:
        """Run a module as a program in the background, in a session of its own; return its process id."""
        return self._command(module=module, argv=argv, environment=environment, log=str(log))


def end_with_parent() -> None:
    """Ask Linux to end this process when the one that started it ends, in whatever way."""
    ctypes.CDLL(None).prctl(1, signal.SIGTERM)


def fork_children() -> None:
    """Have vLLM fork the processes below a server, which on a CPU it would start anew, imports and all."""
    for module in list(sys.modules.values()):
        if "get_mp_context" in vars(module):
            module.get_mp_context = partial(multiprocessing.get_context, "fork")


def serve() -> None:
    """Fork a job, or a server, per line of standard input."""
    os.environ |= {"VLLM_CACHE_ROOT": "/tmp/vllm", "HF_HUB_OFFLINE": "1"}
    from frontiers.generation.engines import vllm

    vllm.prepare_environment("cpu", Path("/tmp"))
    for module in PRELOADED:
        import_module(module)

    import generate
    from frontiers.core import cli

    gc.freeze()
    gc.collect = lambda generation=2: (
        0
    )  # vLLM collects as it starts and ends; here that only copies shared pages
    for line in sys.stdin:
        command = json.loads(line)
        if pid := os.fork():
            print(pid, flush=True)
            if "module" not in command:
                print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), flush=True)
            continue
        log = os.open(command["log"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(log, 2)
        os.dup2(log, 1)
        end_with_parent()
        if "module" in command:
            os.setsid()
            os.environ |= command["environment"]
            fork_children()
            sys.argv[1:] = command["argv"]
            runpy.run_module(command["module"], run_name="__main__", alter_sys=True)
        else:
            exec(command["faults"], {})
            leave(partial(cli.run, partial(generate.main, command["argv"])))
        sys.exit()


if __name__ == "__main__":
    serve()
