import numpy as np
import pytest

from frontiers.analysis.outcomes import early_stopping
from support.synthetic_answers import make_answers

CAPS = (0, 8, 16, None)
FLOPS = [1e7, 2e7, 3e7, 6e7]


def test_early_stopping_is_judged_on_other_problems(monkeypatch):
    """Right at a small cap on one half only: chosen there, the cap loses on the other half."""
    answers = make_answers({"m": [0.0, 0.0, 1.0, 1.0]}, FLOPS, CAPS, problems=20)
    frame = answers.assign(order=answers.cap.astype("Float64").fillna(np.inf).astype(float))
    frame["problem"] = frame.problem_id.str[1:].astype(int)
    half = np.arange(20) < 10
    frame.loc[(frame.cap == 8).fillna(False) & (frame.problem < 10), "correct"] = True
    monkeypatch.setattr(early_stopping, "halvings", lambda problems, rng: np.stack([half, ~half]))
    found = early_stopping.stopping(frame, 20, np.random.default_rng(0))
    assert found.caps == {8.0: 0.5, 16.0: 0.5}
    assert found.stopped.mean() == 0.5 and found.full.mean() == 1
    assert found.stopped_cost.mean() == pytest.approx(2.5e7)
    assert early_stopping.caps_in_words(found.caps) == "caps chosen on the halves: 8 (50%), 16 (50%)"
    low, high = found.loss_limits()
    assert low < 0.5 < high and found.saved == pytest.approx(1 - 2.5 / 6)


def test_the_rule_takes_the_smallest_good_cap():
    accuracy = np.array([[0.5, 0.1, 0.9], [0.595, 0.2, 0.2], [0.6, 0.15, 0.1]])
    assert early_stopping.smallest_good_cap(accuracy).tolist() == [1, 1, 0]
