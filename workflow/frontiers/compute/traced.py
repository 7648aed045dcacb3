"""FLOPs and parameters of a class of transformers as torch counts them on the meta device, where tensors hold no data.

A second opinion on the closed form, and a first one where no family exists. It needs torch and transformers, which the
rest of the accounting does not. The counter sees matrix products and convolutions; of state-space layers it sees the
products of the reference implementation. Classes compute masked scores too, so what is counted is the square of the
context, and windows and selected positions do not show in it as long as the context is shorter.
"""

import importlib.util
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from frontiers.core.cli import UserError

LENGTHS = (8, 16, 24)
"""Lengths in tokens of the three passes; multiples of 8, as compressed attention makes an entry of 4 tokens."""
PLAIN_CACHES = ("DynamicLayer", "DynamicSlidingWindowLayer")
"""Caches of transformers that keep keys and values, one for each token."""


@dataclass(frozen=True)
class Polynomial:
    """FLOPs of a pass of `new` tokens after `past`: `each·new + pair·new·(past + new)`, plus `once`."""

    once: Fraction = Fraction(0)
    each: Fraction = Fraction(0)
    pair: Fraction = Fraction(0)

    def __call__(self, new: int, past: int = 0) -> Fraction:
        """Return the FLOPs of `new` tokens after `past`."""
        return self.once + self.each * new + self.pair * new * (past + new)

    def __add__(self, other: "Polynomial") -> "Polynomial":
        return Polynomial(self.once + other.once, self.each + other.each, self.pair + other.pair)


def fit(counts: Mapping[int, int]) -> Polynomial:
    """Return the polynomial through the FLOPs of three passes without a past, by length: exact, in fractions."""
    (a, x), (b, y), (c, z) = sorted((n, Fraction(flops)) for n, flops in counts.items())
    first, second = (y - x) / (b - a), (z - y) / (c - b)
    pair = (second - first) / (c - a)
    each = first - pair * (a + b)
    return Polynomial(x - each * a - pair * a * a, each, pair)


@dataclass(frozen=True)
class Trace:
    """What torch sees of a class: `parameters` and `flops` by module, layers under `*`, and the fields its modules read.

    `cached` is how many numbers a token adds to the cache of the class, None where it has one of its own kind.
    `convolved` is set where the counter saw a convolution, so where layers scan.
    """

    name: str
    parameters: dict[str, int]
    flops: dict[str, Polynomial]
    read: frozenset[str]
    cached: int | None = None
    convolved: bool = False

    @property
    def total(self) -> Polynomial:
        """FLOPs of the whole model."""
        return sum(self.flops.values(), Polynomial())


def settled_config(config: Mapping[str, Any]) -> Any:
    """Return the configuration object of transformers for a `config.json`.

    Raises `UserError` when transformers has no configuration of its type, or rejects the fields.
    """
    _check_installed()
    import transformers

    kind, version = config.get("model_type"), transformers.__version__
    fields = {key: value for key, value in config.items() if key not in ("architectures", "model_type")}
    if kind not in transformers.CONFIG_MAPPING:
        raise UserError(f"transformers {version} has no configuration of model_type {kind!r}")
    try:
        settled = transformers.AutoConfig.for_model(kind, **fields)
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise UserError(f"transformers {version} cannot read this {kind} configuration: {error}") from error
    return settled.get_text_config()


def _check_installed() -> None:
    """Raise `UserError` without torch and transformers."""
    missing = [name for name in ("torch", "transformers") if importlib.util.find_spec(name) is None]
    if missing:
        raise UserError(
            f"needs {' and '.join(missing)}; install envs/requirements-test.txt, or run in the environment of `make test`"
        )


def trace(config: Mapping[str, Any]) -> Trace:
    """Return what torch sees of the language model of a `config.json`.

    Raises `UserError` where transformers has no class for it, or where the class does not run without data.
    """
    settled = settled_config(config)
    import torch
    import transformers

    known = transformers.AutoModelForCausalLM._model_mapping
    if type(settled) not in known:
        raise UserError(
            f"transformers {transformers.__version__} has no language model for model_type {settled.model_type!r}"
        )
    options = {
        "attn_implementation": "eager",
        "experts_implementation": "batched_mm",
        "dtype": torch.bfloat16,
    }
    with _recorded(type(settled)) as read, torch.device("meta"):
        module = transformers.AutoModelForCausalLM.from_config(settled, **options).eval()
    try:
        counted = {length: _counted(module, length) for length in LENGTHS}
    except (NotImplementedError, RuntimeError) as error:
        reason = str(error).splitlines()[0][:200]
        raise UserError(f"{type(module).__name__} does not run on the meta device: {reason}") from error
    convolved = any(counts.pop("convolutions", 0) for counts in counted.values())
    names = sorted({name for counts in counted.values() for name in counts})
    flops = {name: fit({length: counts[name] for length, counts in counted.items()}) for name in names}
    sizes = parameters_by_module(module)
    return Trace(type(module).__name__, sizes, flops, frozenset(read), _cached(module), convolved)


