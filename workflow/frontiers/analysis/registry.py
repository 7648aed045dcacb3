"""What a study is analysed for: one entry per analysis and one per figure, read by rules, checks, report and docs.

An analysis is a rule with a script of its own name that reads points (and answers, where they were measured) and
writes tables. A figure is drawn by `frontiers.report.figures.<name>` from tables and has the caption
`workflow/report/<name>.rst`. To add one, see CONTRIBUTING.md.
"""

from dataclasses import dataclass, field

ANSWERED, MEASURED, PUBLISHED, STRATEGIES, ALL = "answered", "measured", "published", "strategies", "all"
"""Studies that something applies to: with answers, with generations, of published figures, with several strategies, all."""
OTHERS = "others"
"""Studies of others' models: of published figures and of recorded runs."""


@dataclass(frozen=True)
class Table:
    """A table `<name>.parquet` with the schema of its name.

    `csv` is its title in the report, where a CSV file with the caption `<name>.rst` is shown. A row that is called
    estimable holds all columns in `estimates`; `limits` are triples of an estimate and its two limits.
    """

    name: str
    csv: str | None = None
    estimates: tuple[str, ...] = ()
    limits: tuple[tuple[str, str, str], ...] = ()
    checked: bool = True


@dataclass(frozen=True)
class Analysis:
    """A rule and script `rule` that writes `tables`, and `files` by option.

    `points` is the table that it reads: "measures", or "points" where it needs labels and release dates. `grades` says
    whether it also reads the grades, which hold the texts of answers.
    """

    rule: str
    tables: tuple[Table, ...]
    points: str = "measures"
    answers: bool = True
    grades: bool = False
    studies: str = ALL
    files: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Figure:
    """A figure `figures/<name>.svg` of `tables`, with the labels of what it `names`, called `title` in the report.

    The tables `measures` and `models` (the models' cards) are those of the study.
    """

    name: str
    title: str
    tables: tuple[str, ...]
    studies: str = ALL
    names: tuple[str, ...] = ("models", "benchmarks")


ESTIMATE = (("estimate", "low", "high"),)

