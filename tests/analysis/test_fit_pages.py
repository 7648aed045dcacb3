"""Trend and saturation against others' figures; `--write-docs` makes trend.md and saturation.md."""

import json

import numpy as np
import pandas as pd
import pytest
import yaml

import summarise_published
from frontiers.analysis.published_points import check_published, left_out
from frontiers.config import study as configuration
from frontiers.core.tables import read_table
from support.pages import fit_pages, segmented
from support.paths import ROOT

RECORD = json.loads(segmented.RECORD.read_text(encoding="utf-8"))


def current(request, name: str, page: str) -> None:
    path = ROOT / "docs/evidence" / name
    if request.config.getoption("--write-docs"):
        path.write_text(page, encoding="utf-8")
    assert path.read_text(encoding="utf-8") == page, "make docs"


def test_the_page_of_trends_is_current(request, tmp_path):
    config = yaml.safe_load((ROOT / "config.yaml").read_text())
    study = config["studies"]["published"]
    assert study["analysis"] == {"draws": fit_pages.DRAWS, "seed": fit_pages.SEED}
    facts = configuration.facts(config, study)
    given = [
        "--facts",
        json.dumps(facts),
        "--table",
        str(ROOT / study["table"]),
        "--architectures",
        str(ROOT / "data/architectures"),
    ]
    written = ["--points", str(tmp_path / "points.parquet")]
    summarise_published.main([*given, "--benchmarks", *study["labels"], *written])
    points = read_table(tmp_path / "points.parquet", "points")
    left = left_out(check_published(pd.read_csv(ROOT / study["table"]), study["table"]), study["labels"])
    current(request, "trend.md", fit_pages.trend_page(points, left))


def test_the_page_of_breaks_is_current(request):
    current(request, "saturation.md", fit_pages.saturation_page())


@pytest.mark.parametrize("kept", RECORD["curves"], ids=lambda kept: kept["name"])
def test_breaks_are_those_of_r(kept):
    """At the likelihood's optimum weighted least squares has its own; our breaks lie on a grid of 200."""
    at, chance = segmented.ours(segmented.as_curve(kept))
    step = (kept["x"][-2] - kept["x"][1]) / 199
    assert at == pytest.approx(kept["segmented"]["weighted_break"], abs=step)
    if kept["segmented"]["binomial_break"] is not None:
        reached = segmented.log_likelihood(kept, chance)
        assert reached == pytest.approx(kept["segmented"]["binomial_log_likelihood"], abs=0.01)
    assert fit_pages.piecewise(kept)[0] == pytest.approx(kept["segmented"]["break"], abs=1e-3)


@pytest.mark.skipif(not segmented.have_r(), reason="needs R with the package segmented")
def test_r_says_what_is_recorded():
    found = segmented.ask_r(RECORD["curves"]).set_index("curve")
    for kept in RECORD["curves"]:
        for name, value in kept["segmented"].items():
            again = found.loc[kept["name"], name]
            assert np.isnan(again) if value is None else again == pytest.approx(value, rel=1e-4), (
                kept["name"],
                name,
            )