def _cached(module: Any) -> int | None:
    """Return the numbers that a token adds to the cache while no window is full; None for a cache of another kind."""
    import torch

    sizes = []
    for length in LENGTHS[:2]:
        ids = torch.zeros(1, length, dtype=torch.long, device="meta")
        mask = torch.zeros(1, 1, length, length, dtype=torch.bfloat16, device="meta")
        with torch.no_grad():
            result = module(input_ids=ids, position_ids=ids, attention_mask=mask, use_cache=True)
        layers = getattr(result.past_key_values, "layers", None)
        if not layers or any(type(layer).__name__ not in PLAIN_CACHES for layer in layers):
            return None
        sizes.append(sum(layer.keys.numel() + layer.values.numel() for layer in layers))
    return (sizes[1] - sizes[0]) // (LENGTHS[1] - LENGTHS[0])


def figures(trace: Trace, config: Mapping[str, Any], where: str) -> dict[str, Any]:
    """Return the figures of a trace that `traced_parts.read_traced` reads.

    Raises `UserError` where the counter does not see all that the model computes, or the cache has a form of its own.
    """
    settled = settled_config(config)
    width, vocabulary = settled.hidden_size, settled.vocab_size
    total, table = trace.total, width * vocabulary
    tied = not any(name.startswith("lm_head") for name in trace.parameters)
    logits = sum(part.each for name, part in trace.flops.items() if name.endswith(".lm_head"))
    whole = all(value.denominator == 1 for value in (total.each, total.pair)) and total.once == 0
    if trace.convolved or not whole or trace.cached is None or logits != 2 * table:
        raise UserError(
            f"{where}: {trace.name} cannot be counted from a trace, as it has "
            + (
                "convolutions, so scans that torch's counter sees in part"
                if trace.convolved
                else "parts whose FLOPs are not a polynomial of the tokens, a cache or an output of its own kind"
            )
            + "; add a family (CONTRIBUTING.md) and remove `flops: traced`"
        )
    experts = sum(size for name, size in trace.parameters.items() if ".experts." in name)
    running = sum(part.each for name, part in trace.flops.items() if name.endswith(".experts")) / 2
    return {
        "name": trace.name,
        "width": width,
        "vocabulary": vocabulary,
        "tied": tied,
        "weights": sum(trace.parameters.values()) - table * (1 if tied else 2),
        "idle": int(experts - running) if running else 0,
        "each": int(total.each - logits),
        "pair": int(total.pair),
        "cached": trace.cached,
    }


def parameters_by_module(module: Any) -> dict[str, int]:
    """Return the weights that a checkpoint holds by the module that has them; shared ones count once."""
    sizes: Counter[str] = Counter()
    saved = module.state_dict().keys()
    held = [*module.named_parameters(), *((k, v) for k, v in module.named_buffers() if k in saved)]
    for name, weight in held:
        sizes[_without_numbers(name)] += weight.numel()
    return dict(sizes)


def _counted(module: Any, length: int) -> Counter[str]:
    """Return the FLOPs of a square pass of `length` tokens with all logits by the module that spends them."""
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    counter = FlopCounterMode(display=False)
    shape = {"dtype": torch.long, "device": "meta"}
    mask = torch.zeros(1, 1, length, length, dtype=torch.bfloat16, device="meta")
    with counter, torch.no_grad():
        module(
            input_ids=torch.zeros(1, length, **shape),
            position_ids=torch.zeros(1, length, **shape),
            attention_mask=mask,
            use_cache=False,
        )
    whole = {name: sum(ops.values()) for name, ops in counter.get_flop_counts().items() if name != "Global"}
    own: Counter[str] = Counter()
    if any("convolution" in str(operation) for operation in counter.get_flop_counts().get("Global", {})):
        own["convolutions"] = 1
    for name, flops in whole.items():
        own[_without_numbers(name)] += flops
        if parent := _parent(name, whole):
            own[_without_numbers(parent)] -= flops
    return Counter({name: flops for name, flops in own.items() if flops})


def _parent(name: str, whole: Mapping[str, int]) -> str | None:
    """Return the nearest module above `name` that was counted."""
    while "." in name:
        name = name.rpartition(".")[0]
        if name in whole:
            return name
    return None


def _without_numbers(name: str) -> str:
    return re.sub(r"\.\d+(?=\.|$)", ".*", name)


@contextmanager
def _recorded(kind: type) -> Iterator[set[str]]:
    """Yield the names of the fields that are read of configurations of class `kind` while it is open."""
    read: set[str] = set()
    plain = kind.__getattribute__

    def recording(self: Any, name: str) -> Any:
        read.add(name)
        return plain(self, name)

    own = "__getattribute__" in vars(kind)
    kind.__getattribute__ = recording
    try:
        yield read
    finally:
        if own:
            kind.__getattribute__ = plain
        else:
            del kind.__getattribute__
