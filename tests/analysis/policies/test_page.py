"""What docs/method/policies.md says of the pocket study, from the table `policies` as the study made it."""

import re

import pandas as pd

from support.paths import ROOT

PAGE = ROOT / "docs/method/policies.md"
TABLE = ROOT / "tests/support/pages/pocket_policies.csv"
"""The table `policies` of the study `pocket`, with its settings."""


def summary(table: pd.DataFrame) -> str:
    """Return how each policy does against the best fixed caps, as a Markdown table."""
    lines = [
        "| policy | compared | mean difference, points | shown, Holm 5 % | largest difference, points (95 %) |",
        "|---|---|---|---|---|",
    ]
    for policy, part in table.groupby("policy", sort=False):
        shown = part[part["p_holm"] < 0.05]
        better, worse = (shown["difference"] > 0).sum(), (shown["difference"] < 0).sum()
        best = part.loc[part["difference"].idxmax()]
        ends = f"{100 * best['difference']:+.1f} ({100 * best['low']:+.1f} to {100 * best['high']:+.1f})"
        mean = f"{100 * part['difference'].mean():+.1f}"
        lines.append(f"| `{policy}` | {len(part)} | {mean} | {better} better, {worse} worse | {ends} |")
    return "\n".join(lines) + "\n"


def test_the_page_has_the_numbers_of_the_study(request):
    table, text = pd.read_csv(TABLE), PAGE.read_text(encoding="utf-8")
    page = re.sub(
        r"\| policy \| compared .*?\n\n", lambda _: summary(table) + "\n", text, count=1, flags=re.S
    )
    if request.config.getoption("--write-docs"):
        PAGE.write_text(page, encoding="utf-8")
    assert PAGE.read_text(encoding="utf-8") == page, "make docs"
    gains = table[(table["p_holm"] < 0.05) & (table["difference"] > 0)]
    assert f"{len(table)} policies, models and benchmarks" in page and len(gains) == 1
    gain = gains.iloc[0]
    assert (gain["policy"], gain["model"], gain["benchmark"]) == ("learned", "pocket-checks", "long-chains")
    told = f"{100 * gain['accuracy']:.1f} % against {100 * gain['fixed_accuracy']:.1f} % at {gain['flops']:.2e} FLOP"
    assert told in page
