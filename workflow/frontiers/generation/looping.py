"""Loops: a text that ends by repeating itself.

The measure is seq-rep-n of Welleck et al. (arXiv 1908.04319): the share of n-grams that have stood before,
here of the tokens at the end of a text.
"""

from collections.abc import Sequence

import numpy as np

GRAM = 16
"""Tokens of an n-gram. Long enough that phrases, formulas and restated facts do not count as repeats."""

WINDOW = 512
"""Tokens at the end that are looked at."""

SHORTEST = 64
"""Tokens of the shortest text that is called looping: four n-grams side by side."""

SHARE = 0.5
"""From this share of repeated n-grams on, a text is looping."""


def repeated_share(tokens: Sequence[int]) -> float:
    """Return the share, from 0 to 1, of the n-grams in the last `WINDOW` tokens that stand in them before.

    Texts shorter than an n-gram repeat nothing.
    """
    tail = np.asarray(tokens[-WINDOW:], dtype=np.int64)
    if len(tail) < GRAM:
        return 0.0
    grams = np.ascontiguousarray(np.lib.stride_tricks.sliding_window_view(tail, GRAM))
    distinct = np.unique(grams.view(f"V{grams.itemsize * GRAM}")).size
    return 1 - distinct / len(grams)


def loops(tokens: Sequence[int]) -> bool:
    """Return whether a text ends in a loop: half of the n-grams at its end have stood there before.

    A cycle of p tokens is seen once it fills about half the window, or has run about twice in a shorter
    text; a cycle longer than half the window, or one that changes within every n-gram, is not.
    """
    return len(tokens) >= SHORTEST and repeated_share(tokens) >= SHARE
