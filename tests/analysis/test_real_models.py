"""How fast real models got cheaper; `--write-docs` makes docs/evidence/real_models.md."""

import pandas as pd
import pytest
import yaml

import summarise_recorded
from frontiers.analysis import recorded_points as recorded
from frontiers.config import study as configuration
from frontiers.data import prices
from frontiers.data.hardware import FOLDER
from support.pages import real_models
from support.paths import ROOT, SHARED

PAGE = ROOT / "docs" / "evidence" / "real_models.md"
RAW = SHARED / "data" / "recorded" / "regression_comparison_table_raw.csv"


def test_the_page_is_current(request):
    config = yaml.safe_load((ROOT / "config.yaml").read_text())
    study = config["studies"]["recorded"]
    runs = recorded.check_runs(pd.read_csv(ROOT / study["runs"]), study["runs"])
    known = pd.read_parquet(ROOT / study["answers"])
    device = FOLDER / f"{study['analysis']['device']}.yaml"
    counter = summarise_recorded.Counter(ROOT / "data" / "architectures", device)
    settings = {name: study["analysis"][name] for name in ("draws", "seed")}
    _, points = summarise_recorded.tables(
        runs,
        known,
        counter,
        study["caps"],
        list(study["labels"]),
        settings,
        configuration.facts(config, study),
        prices.read(ROOT / study["prices"]),
    )
    page = real_models.page(points, **settings)
    if request.config.getoption("--write-docs"):
        PAGE.write_text(page, encoding="utf-8")
    assert PAGE.read_text(encoding="utf-8") == page, "make docs"


@pytest.mark.skipif(not RAW.exists(), reason="needs the tables of Gundlach et al. in shared/")
def test_the_figures_of_others_are_those_of_their_tables():
    read = {}
    for path, shift in ((RAW, 0), (RAW.with_name("regression_comparison_table_hw_adjusted.csv"), 1)):
        table = pd.read_csv(path)
        table["Benchmark"] = table["Benchmark"].ffill()
        for row in table.itertuples(index=False):
            read[row[0], row[1], shift] = (row[2], *map(float, row[3].strip("[]").split(",")), row[4])
    names = {
        "open, frontier": ("Pareto Restricted Open License", 0),
        "the same, hardware prices divided out": ("Pareto Restricted Open License", 1),
        "open, all": ("Open License (no restriction)", 0),
    }
    for benchmark, what, *numbers in real_models.GUNDLACH:
        assert read[benchmark, *names[what]] == pytest.approx(tuple(numbers))
