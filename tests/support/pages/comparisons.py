"""The tables of docs/evidence/compute.md: the FLOP accounting compared with independent sources."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from unittest import mock

import pytest

from frontiers.compute.architecture import Architecture
from frontiers.compute.architecture_reader import read_architecture
from frontiers.compute.flops import forward_flops
from frontiers.compute.uncounted import left_out_share
from frontiers.data.architecture_facts import FOLDER
from support.real_modules import facts, full_size_figures

TOKENS = 128
PAGE = Path(__file__).with_suffix(".md")
"""Template of the page."""
NO_CLASS = {
    "BailingMoeForCausalLM": "no class; equals a sum over the modules of vLLM (`families/test_bailing.py`)",
    "BailingMoeV2ForCausalLM": "no class; equals GLM 4.5 of the same sizes (`families/test_bailing.py`)",
    "BailingMoeLinearV2ForCausalLM": "no class; equals a sum over the modules of vLLM (`families/test_bailing.py`)",
    "BailingMoeV2_5ForCausalLM": "no class; equals a sum over the modules of vLLM (`families/test_bailing.py`)",
    "KimiK3ForConditionalGeneration": "no class; equals a sum over the modules of vLLM (`families/test_kimi.py`)",
    "LongcatFlashForCausalLM": "the class holds weights for experts that compute nothing; equal but for them at a small "
    "size (`families/test_longcat.py`)",
    "DeciLMForCausalLM": "no class; equals a module built from Llama's layers (`families/test_decilm.py`)",
    "MiMoForCausalLM": "no class; equals Qwen 2 of the same sizes (`families/test_mimo.py`)",
    "Step3p7ForConditionalGeneration": "the experts of the class cannot run on the meta device; equal at a small size "
    "(`test_families.py`)",
    "DbrxForCausalLM": "the class cannot run on the meta device; equal at a small size (`test_families.py`)",
}

WITHOUT = "no class: that of Kimi Linear has neither its activation nor its attention over earlier layers"


def no_class(config: dict, model: Architecture) -> str | None:
    """Return why no class of `transformers` is there to compare a checkpoint with, None where one is."""
    return WITHOUT if config.get("hidden_act") == "situ" else NO_CLASS.get(model.name)


@cache
def architecture(name: str) -> Architecture:
    return read_architecture(facts(name), name)


@cache
def distinct() -> list[tuple[list[str], dict, Architecture]]:
    """Return (names, configuration, architecture) of everything in data/architectures, equal ones together."""
    found: dict[Architecture, tuple[list[str], dict]] = {}
    for path in sorted(FOLDER.glob("*.yaml")):
        found.setdefault(architecture(path.stem), ([], facts(path.stem)))[0].append(path.stem)
    return [(names, config, each) for each, (names, config) in found.items()]


def surplus(model: Architecture) -> int:
    """Return the FLOPs per token that the class of Llama 4 spends on experts that were not chosen."""
    if not model.name.startswith("Llama4"):
        return 0
    parts = ((part.experts - part.active_experts, part.expert_matrices, n) for part, n in model.parts)
    return sum(2 * idle * size * count for idle, size, count in parts)


def module_differences(config: dict, model: Architecture) -> tuple[int, int] | None:
    """Return (weights, FLOPs) of the class of `transformers` beyond the description; None without a class."""
    if no_class(config, model):
        return None
    (parameters, flops), (module_parameters, module_flops) = full_size_figures(config, TOKENS)
    return module_parameters - parameters, module_flops - flops - TOKENS * surplus(model)


def square(model: Architecture, tokens: int = TOKENS, logits: int | None = None):
    """Return the FLOPs of one pass in the convention of most published figures."""
    return forward_flops(model, tokens, 0, tokens if logits is None else logits, "square")


def without_norms(model: Architecture, active: bool = False, embedding: bool = True) -> int:
    """Return the parameters in matrices alone."""
    vectors = sum(
        count * (part.vectors + (part.active_experts if active else part.experts) * part.expert_vectors)
        for part, count in model.parts
    )
    return model.parameters(active, embedding) - model.norms - vectors


def training_step(name: str, *lengths: int) -> int:
    """Return three forward passes as verl counts them: half the square, the embedding as a matrix product."""
    model = architecture(name)
    passes = ((n, square(model, n)) for n in lengths)
    return sum(
        3 * (flops.total - flops.attention_scores // 2 + 2 * n * model.width * model.vocabulary)
        for n, flops in passes
    )


def biases(name: str) -> int:
    """Return the biases of queries, keys and values, which some counts add to the matrices."""
    return sum(
        count * (part.heads + 2 * part.kv_heads) * part.head_width
        for part, count in architecture(name).parts
        if getattr(part, "qkv_bias", False)
    )


def qwen_7b() -> Architecture:
    """Return Qwen-7B of 2023, built like Qwen 2."""
    sizes = {"hidden_size": 4096, "intermediate_size": 11008, "num_hidden_layers": 32, "vocab_size": 151936}
    heads = {"num_attention_heads": 32, "num_key_value_heads": 32}
    return read_architecture({"architectures": ["Qwen2ForCausalLM"], **sizes, **heads})


def pythia(width: int, layers: int, heads: int, vocabulary: int) -> Architecture:
    sizes = {"hidden_size": width, "intermediate_size": 4 * width, "num_hidden_layers": layers}
    sizes |= {"num_attention_heads": heads, "vocab_size": vocabulary}
    return read_architecture({"architectures": ["GPTNeoXForCausalLM"], **sizes})


@dataclass(frozen=True)
class Figure:
    """A published figure, ours in its convention, and the relative difference allowed."""

    what: str
    theirs: float
    ours: Callable[[], float]
    convention: str
    source: str
    tolerance: float = 0.0
    why: str = ""


CALFLOPS = "[calflops](https://github.com/MrYxJ/calculate-flops.pytorch) (MIT)"
VERL = "[verl](https://github.com/volcengine/verl), FLOP tests (Apache-2.0)"
COUNTS_NORMS = "it also counts norms, softmax and activations"
HALF = "a training step, half square"
COUNTED = "a count in circulation"
NO_NORMS = "matrices alone: no norms, biases or corrections"
VERL_FIGURES = {
    "llama-2-7b-hf": (149_226_491_215_872, 536_372_695_793_664),
    "qwen2.5-7b-instruct": (167_073_690_943_488, 591_764_889_010_176),
    "qwen3-8b": (180_997_438_046_208, 648_394_032_807_936),
    "qwen3-30b-a3b": (78_593_069_678_592, 306_570_470_621_184),
    "mistral-small-24b-instruct-2501": (512_303_699_066_880, 1_787_393_589_903_360),
    "gemma-3-12b-it": (279_084_659_638_272, 963_929_979_224_064),
    "gpt-oss-20b": (91_780_464_771_072, 323_953_008_574_464),
    "deepseek-v3": (848_766_538_088_448, 3_145_850_406_567_936),
}

FIGURES = [
    Figure(
        "Llama-2-7B, 128 tokens",
        1_700.06e9,
        lambda: square(architecture("llama-2-7b-hf")).total,
        "full square, all logits",
        CALFLOPS,
        1e-4,
        COUNTS_NORMS,
    ),
    Figure(
        "Qwen-7B, 128 tokens",
        1_825.83e9,
        lambda: square(qwen_7b()).total,
        "full square, all logits",
        CALFLOPS,
        2e-4,
        COUNTS_NORMS,
    ),
    Figure(
        "Pythia-1.4B, 128 tokens",
        312.54e9,
        lambda: square(pythia(2048, 24, 16, 50304), logits=0).total,
        "full square, no logits: the model without its head",
        CALFLOPS,
        5e-4,
        COUNTS_NORMS,
    ),
    Figure(
        "Pythia-12B, 128 tokens",
        2_911.47e9,
        lambda: square(pythia(5120, 36, 40, 50688), logits=0).total,
        "full square, no logits: the model without its head",
        CALFLOPS,
        5e-4,
        COUNTS_NORMS,
    ),
    Figure(
        "Llama-7B, prefill of 512",
        6_868_726_448_128,
        lambda: (
            square(architecture("llama-2-7b-hf"), 512).total
            - square(architecture("llama-2-7b-hf"), 512).feed_forward
            + 32 * 2 * 2 * 512 * 4 * 4096**2
        ),
        "full square, all logits, a plain feed-forward of 4·D instead of the gated one",
        "[llm-analysis](https://github.com/cli99/llm-analysis) (Apache-2.0)",
    ),
    Figure(
        "Llama-3.1-405B, 128 tokens",
        103_494_753_189_888,
        lambda: square(architecture("llama-3.1-405b-instruct")).total,
        "full square, all logits",
        "torch's FLOP counter on the class of transformers",
    ),
    *(
        Figure(
            f"{name}, training on {'512 + 1,024 + 2,048' if place == 0 else '3 × 4,096'} tokens",
            figures[place],
            lambda name=name, lengths=lengths: training_step(name, *lengths),
            HALF,
            VERL,
        )
        for name, figures in VERL_FIGURES.items()
        for place, lengths in enumerate([(512, 1024, 2048), (4096, 4096, 4096)])
    ),
    Figure(
        "DeepSeek-V3, training, per token of 4,096",
        250e9,
        lambda: (
            training_step("deepseek-v3", 4096) / 4096
            - 6 * architecture("deepseek-v3").width * architecture("deepseek-v3").vocabulary
        ),
        "as verl, without the embedding",
        "its authors, arXiv 2412.19437",
        2e-3,
        "theirs is rounded",
    ),
    Figure(
        "Mistral-7B, one decoded token",
        14.2e9,
        lambda: forward_flops(architecture("mistral-7b-v0.1"), 1).total,
        "ours",
        "by hand. A published study used 7.65e9: head width for attention width, two of three feed-forward matrices",
        2e-3,
        "theirs is rounded",
    ),
    Figure(
        "Qwen3-8B, parameters",
        8_190_427_136,
        lambda: without_norms(architecture("qwen3-8b")),
        NO_NORMS,
        COUNTED,
    ),
    Figure(
        "Qwen3-30B-A3B, parameters",
        30_531_911_680,
        lambda: without_norms(architecture("qwen3-30b-a3b")),
        NO_NORMS,
        COUNTED,
    ),
    Figure(
        "Qwen3-30B-A3B, active",
        3_352_821_760,
        lambda: without_norms(architecture("qwen3-30b-a3b"), active=True),
        NO_NORMS,
        COUNTED,
    ),
    Figure(
        "gpt-oss-20b, parameters",
        20_907_909_120,
        lambda: without_norms(architecture("gpt-oss-20b")) + biases("gpt-oss-20b"),
        "matrices, and biases of query, key and value",
        COUNTED,
    ),
    Figure(
        "gpt-oss-20b, active",
        4_186_398_720,
        lambda: without_norms(architecture("gpt-oss-20b"), active=True) + biases("gpt-oss-20b"),
        "matrices, and biases of query, key and value",
        COUNTED,
    ),
    Figure(
        "gpt-oss-20b, active, no input embedding",
        3_607_265_280,
        lambda: without_norms(architecture("gpt-oss-20b"), True, False) + biases("gpt-oss-20b"),
        "matrices, and biases of query, key and value; published as 3.6 B",
        COUNTED,
    ),
    Figure(
        "DeepSeek-V3, parameters",
        671_025_397_760,
        lambda: without_norms(architecture("deepseek-v3")),
        NO_NORMS,
        COUNTED,
    ),
    Figure(
        "DeepSeek-V3, parameters",
        671_026_419_200,
        lambda: architecture("deepseek-v3").parameters(),
        "everything in its checkpoint except the multi-token prediction layer",
        "its checkpoint",
    ),
    Figure(
        "Mixtral-8x7B, parameters",
        46_702_526_464,
        lambda: without_norms(architecture("mixtral-8x7b-instruct-v0.1")),
        NO_NORMS,
        COUNTED,
    ),
    Figure(
        "Mixtral-8x7B, active",
        12_879_659_008,
        lambda: without_norms(architecture("mixtral-8x7b-instruct-v0.1"), active=True),
        NO_NORMS,
        COUNTED,
    ),
    Figure(
        "Gemma-2-9B, parameters",
        9_241_100_288,
        lambda: without_norms(architecture("gemma-2-9b-it")),
        NO_NORMS,
        COUNTED,
    ),
    Figure(
        "Llama-3.1-8B, parameters",
        8_029_995_008,
        lambda: without_norms(architecture("llama-3.1-8b-instruct")),
        NO_NORMS,
        COUNTED,
    ),
    Figure(
        "phi-4, parameters", 14_659_092_480, lambda: without_norms(architecture("phi-4")), NO_NORMS, COUNTED
    ),
    Figure(
        "GLM-4.5-Air, parameters",
        106.85e9,
        lambda: architecture("glm-4.5-air").parameters(),
        "all except the multi-token prediction layer",
        "its vendor",
        1e-4,
        "theirs is rounded",
    ),
]

ENGINE = {
    "qwen3-8b": "",
    "llama-3.2-1b-instruct": "",
    "phi-4": "",
    "gemma-2-9b-it": "",
    "mistral-7b-v0.1": "",
    "olmo-2-1124-7b": "",
    "qwen3-30b-a3b": "the router",
    "mixtral-8x7b-instruct-v0.1": "the router",
    "olmoe-1b-7b-0924": "the router",
    "gpt-oss-20b": "the router",
    "glm-4.5-air": "the router, less the cost of experts in the dense first layer",
    "deepseek-v3": "the router",
}
"""Checkpoints compared with vLLM's counter, with what it does not count."""


