"""The card of a model: its size, compute and memory, from its `config.json` alone."""

import json
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np

from frontiers.compute.architecture import Architecture
from frontiers.compute.flops import Breakdown, forward_flops
from frontiers.compute.layer_parts import LatentAttention, Part
from frontiers.compute.memory import weight_bytes
from frontiers.compute.precision import Precision
from frontiers.compute.uncounted import left_out_share
from frontiers.core import sealed
from frontiers.core.cli import UserError
from frontiers.core.paths import TABLE_SCHEMAS

SCHEMA = TABLE_SCHEMAS / "model.schema.json"
BREAKDOWN_FIELDS = tuple(f.name for f in fields(Breakdown))
UNSTATED = 131_072
"""Longest context of a card, in tokens, if the configuration states none."""
LONGEST = 2**48
"""A context that no model has, in tokens."""


def describe(
    architecture: Architecture, element_bytes: float, precision: Precision, max_context: int | None = None
) -> dict:
    """Return the contents of `models/<model>.json`, as `model.schema.json` describes them.

    Numbers of cache and state take `element_bytes` each; bytes of weights follow
    `precision`. `max_context` is the longest context of the model in tokens, None
    if it is not stated; see `read_max_context`.
    """
    lengths = contexts(max_context or UNSTATED)
    latent = any(isinstance(part, LatentAttention) for part, _ in architecture.parts)
    absorbed = architecture.absorbed()
    return {
        "architecture": architecture.name,
        "family": architecture.family,
        "kind": architecture.kind,
        "total_params": architecture.parameters(),
        "total_params_no_embedding": architecture.parameters(embedding=False),
        "active_params": architecture.parameters(active=True),
        "active_params_no_embedding": architecture.parameters(active=True, embedding=False),
        "weight_dtype": precision.dtype,
        "quantisation": precision.method,
        "weight_bytes": round(weight_bytes(architecture, precision)),
        "element_bytes": element_bytes,
        "kv_bytes_per_token": architecture.kv_bytes_per_token(element_bytes),
        "state_bytes": architecture.state_bytes(element_bytes),
        "width": architecture.width,
        "vocabulary": architecture.vocabulary,
        "tied_embeddings": architecture.tied,
        "max_context": max_context,
        "attention": _reaches(architecture),
        "scores_overtake": scores_overtake(architecture),
        "scores_overtake_absorbed": scores_overtake(absorbed) if latent else None,
        "flops_per_token": token_rows(architecture, lengths),
        "flops_per_token_absorbed": token_rows(absorbed, lengths) if latent else None,
        "prefill": prefill_rows(architecture, lengths),
        "kv_bytes": [{"context": n, "bytes": architecture.kv_bytes(n, element_bytes)} for n in lengths],
        "left_out": list(architecture.left_out),
        "layers": [
            {"count": count, "parts": [_part(part) for part in layer.parts]}
            for layer, count in architecture.groups
        ],
    }


def read_max_context(config: Mapping[str, Any], where: str = "config.json") -> int | None:
    """Return the field `max_position_embeddings` of a configuration or of the language model in it, in tokens.

    None if neither has it. Raises `UserError` unless it is a whole number of at least 1.
    """
    stated = config.get("max_position_embeddings")
    if stated is None and isinstance(config.get("text_config"), Mapping):
        stated = config["text_config"].get("max_position_embeddings")
    if stated is not None and (isinstance(stated, bool) or not isinstance(stated, int) or stated < 1):
        raise UserError(
            f"{where}: `max_position_embeddings` must be a whole number of tokens, not {stated!r}"
        )
    return stated


def contexts(longest: int) -> list[int]:
    """Return the context lengths of a card in tokens: the powers of two up to `longest`, and `longest`."""
    return sorted({2**i for i in range(longest.bit_length())} | {longest})


def token_rows(architecture: Architecture, lengths: Sequence[int]) -> list[dict]:
    """Return the FLOPs by component of decoding one token at each context length, the token itself included."""
    past = np.array(lengths) - 1
    flops, left = forward_flops(architecture, 1, past), left_out_share(architecture, 1, past)
    return [
        {
            "context": length,
            **{name: int(getattr(flops, name)[i]) for name in BREAKDOWN_FIELDS},
            "total": int(flops.total[i]),
            "left_out_share": float(left[i]),
        }
        for i, length in enumerate(lengths)
    ]


def prefill_rows(architecture: Architecture, lengths: Sequence[int]) -> list[dict]:
    """Return the FLOPs of reading a whole prompt of each length, with the logits of its last token."""
    flops, left = forward_flops(architecture, lengths).total, left_out_share(architecture, lengths)
    return [
        {"context": length, "flops": int(flops[i]), "left_out_share": float(left[i])}
        for i, length in enumerate(lengths)
    ]


def scores_overtake(architecture: Architecture) -> int | None:
    """Return the smallest context in tokens at which scores cost more than the rest of a decoded token.

    None if no context is long enough because every layer's window or chunk is
    full before. A layer in chunks, or one that selects blocks, is charged its
    first chunk or blocks as they fill, then full ones.
    """
    scores = architecture.by_reach(lambda part: part.score_flops)
    rest = sum(architecture.token_flops.values()) + 2 * architecture.width * architecture.vocabulary

    def spent(context: int) -> int:
        seen = {reach: min(context, reach.full or context) // (reach.rate or 1) for reach in scores}
        return sum(flops * seen[reach] for reach, flops in scores.items())

    context = bisect_right(range(LONGEST), rest, key=spent)
    return context if context < LONGEST else None


def write_card(card: Mapping[str, Any], path: Path) -> None:
    """Check a card against its schema and write it to `path` atomically."""
    check_card(card, str(path))
    sealed.write(path, card)


def read_card(path: Path) -> dict[str, Any]:
    """Read a card and check it; raises `UserError` when it is missing, damaged or not valid."""
    card = sealed.read(path)
    check_card(card, str(path))
    return card


def check_card(card: Any, where: str) -> None:
    """Raise `UserError` unless a card is valid under its schema."""
    try:
        jsonschema.validate(card, json.loads(SCHEMA.read_text(encoding="utf-8")))
    except jsonschema.ValidationError as error:
        raise UserError(
            f"{where}: {error.json_path}: {error.message}; delete it and run snakemake again"
        ) from error


def _reaches(architecture: Architecture) -> list[dict]:
    layers = architecture.by_reach(lambda part: int(part.score_heads > 0))
    return [{"layers": count, **reach._asdict()} for reach, count in layers.items() if count]


def _part(part: Part) -> dict:
    sizes = {f.name: getattr(part, f.name) for f in fields(part) if f.name != "width"}
    if "reach" in sizes:
        sizes |= sizes.pop("reach")._asdict()
    return {"kind": type(part).__name__.lower(), **sizes}
