"""The jobs that a change of the small study is expected to start."""

from frontiers.analysis.registry import ANALYSES, FIGURES, applies
from support.small_study import BENCHMARKS

NOT_OF_POINTS = ("context", "strategies", "sensitivity", "half_years")
"""Figures that a change of the small study's points does not redraw: of cards, strategies and studies of others."""
AGGREGATES = (
    "summarise_points",
    "describe_points",
    *(analysis.rule for analysis in ANALYSES if applies(analysis, "measured")),
    *(f"plot_{figure.name}" for figure in FIGURES if figure.name not in NOT_OF_POINTS),
    "build_explorer",
    "show_answers",
    "write_findings",
    "check_results",
    "report",
    "write_index",
)


ALL = dict.fromkeys(AGGREGATES, 1)


def tables(models: int, benchmarks: int = len(BENCHMARKS)) -> dict[str, int]:
    """Return the jobs that make and grade the tables of so many models on so many benchmarks."""
    return {"generate": models} | dict.fromkeys(("collect", "grade", "count_compute"), models * benchmarks)
