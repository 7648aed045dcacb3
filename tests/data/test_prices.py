"""Prices of tokens: which offers decide, the shipped table, and what cannot be read."""

import numpy as np
import pandas as pd
import pytest

from frontiers.core.cli import UserError
from frontiers.data import prices
from support.paths import ROOT

TABLE = ROOT / "data" / "prices" / "offers.csv"
NAMES = [
    "model",
    "provider",
    "listed_as",
    "usd_per_million_input",
    "usd_per_million_output",
    "date",
    "source",
]


def written(tmp_path, *rows, **changed):
    """Write offers from (model, provider, input, output, date); return the path."""
    table = pd.DataFrame(
        [(m, p, f"{p}/{m}", i, o, day, "a list") for m, p, i, o, day in rows], columns=NAMES
    ).assign(**changed)
    path = tmp_path / "offers.csv"
    table.to_csv(path, index=False)
    return path


def test_a_price_is_the_median_of_the_newest_offers(tmp_path):
    path = written(
        tmp_path,
        ("a", "x", 9.0, 9.0, "2025-01-01"),
        ("a", "x", 1.0, 8.0, "2026-01-01"),
        ("a", "y", 3.0, 2.0, "2026-01-01"),
        ("a", "z", 2.0, 6.0, "2026-01-01"),
        ("b", "x", 0.5, 0.7, "2024-01-01"),
    )
    found = prices.read(path)
    assert found == {"a": pytest.approx((2e-6, 6e-6)), "b": pytest.approx((0.5e-6, 0.7e-6))}
    assert found["a"].of(np.array([1e6, 0]), np.array([0, 1e6])) == pytest.approx([2.0, 6.0])


def test_the_shipped_offers_have_one_row_per_model_and_provider_and_positive_prices():
    table = pd.read_csv(TABLE)
    assert not table.duplicated(["model", "provider", "date"]).any()
    assert (table[["usd_per_million_input", "usd_per_million_output"]] > 0).all(axis=None)
    # No medians are swayed by a slip of a decimal: input costs no more than output.
    for price in prices.read(TABLE).values():
        assert 0 < price.input <= price.output < 1e-5


@pytest.mark.parametrize(
    ("row", "changed", "message"),
    [
        (("a", "x", -1.0, 1.0, "2026-01-01"), {}, "usd_per_million_input"),
        (("a", "x", 1.0, None, "2026-01-01"), {}, "usd_per_million_output"),
        (("a", "x", 1.0, 1.0, "01.02.2026"), {}, "line 2: `date` = 01.02.2026 is not a date YYYY-MM-DD"),
        (("a", "x", 1.0, 1.0, "2026-01-01"), {"currency": "EUR"}, "currency"),
    ],
)
def test_a_faulty_offer_is_one_message(tmp_path, row, changed, message):
    with pytest.raises(UserError, match=r"offers\.csv") as error:
        prices.read(written(tmp_path, row, **changed))
    assert message in str(error.value)


def test_a_table_that_is_not_there_is_one_message(tmp_path):
    with pytest.raises(UserError, match=r"none\.csv: cannot be read"):
        prices.read(tmp_path / "none.csv")
