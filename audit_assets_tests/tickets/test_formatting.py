"""Numbers and times are in words that people use."""

import math
from datetime import timedelta

import pytest

from audit_assets.tickets.formatting import duration_name, listed, number


@pytest.mark.parametrize(
    ("value", "text"), [(3.14, "3.1"), (1204.4, "1,204"), (0.04, "0.04"), (None, "unknown"), (math.inf, "unknown")]
)
def test_a_number_has_no_more_digits_than_it_needs(value: float | None, text: str) -> None:
    assert number(value) == text


@pytest.mark.parametrize(
    ("phrases", "text"),
    [("", ""), ("a", "a"), ("ab", "a and b"), ("abc", "a, b and c"), ("abcdefg", "a, b, c and 4 more")],
)
def test_a_list_names_three_and_counts_the_others(phrases: str, text: str) -> None:
    assert listed([*phrases]) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0 seconds"),
        (1, "1 second"),
        (119, "119 seconds"),
        (120, "2 minutes"),
        (7_200, "2 hours"),
        (172_800, "2 days"),
    ],
)
def test_a_duration_is_in_the_largest_unit_that_it_fills_twice(seconds: int, text: str) -> None:
    assert duration_name(timedelta(seconds=seconds)) == text
