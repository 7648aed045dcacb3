"""Numbers with units, currency and separators."""

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from frontiers.grading.equivalence import settle
from frontiers.grading.numerals import read_number


@pytest.mark.parametrize(
    "text", ["", "3x", "5 or 6", "two", "1/0", "1,2,3", "9" * 900, "1.2.3", "12 dozen", "2 3"]
)
def test_what_is_not_one_number(text):
    assert read_number(text) is None


@hypothesis_settings(max_examples=60, deadline=None)
@given(st.integers(-(10**9), 10**9))
def test_every_spelling_of_an_integer_is_equal(value):
    for text in (
        f"{value:,}",
        f"${value:,}$",
        f"{value}.0",
        f"{value} apples",
        f"x = {value}",
        f"\\${value}",
    ):
        assert settle(text, str(value), "number") is True
        assert settle(text, str(value + 1), "number") is False
