"""Parsing the times that Cloudflare writes."""

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit_assets.cloudflare.timestamps import parse_microseconds, to_datetime

SECOND = datetime(2026, 11, 20, 10, 0, 0, tzinfo=UTC)


def parse(written: Any) -> datetime:
    return to_datetime(parse_microseconds(written))


@pytest.mark.parametrize("digits", range(10))
def test_up_to_nine_decimals_are_parsed_and_those_beyond_microseconds_dropped(digits: int) -> None:
    decimals = "987654321"[:digits]
    kept = int(decimals[:6].ljust(6, "0"))
    assert parse(f"2026-11-20T10:00:00{'.' if digits else ''}{decimals}Z") == SECOND + timedelta(microseconds=kept)


def test_the_last_nanosecond_of_an_hour_stays_in_it() -> None:
    assert parse("2026-11-20T09:59:59.999999999Z") == SECOND - timedelta(microseconds=1)


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("2026-11-20T10:00:00+00:00", SECOND),
        ("2026-11-20T15:30:00+05:30", SECOND),
        ("2026-11-20t10:00:00z", SECOND),
        ("2026-11-20 10:00:00", SECOND),
        ("2016-12-31T23:59:60Z", datetime(2016, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC)),
        ("2016-12-31T23:59:60.123456789z", datetime(2016, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC)),
        ("9999-12-31T23:59:59.999999999Z", datetime(9999, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC)),
        ("1638303588", datetime(2021, 11, 30, 20, 19, 48, tzinfo=UTC)),
        (1638303588, datetime(2021, 11, 30, 20, 19, 48, tzinfo=UTC)),
        ("1638303588123456789", datetime(2021, 11, 30, 20, 19, 48, 123_456, tzinfo=UTC)),
    ],
)
def test_the_ways_of_writing_a_time(written: str | int, meant: datetime) -> None:
    assert parse(written) == meant


@pytest.mark.parametrize(
    "written",
    [
        "0000-01-01T00:00:00Z",
        "0001-01-01T00:00:00+01:00",
        "9999-12-31T23:59:59-01:00",
        "2026-02-30T00:00:00Z",
        "2026-11-20",
        "2026-11-20T25:00:00Z",
        "2026-11-20T10:00:00.",
        "\uff12026-11-20T10:00:00Z",
        "2026-11-20T10:00:00\ud800",
        pytest.param("x" * 1_000_000, id="a million letters"),
        "",
        "1638303588123",
        True,
        1638303588.5,
        float("nan"),
        pytest.param(10**5000, id="5,000 digits"),
        None,
        [],
        {},
    ],
)
def test_anything_but_a_time_raises_only_value_error(written: Any) -> None:
    with pytest.raises(ValueError, match=r"."):
        parse_microseconds(written)


@given(st.datetimes(min_value=datetime(1, 1, 2), max_value=datetime(9999, 12, 30)), st.integers(-1439, 1439))  # noqa: DTZ001 - the zone is laid over
def test_every_aware_time_comes_back(naive: datetime, minutes: int) -> None:
    aware = naive.replace(tzinfo=timezone(timedelta(minutes=minutes)))
    assert parse(aware.isoformat()) == aware


@given(st.one_of(st.text(), st.text(alphabet="0123456789-:TZ.+ ")))
def test_no_text_raises_anything_but_value_error(written: str) -> None:
    try:
        parse_microseconds(written)
    except ValueError:
        return
