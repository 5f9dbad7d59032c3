"""Hours, days and months are read in the usual forms, and in UTC."""

from contextlib import suppress
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit_assets.config.periods import parse_period

NINE = datetime(2026, 11, 22, 9, tzinfo=UTC)


@pytest.mark.parametrize(
    "text",
    [
        *("2026-11-22-09:00", "2026-11-22T09", "2026-11-22T09:00", "2026-11-22T09:00:00", "2026-11-22T09:00:00.000Z"),
        *("2026-11-22 09:00", "2026-11-22 09", "2026-11-22-09", "2026-11-22T09Z", "2026-11-22t09:00z"),
        *("2026-11-22 09:00 UTC", "2026-11-22T10:00+01:00", "2026-11-22T10+01", "2026-11-22T14:30+0530", "20261122T09"),
        *("2026-11-21T23:00-10:00", " 2026-11-22-09:00 "),
    ],
)
def test_an_hour_is_read_in_every_usual_form(text: str) -> None:
    period = parse_period(text)
    assert (period.name, period.start, period.is_hour) == ("2026-11-22-09:00", NINE, True)
    assert period.end == NINE + timedelta(hours=1)


@pytest.mark.parametrize(
    ("text", "name", "hours"),
    [("2026-11-22", "2026-11-22", 24), ("20261122", "2026-11-22", 24), ("2026-12", "2026-12", 31 * 24)],
)
def test_a_day_and_a_month_have_all_of_their_hours(text: str, name: str, hours: int) -> None:
    period = parse_period(text)
    assert (period.name, period.end - period.start) == (name, timedelta(hours=hours))
    assert not period.is_hour


@pytest.mark.parametrize(
    "text",
    [
        *("", "yesterday", "2026", "2026-13", "2026-02-30", "2026-11-22-09:30", "2026-11-22T24", "2026-11-22T09:60"),
        *("2026-11-22T09:00:30", "2026-11-22T09:00+05:30", "0000-01", "9999-12", "2026-11-22Z", "2026-11-22T09:00 CET"),
        *("9999-12-31", "0001-01-01T00+01", "٢٠٢٦-11-22"),
    ],
)
def test_anything_else_is_no_period(text: str) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        parse_period(text)


@given(st.text(max_size=30))
def test_no_text_fails_in_another_way(text: str) -> None:
    with suppress(ValueError):
        assert parse_period(text).end > parse_period(text).start
