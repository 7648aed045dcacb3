"""Coverage of gains per doubling and saturation caps where accuracy rises smoothly, and how often a break is invented.

Run by `test_coverage_fits`; the page of coverage has no section of it.
"""

import numpy as np
from coverage_saturation import LIKENESS, SIZES, X, answers, curve, drawn, saturated_from
from tally import Tally

from frontiers.analysis.saturation import table as saturation
from frontiers.analysis.saturation.cap_tests import saturation_caps
from frontiers.analysis.saturation.gains import gain_rows

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
