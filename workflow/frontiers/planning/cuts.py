"""What a smaller study would save and cost: fewer samples per problem, fewer problems, and the interval that is left.

An accuracy over `problems` with `samples` each varies by p (1 - p) / problems · (1 - WITHIN + WITHIN / samples): a share of
the variance lies between problems, which no further sample reduces. Intervals are for p = 0.5, the widest.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass

WITHIN = 0.39
"""Share of the variance of a verdict that lies within a problem: the median over the 19 runs of data/recorded with several
samples per question and an accuracy between 10 and 90 % (the mean is 0.37 on OTIS Mock AIME, 0.43 on GPQA)."""

NORMAL = 1.96
MOST = 64
"""Most samples per problem that are proposed."""


@dataclass(frozen=True)
class Size:
    """Problems of a benchmark and samples per problem."""

    problems: int
    samples: int

    @property
    def half_width(self) -> float:
        """Half of the 95 % interval of an accuracy, 0 to 1."""
        return NORMAL * math.sqrt(0.25 / self.problems * (1 - WITHIN + WITHIN / self.samples))

    @property
    def traces(self) -> int:
        """Traces to decode, which the cost is taken to be proportional to."""
        return self.problems * self.samples


def cheapest(problems: int, wanted: float) -> Size | None:
    """Return the size with the fewest traces whose interval is at most ± `wanted`; None if no size of it is.

    Traces grow with (1 - WITHIN) · samples + WITHIN for the same interval, so samples come once problems run out.
    """
    for samples in range(1, MOST + 1):
        whole = Size(problems, samples)
        if whole.half_width <= wanted:
            return Size(max(math.ceil(problems * (whole.half_width / wanted) ** 2 - 1e-9), 1), samples)
    return None


def table(sizes: Mapping[str, Size], hours: Mapping[str, float | None], wanted: float | None) -> str:
    """Return, as text, what each benchmark takes, what halving samples or problems saves, and the cheapest size.

    `hours` are the likely device hours of each benchmark.
    """
    lines = [
        "What a cut saves (likely device hours; ± is half of the 95 % interval of one model's accuracy):"
    ]
    total = 0.0
    for name, size in sizes.items():
        known = hours[name]
        lines.append(f"  {name}: {_told(size, size, known)}")
        cut = [Size(size.problems, size.samples // 2)] if size.samples > 1 else []
        cut += [Size(size.problems // 2, size.samples)] if size.problems > 100 else []
        lines += [f"    {_told(other, size, known)}" for other in cut]
        if wanted is not None:
            best = cheapest(size.problems, wanted)
            if best:
                total += _hours(best, size, known)
                lines.append(f"    cheapest for ±{100 * wanted:.3g} points: {_told(best, size, known)}")
            else:
                total += _hours(size, size, known)
                limit = Size(size.problems, MOST).half_width
                lines.append(
                    f"    ±{100 * wanted:.3g} points cannot be reached with {size.problems} problems: at best "
                    f"±{100 * limit:.3g}; kept as it is"
                )
    if wanted is not None:
        planned = sum(_hours(size, size, hours[name]) for name, size in sizes.items())
        lines.append(
            f"  Cheapest study for ±{100 * wanted:.3g} points: {total:.3g} of {planned:.3g} device hours"
        )
    return "\n".join(lines)


def _hours(size: Size, planned: Size, hours: float | None) -> float:
    return math.nan if hours is None else hours * size.traces / planned.traces


def _told(size: Size, planned: Size, hours: float | None) -> str:
    text = f"{size.problems} problems × {size.samples}, ±{100 * size.half_width:.3g} points"
    if hours is None:
        return f"{text}, hours not known"
    saved = hours - _hours(size, planned, hours)
    text = f"{text}, {_hours(size, planned, hours):.3g} h"
    return text if size == planned else f"{text}, {'saves' if saved >= 0 else 'adds'} {abs(saved):.3g} h"
