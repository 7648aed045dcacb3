"""The jobs that a change of the small study is expected to start."""

from support.small_study import BENCHMARKS

AGGREGATES = (
    "summarise_points", "describe_points", "extract_frontier", "fit_trend", "fit_saturation",
    "compare_architectures", "compare_outcomes", "compare_points", "plot_frontier", "plot_caps", "plot_trend",
    "plot_outcomes", "plot_components", "build_explorer", "check_results", "report",
)  # fmt: skip


ALL = dict.fromkeys(AGGREGATES, 1)


def tables(models: int, benchmarks: int = len(BENCHMARKS)) -> dict[str, int]:
    """Return the jobs that make and grade the tables of so many models on so many benchmarks."""
    return {"generate": models} | dict.fromkeys(("collect", "grade", "count_compute"), models * benchmarks)
