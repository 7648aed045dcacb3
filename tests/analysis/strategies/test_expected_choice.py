"""Expected accuracy over all subsets of samples, against going through them one by one."""

import math
from collections import Counter
from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from frontiers.analysis.strategies import expected_choice
from frontiers.analysis.strategies.expected_choice import RIGHT

CLASSES = st.lists(st.sampled_from([RIGHT, "a", "b", "c", None]), min_size=1, max_size=9)
SCORES = st.one_of(st.none(), st.sampled_from([0.0, 0.2, 0.5, 0.5, 0.9]))


@st.composite
def samples(draw):
    classes = draw(CLASSES)
    scores = draw(st.lists(SCORES, min_size=len(classes), max_size=len(classes)))
    return classes, scores, draw(st.integers(1, len(classes)))


def by_hand(number, n, value):
    subsets = list(combinations(range(number), n))
    return sum(value(chosen) for chosen in subsets) / len(subsets)


@given(samples())
def test_majority_is_the_mean_over_all_subsets(drawn):
    classes, _, n = drawn

    def value(chosen):
        votes = Counter(classes[i] for i in chosen if classes[i] is not None)
        top = [name for name, count in votes.items() if count == max(votes.values())]
        return (RIGHT in top) / len(top) if top else 0.0

    assert expected_choice.majority(classes, RIGHT, n) == pytest.approx(
        by_hand(len(classes), n, value), abs=1e-12
    )


@given(samples())
def test_best_is_the_mean_over_all_subsets(drawn):
    classes, scores, n = drawn
    correct = [float(name == RIGHT) for name in classes]

    def value(chosen):
        known = [-1.0 if scores[i] is None else scores[i] for i in chosen]
        top = [correct[i] for i, score in zip(chosen, known, strict=True) if score == max(known)]
        return sum(top) / len(top)

    # Ties share among those drawn; over all subsets that is the mean of all that tie.
    assert expected_choice.best(scores, correct, n) == pytest.approx(
        by_hand(len(classes), n, value), abs=1e-12
    )


@given(samples())
def test_weighted_is_the_mean_over_all_subsets(drawn):
    classes, scores, n = drawn

    def value(chosen):
        sums = {}
        for i in chosen:
            if classes[i] is not None:
                sums[classes[i]] = sums.get(classes[i], 0.0) + (scores[i] or 0.0)
        top = [name for name, total in sums.items() if total >= max(sums.values()) - 1e-9]
        return (RIGHT in top) / len(top) if top else 0.0

    found, error = expected_choice.weighted(classes, RIGHT, scores, n, 0)
    assert found == pytest.approx(by_hand(len(classes), n, value), abs=1e-12) and error == 0


@given(samples())
def test_drawn_subsets_come_near_the_exact_mean(drawn):
    classes, scores, n = drawn
    exact, _ = expected_choice.weighted(classes, RIGHT, scores, n, 0)
    if math.comb(len(classes), n) > 5:
        near, error = expected_choice.weighted(classes, RIGHT, scores, n, 1, most=5)
        assert 0 <= near <= 1 and error >= 0
        assert expected_choice.weighted(classes, RIGHT, scores, n, 1, most=5) == (near, error)
    assert 0 <= exact <= 1


def test_the_error_of_drawn_subsets_covers_the_exact_mean():
    classes = [RIGHT, "a", "a", "b", RIGHT, "c", None, "a"] * 2
    scores = [0.9, 0.3, 0.4, 0.8, 0.2, 0.6, 0.9, 0.1] * 2
    exact, _ = expected_choice.weighted(classes, RIGHT, scores, 5, 0)
    found = [expected_choice.weighted(classes, RIGHT, scores, 5, seed, most=1000) for seed in range(40)]
    inside = sum(abs(value - exact) < 2 * error for value, error in found)
    assert inside >= 34  # 38 are expected; fewer than 34 come once in a hundred times


@given(samples())
def test_one_sample_is_worth_the_mean(drawn):
    classes, scores, _ = drawn
    correct = [float(name == RIGHT) for name in classes]
    mean = sum(correct) / len(correct)
    assert expected_choice.majority(classes, RIGHT, 1) == pytest.approx(mean)
    assert expected_choice.best(scores, correct, 1) == pytest.approx(mean)
    assert expected_choice.weighted(classes, RIGHT, scores, 1, 0)[0] == pytest.approx(mean)


@given(st.lists(st.floats(0, 100), min_size=1, max_size=9), st.data())
def test_the_expected_maximum(values, data):
    n = data.draw(st.integers(1, len(values)))
    exact = by_hand(len(values), n, lambda chosen: max(values[i] for i in chosen))
    assert expected_choice.expected_maximum(values, n) == pytest.approx(exact)


def test_majority_of_many_samples_is_quick_and_right():
    # 64 samples in which nobody agrees but 20 that are right: any two of these win every vote of 16.
    classes = [RIGHT] * 20 + [f"w{i}" for i in range(44)]
    found = expected_choice.majority(classes, RIGHT, 16)
    none = math.comb(44, 16) / math.comb(64, 16)
    one = 20 * math.comb(44, 15) / math.comb(64, 16)
    assert found == pytest.approx(1 - none - one * 15 / 16)


def test_classes():
    assert expected_choice.classes_of([True, False, False, False], ["1/2", " 3 ", None, "3"]) == [
        RIGHT,
        "=3",
        None,
        "=3",
    ]


def test_too_many_samples_are_an_error():
    with pytest.raises(ValueError, match="an answer of 3"):
        expected_choice.majority([RIGHT, None], RIGHT, 3)
