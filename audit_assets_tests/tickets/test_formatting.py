"""Numbers and times are said as a person says them."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit_assets.tickets.formatting import how_rarely, listed, number


@pytest.mark.parametrize(
    ("years", "said"),
    [
        (40.0, "once in 40 years"),
        (43.2, "once in 40 years"),
        (17.6, "once in 18 years"),
        (214.0, "once in 200 years"),
        (1_000.0, "once in 1,000 years"),
        (1_001.0, "less than once in 1,000 years"),
        (math.inf, "less than once in 1,000 years"),
        (1.0, "once in 12 months"),
        (0.25, "once in 3 months"),
        (0.04, "once in 2 weeks"),
        (5 / 365.25, "once in 5 days"),
        (1 / 365.25, "more than once in 2 days"),
        (None, None),
        (math.nan, None),
    ],
)
def test_how_rarely_is_told_in_the_largest_unit_of_which_there_are_two(years: float | None, said: str | None) -> None:
    assert how_rarely(years) == said


@given(st.floats(allow_nan=False) | st.none())
def test_how_rarely_is_short_whatever_the_years(years: float | None) -> None:
    said = how_rarely(years)
    assert said is None or len(said) <= len("less than once in 1,000 years")


@pytest.mark.parametrize(
    ("value", "said"), [(3.14, "3.1"), (1204.4, "1,204"), (0.04, "0.04"), (None, "unknown"), (math.inf, "unknown")]
)
def test_a_number_has_no_more_digits_than_it_needs(value: float | None, said: str) -> None:
    assert number(value) == said


@pytest.mark.parametrize(
    ("phrases", "said"),
    [("", ""), ("a", "a"), ("ab", "a and b"), ("abc", "a, b and c"), ("abcdefg", "a, b, c and 4 more")],
)
def test_a_list_names_three_and_counts_the_others(phrases: str, said: str) -> None:
    assert listed([*phrases]) == said
