"""The card of a model as Markdown, for people."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from frontiers.compute.uncounted import COSTS

KIND_LABELS = {"dense": "dense", "moe": "mixture of experts", "hybrid": "hybrid of state space and attention"}
COMPONENT_LABELS = {
    "attention_projections": "attention projections",
    "attention_scores": "attention scores",
    "feed_forward": "feed-forward",
    "router": "router",
    "state_space": "state space",
    "auxiliary": "other",
    "logits": "logits",
}
ROWS = 8
"""Context lengths that a table shows at most."""


def markdown(card: Mapping[str, Any], name: str) -> str:
    """Return the card as Markdown under the title `name`; `card` is valid under `model.schema.json`."""
    blocks = [
        f"# {name}",
        summary(card),
        "## Parameters",
        parameters(card),
        weights(card),
        "## FLOP of one decoded token",
        *tokens(card, "flops_per_token", "scores_overtake"),
    ]
    if card["flops_per_token_absorbed"]:
        blocks += [
            "The same in the form that engines decode in, with scores taken on the latents:",
            *tokens(card, "flops_per_token_absorbed", "scores_overtake_absorbed"),
        ]
    blocks += ["## A whole prompt and its cache", *prompts(card), "## Not counted", left_out(card)]
    return "\n\n".join(blocks) + "\n"


def _seen(reach: Mapping[str, Any]) -> str:
    """Return what the layers of one reach attend to."""
    if reach["window"]:
        return f"within a window of {reach['window']:,} tokens"
    if reach["chunk"]:
        return f"within chunks of {reach['chunk']:,} tokens"
    if reach["rate"]:
        whose = f"{reach['top']:,} selected entries" if reach["top"] else "all entries"
        return f"to {whose} of {reach['rate']:,} tokens each"
    if reach["top"]:
        blocks = f", in blocks of {reach['block']:,}" if reach["block"] else ""
        return f"to the {reach['top']:,} positions that an indexer selects{blocks}"
    return "over the whole context"


def summary(card: Mapping[str, Any]) -> str:
    """Return what the model is, in one paragraph."""
    number = sum(layer["count"] for layer in card["layers"])
    seen = [f"{reach['layers']} {_seen(reach)}" for reach in card["attention"]]
    longest = card["max_context"]
    return (
        f"`{card['architecture']}`, {KIND_LABELS[card['kind']]}: {number} layers of width {card['width']:,}, a vocabulary "
        f"of {card['vocabulary']:,} tokens, input and output embedding {'shared' if card['tied_embeddings'] else 'apart'}. "
        f"Layers with attention: {', '.join(seen) or 'none'}. "
        f"Longest context: {f'{longest:,} tokens' if longest else 'not stated'}. "
        f"All of this card follows from `config.json` (sha256 `{card['config_sha256']}`)."
    )


def parameters(card: Mapping[str, Any]) -> str:
    """Return the table of parameters."""
    return table(
        ["", "total", "active per token"],
        [
            ["all", f"{card['total_params']:,}", f"{card['active_params']:,}"],
            [
                "without the input embedding",
                f"{card['total_params_no_embedding']:,}",
                f"{card['active_params_no_embedding']:,}",
            ],
        ],
    )


def weights(card: Mapping[str, Any]) -> str:
    """Return a sentence on the bytes of the weights."""
    how = card["quantisation"]
    return f"All weights take {size(card['weight_bytes'])} in {f'{how} and ' if how else ''}{card['weight_dtype']}."


def tokens(card: Mapping[str, Any], key: str, overtake: str) -> list[str]:
    """Return the table of FLOP per decoded token by component, and a sentence on when scores dominate."""
    rows = spread(card[key])
    used = [name for name in COMPONENT_LABELS if any(row[name] for row in rows)]
    head = ["context (tokens)", *(COMPONENT_LABELS[name] for name in used), "total", "left out"]
    lines = [
        [
            f"{row['context']:,}",
            *(quantity(row[name]) for name in (*used, "total")),
            percent(row["left_out_share"]),
        ]
        for row in rows
    ]
    note = "One multiply-add is 2 FLOP; the context counts the token itself. " + crossing(
        card[overtake], card["max_context"]
    )
    return [table(head, lines), note]


def crossing(context: int | None, longest: int | None) -> str:
    """Return a sentence on the context from which scores cost more than all else."""
    if context is None:
        return "Attention scores never cost more than all else together."
    beyond = f", beyond the longest of {longest:,}" if longest and context > longest else ""
    return f"Attention scores cost more than all else together from {context:,} tokens of context on{beyond}."


def prompts(card: Mapping[str, Any]) -> list[str]:
    """Return the table of prefill and cache by length, and a sentence on cache and state."""
    cache = {row["context"]: row["bytes"] for row in card["kv_bytes"]}
    lines = [
        [
            f"{row['context']:,}",
            quantity(row["flops"], "FLOP"),
            percent(row["left_out_share"]),
            size(cache[row["context"]]),
        ]
        for row in spread(card["prefill"])
    ]
    each = f"Each token adds {size(card['kv_bytes_per_token'])} of keys and values"
    full = " until a window is full" if any(r["window"] or r["chunk"] for r in card["attention"]) else ""
    state = f"; a sequence keeps {size(card['state_bytes'])} of state" if card["state_bytes"] else ""
    return [
        table(["tokens", "prefill", "left out", "key-value cache"], lines),
        f"{each}{full}{state}, at {card['element_bytes']:g} bytes per number.",
    ]


def left_out(card: Mapping[str, Any]) -> str:
    """Return what the figures do not count, with its cost per number."""
    lines = [
        "The share left out consists of, at one FLOP per elementary operation and number:",
        "",
        *(f"- {kind}: {cost.flops} per {cost.per} ({cost.operations})" for kind, cost in COSTS.items()),
    ]
    if card["left_out"]:
        lines += [
            "",
            f"The checkpoint also holds what a pass for text does not use: {', '.join(card['left_out'])}.",
        ]
    return "\n".join(lines)


def spread(rows: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Return at most `ROWS` rows: the shortest, the longest, and before that powers of two four times apart."""
    if len(rows) < 3:
        return list(rows)
    shortest, *powers, longest = rows
    between = [row for row in powers if 4 * row["context"] <= longest["context"]][::-2][: ROWS - 2]
    return [shortest, *reversed(between), longest]


def table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """Return a Markdown table, its first column left-aligned and the others right-aligned."""
    head = list(head)
    lines = [head, ["---", *["---:"] * (len(head) - 1)], *rows]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in lines)


def quantity(value: float, unit: str = "") -> str:
    """Return a number with three digits, metric prefix and unit, as 15.1 G or 15.1 GFLOP."""
    step = 0
    while value >= 999.5:
        value, step = value / 1000, step + 1
    return f"{value:.3g} {('', *'kMGTPEZY')[step]}{unit}".rstrip()


def size(value: float) -> str:
    """Return bytes with three digits and a binary prefix, such as 144 KiB."""
    for unit in ("bytes", "KiB", "MiB", "GiB", "TiB"):
        if value < 1023.5:
            return f"{value:.3g} {unit}" if value < 999.5 else f"{value:.0f} {unit}"
        value /= 1024
    return f"{value:.3g} PiB"


def percent(share: float) -> str:
    """Return a share in percent with two digits."""
    return f"{100 * share:.2g} %"
