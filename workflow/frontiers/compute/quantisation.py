"""Which matrices a quantised checkpoint does not quantise, from the module names in its configuration.

The lists name modules as the checkpoint does: exactly (`model.layers.0.self_attn`
and all below it), with wildcards (`model.layers.*.self_attn*`), or as regular
expressions after `re:`. They are matched against the names that the parts of a
layer have in `transformers`.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Any

from frontiers.core.cli import UserError

LISTS = ("modules_to_not_convert", "llm_int8_skip_modules", "ignored_layers", "ignore", "exclude_modules")

# Modules that no method quantises, or that are not part of the language model: listing them changes nothing.
NEVER = re.compile(
    r"lm_head|embed|norm|router|gate(\.weight)?\$?$|shared_expert_gate|bias|conv1d|rotary|projector"
    r"|vision|visual|audio|mtp|nextn|eh_proj"
)
SHARED = [f"mlp.{block}" for block in ("shared_experts", "shared_expert", "shared_mlp")]
GATED = ("gate_proj up_proj down_proj", "gate_up_proj down_proj", "up_proj down_proj", "w1 w2 w3")
QUERIES = ("q_proj", "q_a_proj q_b_proj")
LATENT = tuple(f"{query} kv_a_proj_with_mqa kv_b_proj o_proj" for query in QUERIES)


def _spellings(blocks: Iterable[str], names: Iterable[str]) -> list[list[str]]:
    """Return the modules of one kind of part, once for every way to name them."""
    names = list(names)
    return [[f"{block}.{name}" for name in each.split()] for block in blocks for each in names]


KINDS = {
    "attention": _spellings(
        ("self_attn", "attention", "mixer"), ("q_proj k_proj v_proj o_proj", "qkv_proj o_proj", *LATENT)
    ),
    "dense": _spellings(("mlp", "feed_forward", "mixer"), GATED),
    "shared": _spellings(SHARED, GATED),
    "experts": _spellings(("mlp.experts.0", "mlp.experts", "block_sparse_moe.experts.0"), GATED),
    "state space": _spellings(("mamba", "mixer"), ("in_proj out_proj",)),
}
PREFIXES = ("model.", "model.language_model.", "language_model.model.", "backbone.", "")


def kept(quantisation: Mapping[str, Any], layers: int, where: str) -> set[str]:
    """Return the kinds of parts, of `KINDS`, that a quantisation excludes in all `layers` layers.

    "dense" and "shared" come together or not at all. Raises `UserError` when a
    listed name matches no known module, or excludes only some matrices of a kind,
    whose sizes are unknown here.
    """
    patterns = [p for p in _listed(quantisation) if not NEVER.search(p) and not _beyond(p, layers)]
    tests = [_test(pattern) for pattern in patterns]
    used: set[int] = set()
    found = set()
    for kind, spellings in KINDS.items():
        hits = [[_spared(name, layers, tests, used) for name in spelling] for spelling in spellings]
        if any(all(count == layers for count in spelling) for spelling in hits):
            found.add(kind)
        elif any(map(any, hits)):
            raise _unclear(where, f"excludes only some `{kind}` matrices", patterns)
    if unplaced := [pattern for i, pattern in enumerate(patterns) if i not in used]:
        raise _unclear(where, "excludes unknown modules", unplaced)
    if len(found & {"dense", "shared"}) == 1:
        raise _unclear(where, "treats dense layers and shared experts differently", patterns)
    return found


def _listed(quantisation: Mapping[str, Any]) -> list[str]:
    """Return the names in all lists; GPTQ's `dynamic` marks excluded ones with `-:`."""
    names = [name for key in LISTS for name in quantisation.get(key) or ()]
    return names + [f"re:{key[2:]}" for key in quantisation.get("dynamic") or () if key.startswith("-:")]


def _beyond(pattern: str, layers: int) -> bool:
    """Return whether a name is of a layer after the last, where modules for multi-token prediction are."""
    number = re.search(r"layers\\?\.(\d+)\b", pattern)
    return number is not None and int(number[1]) >= layers


def _test(pattern: str) -> re.Pattern:
    """Return the regular expression for the start of a module's name."""
    if pattern.startswith("re:"):
        return re.compile(pattern[3:])
    tail = pattern[pattern.find("layers.") :] if "layers." in pattern else pattern
    body = ".*".join(map(re.escape, tail.removesuffix(".").split("*")))
    return re.compile(rf"(?:.*\.)?{body}(?:\..*)?$")


def _spared(name: str, layers: int, tests: list[re.Pattern], used: set[int]) -> int:
    """Return in how many layers the module `name` is excluded; adds the matching tests to `used`."""
    count = 0
    for layer in range(layers):
        full = [f"{prefix}layers.{layer}.{name}" for prefix in PREFIXES]
        matching = {i for i, test in enumerate(tests) if any(map(test.match, full))}
        used |= matching
        count += bool(matching)
    return count


def _unclear(where: str, problem: str, patterns: list[str]) -> UserError:
    shown = ", ".join(patterns[:6]) + (", …" if len(patterns) > 6 else "")
    return UserError(
        f"{where}: the quantisation {problem} ({shown}), so the bytes of its weights are unknown. Use "
        "an unquantised configuration, or add the names to workflow/frontiers/compute/quantisation.py"
    )
