"""A quick version of the simulations under `simulation/`; the counts in the docs come from many more runs."""

import importlib
import re
import sys

import pytest

from support.paths import ROOT, TESTS

SIMULATION = TESTS / "simulation"
PAGE = ROOT / "docs/evidence/coverage.md"
RUNS = {
    "intervals": 60,
    "samples": 60,
    "differences": 60,
    "frontier": 8,
    "architectures": 8,
    "outcomes": 8,
    "failing": 8,
    "ties": 8,
    "difficulty": 30,
    "abilities": 10,
    "developers": 40,
}
EXPECTED_LOW = ("for comparison", "sigma 1", "5 % of draws")


@pytest.fixture
def simulation(monkeypatch):
    monkeypatch.syspath_prepend(str(SIMULATION))
    yield importlib.import_module
    for name in [n for n, m in sys.modules.items() if str(SIMULATION) in str(getattr(m, "__file__", ""))]:
        del sys.modules[name]


@pytest.mark.parametrize("part", RUNS)
def test_intervals_cover_in_a_few_runs(part, simulation, monkeypatch):
    # The truth from fewer problems: its error is still far below the width of the intervals of 30.
    monkeypatch.setattr(simulation("worlds"), "BATCHES", 2)
    if part == "outcomes":
        monkeypatch.setattr(simulation("coverage_outcomes"), "LARGE", 4000)
    tally = simulation(f"coverage_{part}").simulate(RUNS[part], 3, (30,))
    assert tally.counts
    for key, count in tally.counts.items():
        assert 0 <= count.hits <= count.given <= count.asked
        if count.given and not any(word in " ".join(map(str, key)) for word in EXPECTED_LOW):
            # Three standard errors below 93 %, of the runs, as the rows of one run are not independent.
            runs = min(count.given, RUNS[part])
            assert count.hits / count.given >= 0.93 - 3 * (0.93 * 0.07 / runs) ** 0.5, key


def test_merged_counts_add_up(simulation):
    tally = simulation("tally").Tally()
    other = simulation("tally").Tally()
    tally.add(("a", "b", 30, "c"), [0, 0.6], [0.5, 0.7], 0.5)
    other.add(("a", "b", 30, "c"), float("nan"), 1.0, 0.5)
    tally.merge(other)
    (count,) = tally.counts.values()
    assert (count.hits, count.given, count.asked) == (1, 2, 3) and count.width == pytest.approx(0.6)


def test_a_row_outside_is_marked_and_so_is_what_chance_may_have_done(simulation):
    verdict = simulation("coverage").verdict
    assert [verdict(n, 1000, 1000) for n in (930, 929, 900, 970, 971, 990)] == [
        "", "**below** (?)", "**below**", "", "above (?)", "above",
    ]  # fmt: skip
    assert (verdict(0, 0, 200), verdict(920, 1000, 100)) == ("", "**below** (?)")


def test_the_page_is_whole_and_its_counts_hold(simulation):
    text, coverage = PAGE.read_text(), simulation("coverage")
    assert text.startswith(coverage.HEAD)
    found = coverage.sections(text)
    assert list(found) == coverage.parts()
    for part, section in found.items():
        module = simulation(f"coverage_{part}")
        assert section.startswith(f"## {module.TITLE}\n\n{module.NOTE}\n\n"), part
        runs = int(re.search(r"^([\d,]+) runs,", section, re.M).group(1).replace(",", ""))
        rows = re.findall(r"\| ([\d,]+) of ([\d,]+) \| ([\d,]+) \| ([\d.–]+) \| [^|]+\|(.*)\|", section)
        assert len(rows) == section.count("\n|") - 2
        for given, asked, held, share, sign in rows:
            given, asked, held = (int(n.replace(",", "")) for n in (given, asked, held))
            assert held <= given <= asked and sign.strip() == coverage.verdict(held, given, runs)
            assert not given or float(share) == pytest.approx(100 * held / given, abs=0.051)
