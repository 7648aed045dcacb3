"""Bytes per number of a model's weights, cache and recurrent state, from its `config.json`.

FLOPs never depend on it. Embeddings, output head, norms, biases, convolutions
and routers always keep the checkpoint's dtype, and so do other matrices that a
quantisation excludes. Scales and zero points are added to the weights they belong
to; those of whole columns or matrices are too few to count. A quantisation in a
file other than `config.json` is not seen.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from frontiers.compute.quantisation import kept
from frontiers.core.cli import UserError

__all__ = ["DTYPE_BYTES", "Precision", "element_bytes", "read_precision"]

DTYPE_BYTES = {"float64": 8, "float32": 4, "float16": 2, "bfloat16": 2}
DEFAULT_DTYPE = "bfloat16"


@dataclass(frozen=True)
class Precision:
    """Bytes per number: of the matrices by kind, of all other weights (`rest`), of cache and recurrent state.

    `experts` are the matrices of routed experts; dense layers and shared experts
    are `feed_forward`. `dtype` is the checkpoint's, `compute` that of the products
    with quantised matrices on a device that supports it: 8-bit where activations
    are quantised too, else `dtype`.
    """

    dtype: str
    method: str | None
    compute: str
    attention: float
    feed_forward: float
    state_space: float
    experts: float
    rest: float
    cache: float
    state: float

    def of(self, component: str) -> float:
        """Return the bytes per weight of the ordinary matrices of a part of this component."""
        return {"attention_projections": self.attention, "state_space": self.state_space}.get(
            component, self.feed_forward
        )


class Scheme(NamedTuple):
    """Bits per quantised weight including scales, and the dtype of the products if it is not the model's."""

    bits: float
    compute: str | None = None


def read_precision(config: Mapping[str, Any], where: str = "config.json") -> Precision:
    """Return the bytes per number that a model's `config.json` describes.

    Supported are mxfp4 (experts only, as in gpt-oss), fp8 (as in DeepSeek-V3), gptq,
    awq, bitsandbytes, compressed-tensors and modelopt (fp8, nvfp4). `where`
    names the file in messages. A class that wraps a language model may have these
    fields inside or outside `text_config`. Raises `UserError`, naming the method,
    for any other method and for settings whose bytes are unknown.
    """
    dtype, quantisation = _dtype(config, where), _quantisation(config)
    whole = DTYPE_BYTES[dtype]
    method, scheme, spared = None, Scheme(8 * whole), set()
    if quantisation:
        method = str(quantisation.get("quant_method", "unnamed"))
        if method not in METHODS:
            raise UserError(
                f"{where}: unknown quantisation `{method}`; known are {', '.join(sorted(METHODS))}. Use an "
                "unquantised configuration, or add the method to workflow/frontiers/compute/precision.py"
            )
        scheme = METHODS[method](quantisation, where)
        spared = kept(quantisation, _layers(config), where)
        if (
            "kimi_linear" in (config.get("model_type"), _inner(config).get("model_type"))
            and "attention" in spared
        ):
            spared.add("state space")  # its delta attention is under the name of the attention
        if method == "mxfp4":
            spared |= {"attention", "dense", "state space"}
    bytes_of = {
        kind: whole if kind in spared else scheme.bits / 8
        for kind in ("attention", "dense", "state space", "experts")
    }
    if config.get("expert_dtype") == "fp4":  # DeepSeek V4
        bytes_of["experts"] = _mxfp4(quantisation, where).bits / 8
    return Precision(
        dtype=dtype,
        method=method,
        compute=scheme.compute or dtype,
        attention=bytes_of["attention"],
        feed_forward=bytes_of["dense"],
        state_space=bytes_of["state space"],
        experts=bytes_of["experts"],
        rest=whole,
        cache=_cache(quantisation, whole, where),
        state=whole,
    )


def element_bytes(config: Mapping[str, Any], where: str = "config.json", given: float | None = None) -> float:
    """Return the bytes of one cached number: `given`, else from the quantisation of the cache or the dtype."""
    if given is not None:
        if not 0 < given < float("inf"):
            raise UserError(f"--kv-bytes {given}: must be a finite number above 0")
        return int(given) if given == int(given) else given
    return _cache(_quantisation(config), DTYPE_BYTES[_dtype(config, where)], where)


def _inner(config: Mapping[str, Any]) -> Mapping[str, Any]:
    text = config.get("text_config")
    return text if isinstance(text, Mapping) else {}


def _dtype(config: Mapping[str, Any], where: str) -> str:
    """Return the dtype of the language model, else of the class that wraps it, else bfloat16."""
    stated = [held.get(key) for held in (_inner(config), config) for key in ("dtype", "torch_dtype")]
    name = str(next(filter(None, stated), DEFAULT_DTYPE)).removeprefix("torch.")
    if name not in DTYPE_BYTES:
        raise UserError(
            f"{where}: unknown dtype {name!r}; known are {', '.join(DTYPE_BYTES)}. If only the cache matters, "
            "set the bytes of a cached number with --kv-bytes"
        )
    return name


