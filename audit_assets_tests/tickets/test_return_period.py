"""How rarely something is expected is never claimed beyond what an actor's history supports."""

import math
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit_assets.tickets.return_period import how_rarely, is_capped, support_clause, supported_years

ALWAYS_ACTIVE = 720
YEARS = {"year": 1.0, "month": 1 / 12, "week": 7 / 365.25, "day": 1 / 365.25}


@pytest.mark.parametrize(
    ("years", "words"),
    [
        (40.0, "about once in 40 years"),
        (43.2, "about once in 40 years"),
        (17.6, "about once in 18 years"),
        (214.0, "about once in 200 years"),
        (1_000.0, "about once in 1,000 years"),
        (1_001.0, "less than once in 1,000 years"),
        (math.inf, "less than once in 1,000 years"),
        (1.0, "about once in 12 months"),
        (0.25, "about once in 3 months"),
        (0.04, "about once in 2 weeks"),
        (5 / 365.25, "about once in 5 days"),
        (1 / 365.25, "more than once in 2 days"),
        (None, None),
        (math.nan, None),
        (0.0, None),
        (-1.0, None),
    ],
)
def test_the_largest_unit_of_which_there_are_two_is_used(years: float | None, words: str | None) -> None:
    assert how_rarely(years, ALWAYS_ACTIVE) == words


@pytest.mark.parametrize(
    ("active_hours", "words"),
    [
        (0, "less than once in 7 weeks"),
        (7, "less than once in 8 weeks"),
        (14, "less than once in 2 months"),
        (30, "less than once in 7 months"),
        (100, "less than once in 18 years"),
        (250, "less than once in 1,000 years"),
        (10**12, "less than once in 1,000 years"),
    ],
)
def test_the_history_caps_what_is_claimed(active_hours: int, words: str) -> None:
    assert how_rarely(1e6, active_hours) == words


ANY_YEARS = st.none() | st.floats() | st.floats(1e-4, 2_000)
ANY_HOURS = st.integers(0, 1_000)


@given(ANY_YEARS, ANY_HOURS)
def test_no_more_is_claimed_than_the_history_supports(years: float | None, active_hours: int) -> None:
    words = how_rarely(years, active_hours)
    if words is None:
        assert years is None or not years > 0
        return
    match = re.fullmatch(r"(about|less than|more than) once in ([\d,]+) (year|month|week|day)s", words)
    assert match
    assert years
    how, count, unit = match.groups()
    claimed = int(count.replace(",", "")) * YEARS[unit]
    longest = supported_years(active_hours)
    assert (how == "less than") == (years > longest)
    if how == "less than":
        assert claimed <= longest
    elif how == "about":
        assert claimed == pytest.approx(years, rel=0.34), "rounded, but of this size"


@given(ANY_HOURS)
def test_more_history_never_supports_less(active_hours: int) -> None:
    assert supported_years(0) <= supported_years(active_hours) <= supported_years(active_hours + 1) <= 1_000


@given(st.floats(1e-4, 2_000), st.floats(1e-4, 2_000), ANY_HOURS)
def test_capping_keeps_the_order(one: float, other: float, active_hours: int) -> None:
    rarer = max(one, other)
    assert is_capped(rarer, active_hours) >= is_capped(min(one, other), active_hours)


def test_the_limit_is_given_in_words() -> None:
    assert support_clause(14) == "the most that 14 active hours of history support"
    assert support_clause(1) == "the most that 1 active hour of history supports"
    assert support_clause(0) == "the most that can be claimed without any history of it"