def engine_convention(name: str) -> int:
    """Return our FLOPs without what vLLM's counter omits and with what it miscounts."""
    model = architecture(name)
    flops = square(model, logits=1)
    mistaken = 0
    if model.name == "Glm4MoeForCausalLM":
        parts = [part for part, _ in model.parts if part.component == "feed_forward"]
        dense, experts = sorted(parts, key=lambda part: part.experts)
        first = sum(dense in layer.parts for layer in model.layers)
        mistaken = TOKENS * first * (experts.flops["feed_forward"] - dense.flops["feed_forward"])
    return flops.total - flops.router + mistaken


def engine_flops(name: str, folder) -> int:
    """Return the FLOPs that vLLM's own analytic counter gives for a prefill.

    vLLM looks at a model's class in a process of its own, which takes seconds to import vLLM and only keeps the
    caller from starting CUDA; here it looks in this process.
    """
    perf = pytest.importorskip("vllm.v1.metrics.perf")
    vllm = pytest.importorskip("vllm.config")
    registry = pytest.importorskip("vllm.model_executor.models.registry")
    (folder / "config.json").write_text(json.dumps(facts(name)))
    with mock.patch.object(registry, "_run_in_subprocess", lambda inspect: inspect()):
        model = vllm.ModelConfig(
            model=str(folder), skip_tokenizer_init=True, dtype="bfloat16", max_model_len=2048
        )
    parts = {"model_config": model, "quant_config": None, "lora_config": None}
    parts |= {"cache_config": vllm.CacheConfig(), "parallel_config": vllm.ParallelConfig()}
    context = perf.ExecutionContext.from_single_request(TOKENS, TOKENS, is_prefill=True)
    return perf.ModelMetrics(SimpleNamespace(**parts)).get_num_flops(context, per_gpu=False)


