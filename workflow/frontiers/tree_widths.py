"""How many children the nodes of a tree get: by balanced rewards (REBASE), or the best ones alone (beam)."""

import math
from collections.abc import Sequence


def rebase_widths(rewards: Sequence[float], budget: int, temperature: float) -> list[int]:
    """Return W_j = Round(B_i · softmax(R_j / T_b)) with sum B_i, the `budget` (Wu et al. 2024, arXiv 2408.00724, eq. 2).

    Where rounding each alone would not give B_i, the largest remainders are rounded up (ties to the first);
    where it does, this is the same. Raises `ValueError` for a reward that is no number.
    """
    if not rewards or not all(map(math.isfinite, rewards)):
        raise ValueError(f"rewards must be finite numbers, not {list(rewards)}")
    top = max(rewards)
    weights = [math.exp((reward - top) / temperature) for reward in rewards]
    total = sum(weights)
    shares = [budget * weight / total for weight in weights]
    widths = [math.floor(share) for share in shares]
    order = sorted(range(len(shares)), key=lambda j: (widths[j] - shares[j], j))
    for j in order[: budget - sum(widths)]:
        widths[j] += 1
    return widths


def beam_widths(rewards: Sequence[float], budget: int, expansion: int) -> list[int]:
    """Return the children of each node when the best ceil(budget / expansion) share the budget evenly.

    Each then has `expansion` children, more where there are not so many nodes. Ties go to the first.
    """
    if not rewards or not all(map(math.isfinite, rewards)):
        raise ValueError(f"rewards must be finite numbers, not {list(rewards)}")
    kept = min(-(-budget // expansion), len(rewards))
    order = sorted(range(len(rewards)), key=lambda j: (-rewards[j], j))[:kept]
    widths = [0] * len(rewards)
    for place, j in enumerate(order):
        widths[j] = budget // kept + (place < budget % kept)
    return widths
