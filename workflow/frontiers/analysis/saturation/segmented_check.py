"""One break by the package `piecewise-regression`, to compare with our own fit of the same curve.

It iterates Muggeo's linearisation (2003, Stat. Med. 22, 3055) by unweighted least squares, and so treats
all caps as equally precise and independent; its interval and its Davies test ignore the pairing of caps, and the
latter treats t statistics as normal, which is far too optimistic with few caps.
Where it and the likelihood fit differ by more than their intervals, neither should be quoted alone.
"""

import warnings

import numpy as np
from piecewise_regression import Fit
from piecewise_regression.davies import davies_test

from frontiers.analysis.cap_curves import Curve
from frontiers.analysis.saturation.forms import ENOUGH


def segmented(curve: Curve, start: float) -> dict[str, float]:
    """Return break, limits (FLOPs per problem) and Davies' p of one break, from `start` in log10 FLOPs.

    Fields are absent with fewer than 6 computes, or where the iteration does not converge within them.
    """
    x, y = curve.decades, curve.accuracy
    if len(x) <= ENOUGH["one_break"] or np.ptp(y) == 0:
        return {}
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        p_value = float(davies_test(x, y))
        fit = Fit(x.tolist(), y.tolist(), start_values=[start], n_boot=0)
    row = {"segmented_davies_p": min(p_value, 1.0)} if np.isfinite(p_value) else {}
    found = fit.get_results()
    if not found["converged"]:
        return row
    at = found["estimates"]["breakpoint1"]
    row |= {"segmented_flops": 10 ** at["estimate"]}
    limits = at["confidence_interval"]
    if np.isfinite(limits).all():
        low, high = (float(np.clip(v, x[0], x[-1])) for v in limits)
        row |= {"segmented_low": 10**low, "segmented_high": 10**high}
    return row
