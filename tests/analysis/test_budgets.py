"""Cut and forced budgets of public and pocket models: the table's source, and the figures in docs/method/recorded.md."""

import re
import subprocess
import sys

import pandas as pd
import pytest

from frontiers.core.tables import table_schema
from support.paths import ROOT, SHARED

DATA = ROOT / "data" / "recorded"
PAGE = ROOT / "docs" / "method" / "recorded.md"
POCKET = ROOT / "tests" / "support" / "pages" / "pocket_cut.csv"
"""The table `cut` of the study `pocket`, with its settings."""
SHOWN = {"short-chains": (16, 24, 32, 48), "middle-chains": (24, 48, 64, 96), "long-chains": (48, 64, 96)}


@pytest.fixture(scope="module")
def budgets():
    return pd.read_csv(DATA / "budgets.csv")


@pytest.mark.skipif(
    not (SHARED / "data" / "recorded").exists(), reason="needs the source's tables in shared/"
)
def test_prepare_makes_this_table_from_the_source(tmp_path):
    (tmp_path / "prepare.py").write_bytes((DATA / "prepare_budgets.py").read_bytes())
    subprocess.run([sys.executable, tmp_path / "prepare.py", SHARED / "data" / "recorded"], check=True)
    assert (tmp_path / "budgets.csv").read_text() == (DATA / "budgets.csv").read_text()


def test_cutting_after_the_fact_is_what_cutting_gives(budgets):
    known = budgets.dropna(subset="from_larger")
    same = known["ended_right"] == known["from_larger"]
    assert set(known.loc[~same, "model"]) == {"Qwen3.5-27B"} and (~same).sum() == 1
    assert f"It does so in {same.sum()} of {len(known)} comparisons" in PAGE.read_text(encoding="utf-8")
    assert (known["accuracy"] >= known["ended_right"]).all()


def test_cut_and_forced_are_never_of_one_model(budgets):
    forced, cut = (set(budgets.loc[budgets["estimand"] == kind, "model"]) for kind in ("forced", "cut"))
    assert forced == {"Qwen3-4B"} and not forced & cut


def test_the_page_shows_both(budgets, request):
    text = PAGE.read_text(encoding="utf-8")
    page = filled(filled(text, "identity", identity(budgets)), "pocket", pocket())
    if request.config.getoption("--write-docs"):
        PAGE.write_text(page, encoding="utf-8")
    assert PAGE.read_text(encoding="utf-8") == page, "make docs"
    at = budgets[(budgets["benchmark"] == "GSM8K") & (budgets["budget"] == 512) & budgets["thinking"]]
    at = at.set_index("model")
    cut, forced = at.loc["Qwen3-8B"], at.loc["Qwen3-4B"]
    told = (
        f"Qwen3-8B, cut, is right on {cut['ended_right']:.1%} of GSM8K ({cut['accuracy']:.1%} as its source reads it), "
        f"and Qwen3-4B, forced, on {forced['accuracy']:.1%}"
    )
    assert told.replace("%", " %") in page


def filled(text: str, name: str, table: str) -> str:
    """Return the page with the table that follows the comment `name`."""
    pattern = rf"(<!-- {name} -->\n\n)(\|.*?\n\n)?"
    assert re.search(pattern, text)
    return re.sub(pattern, lambda found: found[1] + table + "\n", text, count=1, flags=re.S)


def identity(budgets: pd.DataFrame) -> str:
    """Return budgets of Qwen3-8B with thinking on GSM8K as a Markdown table."""
    mine = budgets[(budgets["model"] == "Qwen3-8B") & (budgets["benchmark"] == "GSM8K") & budgets["thinking"]]
    lines = [
        "| Qwen3-8B, GSM8K, tokens | ended and right, run cut here | from the run cut at 2,048 | stated by the source |"
    ]
    lines.append("|---|---|---|---|")
    for row in mine.dropna(subset="from_larger").itertuples():
        numbers = (row.ended_right, row.from_larger, row.accuracy)
        lines.append(f"| {row.budget:,} | " + " | ".join(f"{100 * value:.1f} %" for value in numbers) + " |")
    return "\n".join(lines) + "\n"


def pocket() -> str:
    """Return cut and forced accuracies of the large pocket model as a Markdown table."""
    table = pd.read_csv(POCKET)
    assert list(table) == list(table_schema("cut")["properties"])
    table = table[table["model"] == "pocket-large"].set_index(["benchmark", "cap"])
    lines = [
        "| benchmark | cap | cut | forced | forced less cut | tokens cut | tokens forced |",
        "|---|---|---|---|---|---|---|",
    ]
    for benchmark, caps in SHOWN.items():
        for cap in caps:
            row = table.loc[(benchmark, cap)]
            apart = [100 * row[name] for name in ("difference", "difference_low", "difference_high")]
            lines.append(
                f"| {benchmark} | {cap} | {100 * row['accuracy']:.1f} % | {100 * row['forced_accuracy']:.1f} % | "
                f"{apart[0]:.1f} points ({apart[1]:.1f} to {apart[2]:.1f}) | {row['tokens']:.1f} | "
                f"{row['forced_tokens']:.1f} |"
            )
    return "\n".join(lines) + "\n"
