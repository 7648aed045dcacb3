"""Loops: a text that ends by repeating itself.

The measure is seq-rep-n of Welleck et al. (arXiv 1908.04319): the share of n-grams that repeat earlier ones,
here among the tokens at the end of a text.
"""

from collections.abc import Sequence

import numpy as np

GRAM = 16
"""Tokens of an n-gram. Long enough that phrases, formulas and restated facts do not count as repeats."""

WINDOW = 512
"""Number of tokens at the end that are examined."""

SHORTEST = 64
"""Tokens of the shortest text that can be looping: four n-grams."""

SHARE = 0.5
"""A text with at least this share of repeated n-grams is looping."""


def repeated_share(tokens: Sequence[int]) -> float:
    """Return the share, from 0 to 1, of the n-grams in the last `WINDOW` tokens that repeat an earlier one.

    It is 0 for a text shorter than an n-gram.
    """
    tail = np.asarray(tokens[-WINDOW:], dtype=np.int64)
    if len(tail) < GRAM:
        return 0.0
    grams = np.ascontiguousarray(np.lib.stride_tricks.sliding_window_view(tail, GRAM))
    distinct = np.unique(grams.view(f"V{grams.itemsize * GRAM}")).size
    return 1 - distinct / len(grams)


def loops(tokens: Sequence[int]) -> bool:
    """Return whether a text ends in a loop: half of the n-grams at its end repeat earlier ones.

    A cycle is found once it fills about half the window, or has run about twice in a shorter text; a cycle
    longer than half the window, or one that changes within every n-gram, is not.
    """
    return len(tokens) >= SHORTEST and repeated_share(tokens) >= SHARE