def table(head: list[str], rows: list[list[str]]) -> str:
    """Return a Markdown table; all columns but the first two are right-aligned."""
    rule = ["---" if place < 2 else "---:" for place in range(len(head))]
    return "\n".join("| " + " | ".join(row) + " |" for row in [head, rule, *rows])


def module_table(differences: dict[str, tuple[int, int] | None]) -> str:
    rows = []
    for names, _, model in distinct():
        found = differences[names[0]]
        rows.append(
            [
                ", ".join(names),
                model.name,
                f"{model.parameters():,}",
                f"{model.parameters(active=True):,}",
                f"{model.parameters(active=True, embedding=False):,}",
                f"{model.kv_bytes_per_token(2):,}",
                f"{model.state_bytes(2):,}",
                f"{square(model).total:,}",
                f"{forward_flops(model, TOKENS).total:,}",
                *(("–", "–") if found is None else (f"{found[0]:,}", f"{found[1]:,}")),
            ]
        )
    head = [
        "checkpoint (`data/architectures/`)",
        "class",
        "parameters",
        "active",
        "active, no input embedding",
    ]
    head += ["cache, bytes per token", "state, bytes", "FLOPs square, all logits", "FLOPs causal, last logit"]
    return table([*head, "weights, module − ours", "FLOPs, module − ours"], rows)


