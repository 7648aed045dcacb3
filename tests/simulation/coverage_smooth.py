"""Coverage of gains per doubling and saturation caps where accuracy rises smoothly, and how often a break is invented."""

import numpy as np
from coverage_saturation import LIKENESS, SIZES, X, answers, curve, drawn, saturated_from
from tally import Tally

from frontiers.analysis.saturation import table as saturation
from frontiers.analysis.saturation.cap_tests import saturation_caps
from frontiers.analysis.saturation.gains import gain_rows

TITLE = "Smooth rises"
NOTE = (
    "Nine caps from 10^7 to 10^8.6 FLOPs, answers alike as those cut from one trace, and no break: a logistic curve of "
    "log compute from 5 % to 90 %, a power law of compute that ends at 1.2 points for the next doubling, and "
    "a Michaelis-Menten curve. `gain per doubling` takes the intervals of the table `gains` at all its steps. With 30 "
    "problems the exact limits of paired differences, of which the wider counts, hold the truth too often. `saturation "
    "cap`: a cap is saturated when no larger one gains 1 point per doubling of compute (1 point in total under a "
    "doubling); `held` means that the statement is not false, one-sided at 95 %, which a test may exceed. `no break`: "
    "one run in 25 chooses the form of the curve; `held` counts those that get a form without breaks. Before smooth "
    "forms were among the rivals, logistic truths got two breaks in 60 of 60. With 30 problems a straight line is mostly "
    "chosen. Tests and choices have no width."
)
WORLDS = {
    "logistic": lambda x: 0.05 + 0.85 / (1 + np.exp(-7 * (x - 7.5))),
    "power law": lambda x: 0.9 - 0.8 * 10 ** (-0.95 * (x - 7)),
    "Michaelis-Menten": lambda x: 0.9 * 10**x / (10**x + 10**7.5),
}
"""Accuracy over log10 of the FLOPs."""
EVERY = 25
"""Runs for each that chooses a form."""


def simulate(runs: int, seed: int, sizes: tuple[int, ...] = SIZES) -> Tally:
    rng, tally = np.random.default_rng(seed), Tally()
    for run in range(runs):
        for problems in sizes:
            counts = drawn(rng, problems)
            for setting, accuracy in WORLDS.items():
                mine = curve(answers(rng, accuracy(X), problems, LIKENESS["alike"]), counts)
                for row in gain_rows([mine]):
                    ends = np.log10([row["from_flops"], row["to_flops"]])
                    gain = float(np.diff(accuracy(ends))[0]) / row["doublings"]
                    key = ("gain per doubling", setting, problems, "table gains")
                    tally.add(key, row["low"], row["high"], gain)
                truth, found = saturated_from(accuracy(X)), saturation_caps(mine)
                wrong = {
                    "shown to be saturated": found["saturation_cap"] < truth,
                    "shown to lie above": found["saturation_above"] >= truth,
                }
                for method, false in wrong.items():
                    tally.add(("saturation cap", setting, problems, method), 0, 0, float(false))
                if run % EVERY == 0:
                    broken = "break" in saturation.choose(mine).row["form"]
                    tally.add(("no break", setting, problems, "form chosen"), 0, 0, float(broken))
    return tally
