"""What the compute accounting is compared with, as rows of the tables in docs/compute.md."""

import json
from functools import cache
from types import SimpleNamespace

import pytest

from frontiers.architecture import read_architecture
from frontiers.catalogue import FOLDER, read_facts
from frontiers.compute import forward_flops
from real_modules import full_size_figures

TOKENS = 128


def facts():
    """Return {name: configuration} of every architecture in data/architectures."""
    return {path.stem: read_facts(path)["config"] for path in sorted(FOLDER.glob("*.yaml"))}


def distinct():
    """Return (names, configuration, architecture) of every architecture that differs from all before it."""
    found = {}
    for name, config in facts().items():
        architecture = read_architecture(config, name)
        found.setdefault(architecture, ([], config))[0].append(name)
    return [(names, config, architecture) for architecture, (names, config) in found.items()]


def has_class(architecture):
    """Return whether `transformers` can build the architecture."""
    transformers = pytest.importorskip("transformers")
    return hasattr(transformers, architecture.name)


def module_row(names, config, architecture):
    """Return what the description and the class of `transformers` have at full size, and the surplus of the class.

    The class of Llama 4 runs every expert on every token and multiplies the
    unchosen ones by 0: its surplus is counted and set apart.
    """
    (parameters, flops), (module_parameters, module_flops) = full_size_figures(config, TOKENS)
    idle = sum(
        2 * (part.experts - part.active_experts) * part.expert_matrices * count
        for part, count in architecture.parts
    )
    surplus = TOKENS * idle if architecture.name.startswith("Llama4") else 0
    return {
        "names": names,
        "class": architecture.name,
        "parameters": parameters,
        "parameters_difference": parameters - module_parameters,
        "flops": flops,
        "surplus": surplus,
        "flops_difference": flops + surplus - module_flops,
    }


@cache
def engine_flops(name):
    """Return the FLOPs that vLLM's own analytic counter books for a prefill; None where it does not apply."""
    perf = pytest.importorskip("vllm.v1.metrics.perf")
    config = pytest.importorskip("vllm.config")
    folder = engine_flops.folder / name
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps(facts()[name]))
    try:
        model = config.ModelConfig(
            model=str(folder), skip_tokenizer_init=True, dtype="bfloat16", max_model_len=2048
        )
        parts = {"model_config": model, "quant_config": None, "lora_config": None}
        parts |= {"cache_config": config.CacheConfig(), "parallel_config": config.ParallelConfig()}
        metrics = perf.ModelMetrics(SimpleNamespace(**parts))
    except (ValueError, AttributeError, perf.InvalidComponent):
        return None
    context = perf.ExecutionContext.from_single_request(TOKENS, TOKENS, is_prefill=True)
    return metrics.get_num_flops(context, per_gpu=False)
