"""Coverage of paired differences, and how often their exact tests reject a true hypothesis."""

import numpy as np
from tally import Tally

from frontiers.statistics import paired

TITLE = "Paired differences"
NOTE = (
    "Two points answer the same problems. With one answer each, the setting gives the shares of problems "
    "that only the first and only the second gets right. With eight each, both answer at random given "
    "the problem, whose difficulty u is uniform on 0 to 1. For the tests, `held` counts true hypotheses "
    "not rejected at 5 %: exact tests reject at most 5 %, and fewer when few problems differ."
)
SIZES = (30, 500)
SHARES = {
    (0.25, 0.25): "25 % against 25 %",
    (0.3, 0.1): "30 % against 10 %",
    (0.15, 0.02): "15 % against 2 %",
}
CHANCES = {
    "8 samples, chances u and u²": (lambda u: u, lambda u: u**2, 1 / 6),
    "8 samples, chances 0.9 and 0.8": (lambda u: 0.9 + 0 * u, lambda u: 0.8 + 0 * u, 0.1),
    "8 samples, equal chances u": (lambda u: u, lambda u: u, 0.0),
}


def simulate(runs: int, seed: int, sizes: tuple[int, ...] = SIZES) -> Tally:
    rng, tally = np.random.default_rng(seed), Tally()
    for problems in sizes:
        for (better, worse), name in SHARES.items():
            found = rng.multinomial(problems, [better, worse, 1 - better - worse], runs)
            low, high = paired.score_limits(found[:, 0], found[:, 1], problems)
            tally.add(("difference", f"1 sample, {name}", problems, paired.SCORE), low, high, better - worse)
            if better == worse:
                p_value = paired.mcnemar(found[:, 0], found[:, 1])
                key = ("test", f"1 sample, {name}", problems, paired.MCNEMAR)
                tally.add(key, np.zeros(runs), p_value, 0.05)
        for name, (first, second, truth) in CHANCES.items():
            for _ in range(runs):
                u = rng.random(problems)
                a, b = (
                    (rng.random((problems, 8)) < chance(u)[:, None]).astype(float)
                    for chance in (first, second)
                )
                found = paired.compare(a, b)
                tally.add(("difference", name, problems, found.interval), found.low, found.high, truth)
                if truth == 0:
                    key = ("test", name, problems, found.test)
                    tally.add(key, 0.0, found.p_value, 0.05)
    return tally
