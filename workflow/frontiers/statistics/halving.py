"""Random halves of the problems: one half chooses, the other judges what was chosen.

The accuracy of the best of many points on the problems that chose it is too high by the gain of choosing; on
the other half it is not.
"""

import numpy as np

HALVINGS = 20


def halvings(problems: int, rng: np.random.Generator) -> np.ndarray:
    """Return which problems choose, (2 * HALVINGS, problems): a random half per row, then the other halves."""
    first = rng.random((HALVINGS, problems)).argsort(axis=1) < problems // 2
    return np.concatenate([first, ~first])


def judged(choosing: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Return the mean value of each problem over the rows in which it does not choose, (problems,).

    `choosing`: which problems choose, `values`: what each problem says of the choice; both (rows, problems).
    """
    return np.where(choosing, 0.0, values).sum(axis=0) / (~choosing).sum(axis=0)
