"""How much an accuracy would move with another seed, where several samples of a problem tell.

On the same problems, the accuracy of one run varies only by what differs between samples of a problem: its variance is the
mean over the n problems of the variance between samples, over n (Miller 2024, arXiv 2411.00640). What other problems
would change comes on top; it is in the interval of every accuracy.
"""

import numpy as np
import pandas as pd
from scipy import stats

from frontiers.core.keys import CURVE, LEFT_OUT, cap_order
from frontiers.core.tables import frame_of
from frontiers.statistics.intervals import LEVEL, clopper_pearson

ONE = "fewer than 2 problems with several samples: nothing tells what another seed would do"
WITHIN = "variance between samples of a problem, student t over problems"


def fit(answers: pd.DataFrame) -> pd.DataFrame:
    """Return the table `seeds`: the spread between runs of every model, strategy and benchmark at its largest cap.

    A sample whose call failed holds the mean of the others and is no draw of its own; it is left out.
    """
    order = cap_order(answers["cap"])
    largest = order == order.groupby([answers[c] for c in CURVE]).transform("max")
    drawn = answers[largest & (answers["status"] != LEFT_OUT)]
    return frame_of(
        (
            dict(zip(CURVE, key, strict=True)) | _spread(part)
            for key, part in drawn.groupby(CURVE, sort=False)
        ),
        "seeds",
    )


def _spread(part: pd.DataFrame) -> dict:
    """Return the standard deviation of the accuracy of one run on these problems, with its interval."""
    of_problem = part.groupby("problem_id")["correct"]
    counts, variances = of_problem.size(), of_problem.var(ddof=1).dropna().to_numpy(float)
    row = {"problems": len(counts), "samples": int(counts.max())}
    if len(variances) < 2:
        return row | {"estimable": False, "reason": ONE}
    centre, number = variances.mean(), len(variances)
    reach = stats.t.ppf((1 + LEVEL) / 2, number - 1) * variances.std(ddof=1) / np.sqrt(number)
    if not variances.any():
        # Two samples differ with twice the chance of their variance, more of them with no smaller one.
        reach = float(clopper_pearson(0, number)[1]) / 2
    limits = (centre, centre - reach, centre + reach)
    spread, low, high = (float(np.sqrt(max(value, 0.0) / len(counts))) for value in limits)
    return row | {"spread": spread, "low": low, "high": high, "interval": WITHIN, "estimable": True}
