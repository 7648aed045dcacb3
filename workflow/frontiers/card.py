"""The card of a model: what its `config.json` alone says about its size, its compute and its memory."""

from dataclasses import fields

from frontiers.layers import Architecture
from frontiers.parts import Part


def describe(architecture: Architecture, element_bytes: float) -> dict:
    """Return what `models/<model>.json` says of an architecture; sizes in bytes take `element_bytes` each."""
    return {
        "architecture": architecture.name,
        "family": architecture.family,
        "kind": architecture.kind,
        "total_params": architecture.parameters(),
        "total_params_no_embedding": architecture.parameters(embedding=False),
        "active_params": architecture.parameters(active=True),
        "active_params_no_embedding": architecture.parameters(active=True, embedding=False),
        "element_bytes": element_bytes,
        "kv_bytes_per_token": architecture.kv_bytes_per_token(element_bytes),
        "state_bytes": architecture.state_bytes(element_bytes),
        "width": architecture.width,
        "vocabulary": architecture.vocabulary,
        "tied_embeddings": architecture.tied,
        "layers": [
            {"count": count, "parts": [_part(part) for part in layer.parts]}
            for layer, count in architecture.groups
        ],
    }


def _part(part: Part) -> dict:
    sizes = {f.name: getattr(part, f.name) for f in fields(part) if f.name != "width"}
    if "reach" in sizes:
        sizes |= sizes.pop("reach")._asdict()
    return {"kind": type(part).__name__.lower(), **sizes}