def figure_table() -> str:
    rows = []
    for figure in FIGURES:
        ours = figure.ours()
        apart = ours - figure.theirs
        difference = "0" if apart == 0 else f"{100 * apart / figure.theirs:+.3f} %: {figure.why}"
        rows.append(
            [
                figure.what,
                figure.convention,
                f"{figure.theirs:,.0f}",
                f"{ours:,.0f}",
                difference,
                figure.source,
            ]
        )
    head = ["figure", "convention", "published", "ours in that convention", "ours − published", "source"]
    return table(head, rows)


def engine_table(found: dict[str, int]) -> str:
    rows = []
    for name, why in ENGINE.items():
        ours = square(architecture(name), logits=1)
        rows.append(
            [
                name,
                "square, last logit",
                f"{found[name]:,}",
                f"{ours.total:,}",
                f"{ours.total - found[name]:,}",
                why,
            ]
        )
    return table(["checkpoint", "convention", "vLLM", "ours", "ours − vLLM", "difference"], rows)


def left_out_table() -> str:
    names = [
        "llama-3.2-1b-instruct",
        "qwen3-8b",
        "qwen3-30b-a3b",
        "gpt-oss-20b",
        "deepseek-v3",
        "gemma-3-27b-it",
    ]
    names += ["nvidia-nemotron-nano-9b-v2", "llama-3.1-405b-instruct"]
    contexts = (128, 2_048, 32_768)
    rows = []
    for name in names:
        shares = [left_out_share(architecture(name), 1, context) for context in contexts]
        rows.append([name, architecture(name).kind, *(f"{100 * share:.3f} %" for share in shares)])
    return table(["checkpoint", "kind", *(f"a token after {c:,}" for c in contexts)], rows)


def page(differences: dict[str, tuple[int, int] | None], engine: dict[str, int]) -> str:
    """Return docs/evidence/compute.md."""
    classes = {model.name for _, _, model in distinct()}
    built = [found for found in differences.values() if found is not None]
    exact = sum(found == (0, 0) for found in built)
    return PAGE.read_text(encoding="utf-8").format(
        architectures=len(differences),
        classes=len(classes),
        built=len(built),
        exact=exact,
        tokens=TOKENS,
        no_class="; ".join(f"`{name}`: {why}" for name, why in (NO_CLASS | {"Kimi K3": WITHOUT}).items()),
        modules=module_table(differences),
        figures=figure_table(),
        engine=engine_table(engine),
        left_out=left_out_table(),
    )