def _quantisation(config: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the settings of the quantisation, empty if there is none; older modelopt nests them once more."""
    keys = ("quantization_config", "compression_config")
    found = next((held[key] for held in (config, _inner(config)) for key in keys if held.get(key)), {})
    return {**found, **(found.get("quantization") or {})}


def _layers(config: Mapping[str, Any]) -> int:
    return _inner(config).get("num_hidden_layers") or config.get("num_hidden_layers") or 1


def _cache(quantisation: Mapping[str, Any], whole: int, where: str) -> float:
    """Return the bytes of a cached number: those of the dtype unless the configuration quantises the cache."""
    scheme = quantisation.get("kv_cache_scheme") or quantisation.get("kv_cache_quant_algo")
    if not scheme:
        return whole
    if scheme == "FP8" or (isinstance(scheme, Mapping) and scheme.get("num_bits") == 8):
        return 1
    raise UserError(f"{where}: a cache quantised as {scheme!r} is not supported; only 8 bits (FP8) are")


def _whole(quantisation: Mapping[str, Any], key: str, where: str) -> int:
    value = quantisation.get(key)
    if isinstance(value, bool) or not isinstance(value, int):
        raise UserError(f"{where}: the quantisation needs `{key}` as a whole number, not {value!r}")
    return value


def _shared_out(bits: float, group: int) -> float:
    """Return `bits` per group as bits per weight; 0 for a group of -1, a whole column."""
    return bits / group if group > 0 else 0


def _mxfp4(quantisation: Mapping[str, Any], where: str) -> Scheme:
    """4 bits, and an 8-bit scale per 32 weights (OCP Microscaling Formats 1.0)."""
    return Scheme(4 + 8 / 32)


def _fp8(quantisation: Mapping[str, Any], where: str) -> Scheme:
    """8 bits, and a float32 scale per block (DeepSeek-V3, arXiv 2412.19437, section 3.3) or whole matrix."""
    rows, columns = quantisation.get("weight_block_size") or (-1, 1)
    return Scheme(8 + _shared_out(32, rows * columns), "fp8")


def _gptq(quantisation: Mapping[str, Any], where: str) -> Scheme:
    """The bits, and per group a 16-bit scale and a zero point of as many bits, stored even if symmetric."""
    for key, plain in (("lm_head", False), ("modules_in_block_to_quantize", None)):
        if quantisation.get(key) not in (plain, None):
            raise UserError(f"{where}: `{key}` in a gptq quantisation is not supported; remove it")
    if changed := [key for key in quantisation.get("dynamic") or () if not key.startswith("-:")]:
        raise UserError(f"{where}: gptq sets other bits for {changed}, which is not supported")
    bits = _whole(quantisation, "bits", where)
    return Scheme(bits + _shared_out(16 + bits, _whole(quantisation, "group_size", where)))


def _awq(quantisation: Mapping[str, Any], where: str) -> Scheme:
    """The bits, and per group a 16-bit scale and, with `zero_point`, one of as many bits."""
    bits = _whole(quantisation, "bits", where)
    zero = bits if quantisation.get("zero_point", True) else 0
    return Scheme(bits + _shared_out(16 + zero, _whole(quantisation, "group_size", where)))


def _bitsandbytes(quantisation: Mapping[str, Any], where: str) -> Scheme:
    """8 bits with a scale per row, or 4 with a float32 per 64, itself in 8 bits by 256 when quantised twice."""
    if quantisation.get("load_in_4bit"):
        twice = quantisation.get("bnb_4bit_use_double_quant")
        return Scheme(4 + (8 / 64 + 32 / (64 * 256) if twice else 32 / 64))
    if quantisation.get("load_in_8bit"):
        return Scheme(8, "int8")
    raise UserError(f"{where}: a bitsandbytes quantisation must set load_in_4bit or load_in_8bit")


def _compressed(quantisation: Mapping[str, Any], where: str) -> Scheme:
    """The one scheme of all groups of layers."""
    groups = quantisation.get("config_groups")
    schemes = {_group(group, where) for group in groups.values()} if isinstance(groups, Mapping) else set()
    if len(schemes) != 1:
        raise UserError(f"{where}: `config_groups` has {len(schemes)} schemes; exactly one is supported")
    return schemes.pop()


def _group(group: Mapping[str, Any], where: str) -> Scheme:
    """One group: 4-bit floats have 8-bit scales (mxfp4, nvfp4), all else 16-bit ones."""
    weights, inputs = group.get("weights") or {}, group.get("input_activations") or {}
    bits, size = _whole(weights, "num_bits", where), weights.get("group_size") or -1
    if weights.get("block_structure"):
        size = weights["block_structure"][0] * weights["block_structure"][1]
    scale = 8 if weights.get("type") == "float" and bits == 4 else 16
    zero = 0 if weights.get("symmetric", True) else bits
    kind = {"float": "fp", "int": "int"}.get(inputs.get("type", ""))
    return Scheme(bits + _shared_out(scale + zero, size), f"{kind}{inputs.get('num_bits')}" if kind else None)


def _modelopt(quantisation: Mapping[str, Any], where: str) -> Scheme:
    """FP8 with a scale per matrix, or NVFP4: 4 bits and an 8-bit scale for 16 weights."""
    algorithm = str(quantisation.get("quant_algo")).upper()
    known = {"FP8": Scheme(8, "fp8"), "NVFP4": Scheme(4 + 8 / 16, "fp4")}
    if algorithm not in known:
        raise UserError(f"{where}: modelopt's {algorithm} is not supported; supported are {', '.join(known)}")
    return known[algorithm]


METHODS: dict[str, Callable[[Mapping[str, Any], str], Scheme]] = {
    "mxfp4": _mxfp4,
    "fp8": _fp8,
    "gptq": _gptq,
    "awq": _awq,
    "bitsandbytes": _bitsandbytes,
    "compressed-tensors": _compressed,
    "modelopt": _modelopt,
}
