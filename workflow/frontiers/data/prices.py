"""What providers ask for tokens: offers with a date, and the price of a model that follows from them."""

from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from frontiers.core.cli import UserError
from frontiers.core.tables import check_table

MILLION = 1e6


class Price(NamedTuple):
    """US dollars per token of input and of output."""

    input: float
    output: float

    def of(self, prompt: np.ndarray, output: np.ndarray) -> np.ndarray:
        """Return the dollars of answers of so many tokens; arguments broadcast."""
        return self.input * prompt + self.output * output


def read(path: str | Path) -> dict[str, Price]:
    """Return the price of every model in a table of offers: the medians over the offers of its newest date.

    Raises `UserError` if the table cannot be read or does not match the schema `prices`.
    """
    try:
        table = pd.read_csv(path)
    except (OSError, ValueError) as error:
        raise UserError(f"{path}: cannot be read as a CSV of offers ({error})") from error
    check_table(table, "prices", str(path))
    odd = pd.to_datetime(table["date"], format="%Y-%m-%d", errors="coerce").isna()
    if odd.any():
        row = int(np.argmax(odd))
        raise UserError(
            f"{path}, line {row + 2}: `date` = {table['date'].iloc[row]} is not a date YYYY-MM-DD"
        )
    newest = table[table["date"] == table.groupby("model")["date"].transform("max")]
    medians = newest.groupby("model")[["usd_per_million_input", "usd_per_million_output"]].median() / MILLION
    return {model: Price(*values) for model, *values in medians.itertuples(name=None)}