ANALYSES = (
    Analysis(
        "extract_frontier",
        (
            Table(
                "frontier",
                csv="Points on the frontier",
                limits=(
                    ("accuracy", "accuracy_low", "accuracy_high"),
                    ("shortfall", "shortfall_low", "shortfall_high"),
                ),
            ),
        ),
        files={"summary": "frontier.json"},
    ),
    Analysis(
        "fit_trend",
        (Table("trend", csv="Trend with release date", estimates=("slope_per_year",)),),
        points="points",
        answers=False,
    ),
    Analysis(
        "measure_abilities",
        (
            Table("abilities", csv="Abilities", estimates=("ability",), limits=(("ability", "low", "high"),)),
            Table("ability_trend", csv="Trend of ability", estimates=("estimate",), limits=ESTIMATE),
        ),
        points="points",
        answers=False,
    ),
    Analysis(
        "fit_saturation",
        (
            Table("saturation", csv="Saturation"),
            Table("saturation_pooled", csv="Saturation, models together", checked=False),
            Table("gains", csv="Gain per doubling of compute", limits=(("gain", "low", "high"),)),
        ),
    ),
    Analysis(
        "compare_architectures",
        (
            Table("architectures", csv="Experts against dense", estimates=("estimate",), limits=ESTIMATE),
            Table(
                "size_pairs",
                csv="Models of equal size",
                limits=(("difference", "low", "high"), ("matched_ratio", "matched_low", "matched_high")),
                checked=False,
            ),
        ),
        points="points",
    ),
    Analysis(
        "measure_sensitivity",
        (Table("sensitivity", csv="Sensitivity", estimates=("estimate",), limits=ESTIMATE),),
        points="points",
        answers=False,
    ),
    Analysis(
        "compare_outcomes",
        (
            Table(
                "outcomes", csv="Failed against successful answers", estimates=("estimate",), limits=ESTIMATE
            ),
        ),
    ),
    Analysis(
        "compare_points",
        (
            Table(
                "differences",
                csv="Differences between points",
                limits=(("difference", "low", "high"), ("flops_ratio", "flops_low", "flops_high")),
            ),
        ),
        studies=ANSWERED,
    ),
    Analysis(
        "cut_uncapped",
        (
            Table(
                "cut",
                csv="Cut without decoding",
                limits=(
                    ("accuracy", "accuracy_low", "accuracy_high"),
                    ("difference", "difference_low", "difference_high"),
                ),
                checked=False,
            ),
        ),
        studies=MEASURED,
    ),
    Analysis(
        "judge_policies",
        (
            Table(
                "policies",
                csv="Policies",
                limits=(
                    ("accuracy", "accuracy_low", "accuracy_high"),
                    ("flops", "flops_low", "flops_high"),
                    ("difference", "low", "high"),
                ),
                checked=False,
            ),
        ),
        grades=True,
        studies=MEASURED,
    ),
    Analysis(
        "follow_frontier",
        (
            Table(
                "half_years",
                csv="Frontier by half-year",
                limits=(("accuracy", "accuracy_low", "accuracy_high"),),
                checked=False,
            ),
            Table("cohorts", csv="Trends of groups of models", estimates=("slope_per_year",), checked=False),
        ),
        points="points",
        answers=False,
        studies=OTHERS,
    ),
    Analysis(
        "compare_difficulty",
        (
            Table(
                "difficulty",
                csv="Accuracy by difficulty",
                limits=(("accuracy", "accuracy_low", "accuracy_high"),),
            ),
            Table(
                "difficulty_gains",
                csv="Gain by difficulty",
                estimates=("difference",),
                limits=(
                    ("difference", "low", "high"),
                    ("gain_easy", "gain_easy_low", "gain_easy_high"),
                    ("gain_hard", "gain_hard_low", "gain_hard_high"),
                ),
            ),
        ),
        studies=ANSWERED,
    ),
    Analysis(
        "measure_seeds",
        (
            Table(
                "seeds",
                csv="Spread between seeds",
                estimates=("spread",),
                limits=(("spread", "low", "high"),),
            ),
        ),
        studies=ANSWERED,
    ),
)

FIGURES = (
    Figure("frontier", "Accuracy against compute", ("measures", "frontier")),
    Figure("caps", "Accuracy against reasoning cap", ("measures", "saturation"), ANSWERED),
    Figure("difficulty", "Accuracy by difficulty", ("difficulty",), ANSWERED),
    Figure("gains", "Gain per doubling of compute", ("gains",), ANSWERED),
    Figure("trend", "Accuracy per compute over time", ("points", "trend")),
    Figure("half_years", "Frontier by half-year", ("half_years",), OTHERS, ("benchmarks",)),
    Figure("sensitivity", "Sensitivity of the trend", ("sensitivity",), PUBLISHED, ("benchmarks",)),
    Figure("architectures", "Experts against dense", ("architectures", "size_pairs")),
    Figure("outcomes", "Failed against successful", ("outcomes",), ANSWERED),
    Figure("policies", "Policies on the frontier", ("measures", "policies"), MEASURED),
    Figure("components", "Compute by component", ("answers",), ANSWERED),
    Figure("context", "Compute by context", ("models",), MEASURED, ("models",)),
    Figure("strategies", "Strategies", ("points",), STRATEGIES, ("models", "benchmarks", "strategies")),
)


def tables() -> dict[str, Table]:
    """Return every table of every analysis by name, in their order."""
    return {table.name: table for analysis in ANALYSES for table in analysis.tables}


def applies(entry: Analysis | Figure, kind: str, several: bool = False) -> bool:
    """Return whether an analysis or figure is made of a study of this `kind`, with `several` strategies or not."""
    measured = kind in ("measured", "imported")
    applying = {ALL: True, ANSWERED: measured or kind == "recorded", MEASURED: measured, STRATEGIES: several}
    applying |= {PUBLISHED: kind == "published", OTHERS: not measured}
    return applying[entry.studies]
