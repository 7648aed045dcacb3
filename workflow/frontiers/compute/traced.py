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
    """What torch sees of a class: `parameters` and `flops` by module, layers under `*`, and the fields its modules read."""

    name: str
    parameters: dict[str, int]
    flops: dict[str, Polynomial]
    read: frozenset[str]

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
    names = sorted({name for counts in counted.values() for name in counts})
    flops = {name: fit({length: counts[name] for length, counts in counted.items()}) for name in names}
    return Trace(type(module).__name__, parameters_by_module(module), flops, frozenset(read))


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
