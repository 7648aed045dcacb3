"""The columns of FLOPs in the tables `compute` and `answers`: three breakdowns of one total.

By phase, by role (the model itself, its thoughts, a reward model) and by component of the network. All are FLOPs per
generation. The columns of each breakdown add up to `flops`, except that phases exclude a reward model.
"""

from collections.abc import Mapping
from typing import Any

PHASES = {phase: f"flops_{phase}" for phase in ("prefill", "reasoning", "answer")}
ROLES = {role: f"flops_{role}" for role in ("policy", "thought", "reward")}
COMPONENTS = {
    "flops_attention": ("attention_projections", "attention_scores"),
    "flops_feed_forward": ("feed_forward", "router", "auxiliary"),
    "flops_state_space": ("state_space",),
    "flops_logits": ("logits",),
}
"""Column -> the fields of `frontiers.compute.flops.Breakdown` that it sums."""


def by_component(spent: Mapping[str, Any]) -> dict[str, Any]:
    """Return the columns of `COMPONENTS` from FLOPs by field of a `Breakdown`: numbers, arrays or series."""
    return {column: sum(spent[field] for field in fields) for column, fields in COMPONENTS.items()}
