"""The numbers of findings, traced to the tables they come from."""

import json
import re
from pathlib import Path

import pandas as pd
import pytest


def check_cells(folder: Path) -> int:
    """Find every cell that the findings of a study name in its tables, and every number told among them.

    Returns how many cells there are.
    """
    found = json.loads((folder / "findings.json").read_text())["findings"]
    page = (folder / "findings.md").read_text()
    labels = sorted(set(pd.read_parquet(folder / "points.parquet")["label"]), key=len, reverse=True)
    for each in found:
        assert f"**{each['question']}** {each['answer']}" in page
        for cell in each["cells"]:
            table = pd.read_parquet(folder / f"{cell['table']}.parquet")
            for column, value in cell["row"].items():
                table = table[table[column].isna() if value is None else table[column] == value]
            assert len(table) == 1, cell
            there = table[cell["column"]].iloc[0]
            assert pd.isna(there) if cell["value"] is None else there == pytest.approx(cell["value"])
        told = [cell["value"] for cell in each["cells"] if cell["value"] is not None]
        text = re.sub("|".join(map(re.escape, labels)), "", each["answer"])
        for number in re.findall(r"\d+\.\d+", text):
            digits = len(number.split(".")[1])
            forms = {f"{abs(value) * scale:.{digits}f}" for value in told for scale in (1, 100)}
            assert number in forms | {f"{value:.1e}".split("e")[0] for value in told}, (
                number,
                each["answer"],
            )
    return sum(len(each["cells"]) for each in found)
