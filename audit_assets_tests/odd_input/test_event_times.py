"""Files of events with the times that databases, spreadsheets and people write."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit_assets.reports.backtest_input import BacktestError, read_events
from audit_assets.reports.event_times import parse_times

NINE = datetime(2026, 9, 1, 9, tzinfo=UTC)


def events_file(folder: Path, *times: Any, separator: str = ",") -> Path:
    """A CSV file of an event at each time."""
    rows = [["time", "actor", "actor_type", "resource_type"], *([f"{time}", "ann", "user", "dns"] for time in times)]
    path = folder / "events.csv"
    path.write_text("".join(separator.join(row) + "\n" for row in rows))
    return path


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("2026-09-01 09:00:00+00", NINE),
        ("2026-09-01 11:00:00.5+02", NINE.replace(microsecond=500_000)),
        ("2026-09-01 02:00:00-07", NINE),
        ("2026-09-01 14:45:00.123456+05:45", NINE.replace(microsecond=123_456)),
        ("2026-09-01 09:00", NINE),
        ("2026-09-01T09:00Z", NINE),
        ("2026-09-01 09:00:00 UTC", NINE),
        ("2026-09-01 11:00:00 +0200", NINE),
        ("2026-09-01T09:00:00.1234567Z", NINE.replace(microsecond=123_456)),
        ("20260901T090000Z", NINE),
        ("20260901T0900", NINE),
        ("20260901T110000.5+02", NINE.replace(microsecond=500_000)),
        ("2026-09-01", NINE.replace(hour=0)),
        ("20260901", NINE.replace(hour=0)),
        (" 2026-09-01t09:00:00z ", NINE),
    ],
)
def test_a_time_is_read_as_databases_write_it(tmp_path: Path, written: str, read: datetime) -> None:
    assert read_events(events_file(tmp_path, written))["time"].to_list() == [read]


def test_the_times_of_one_file_may_differ(tmp_path: Path) -> None:
    path = events_file(tmp_path, "2026-09-01 09:00:00+00", "2026-09-01 11:30:00.5+02", "2026-09-01 02:45:00-07")
    assert [f"{time:%H:%M:%S}" for time in read_events(path)["time"]] == ["09:00:00", "09:30:00", "09:45:00"]


def test_a_column_of_dates_is_read(tmp_path: Path) -> None:
    dates = pl.DataFrame({"time": [NINE.date()], "actor": ["a"], "actor_type": ["user"], "resource_type": ["dns"]})
    dates.write_parquet(tmp_path / "events.parquet")
    assert read_events(tmp_path / "events.parquet")["time"].to_list() == [NINE.replace(hour=0)]


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("noon", "noon"),
        ("01/09/2026 09:00", "01/09/2026 09:00"),
        ("2026-02-30", "2026-02-30"),
        ("1788253200", "1788253200"),
        ("0.5", "0.5"),
        ("", r"\(none\)"),
        ("\x1b[2J", r"\\u001b\[2J"),
        ("x" * 200, r"x{60}… \(200 characters\)"),
    ],
)
def test_a_time_that_can_not_be_read_is_shown_with_the_forms_that_can(tmp_path: Path, written: str, shown: str) -> None:
    sentence = f"the time of 1 event can't be read, such as {shown}: give it as 2026-09-01T09:00:00Z, 2026-09-01 09:00"
    with pytest.raises(BacktestError, match=sentence):
        read_events(events_file(tmp_path, written))


@pytest.mark.parametrize(("separator", "name"), [(";", "; \\(semicolons\\)"), ("\t", "tabs")])
def test_another_separator_is_named(tmp_path: Path, separator: str, name: str) -> None:
    with pytest.raises(BacktestError, match=f"separates its columns with {name}: write it with commas"):
        read_events(events_file(tmp_path, "2026-09-01", separator=separator))


@given(time=st.datetimes(timezones=st.timezones(), min_value=NINE.replace(year=1971, tzinfo=None)))
def test_every_time_of_iso_8601_is_read(time: datetime) -> None:
    minutes = time.utcoffset()
    whole = minutes is not None and not minutes.total_seconds() % 60
    written = time if whole else time.astimezone(UTC)
    forms = pl.Series("time", [written.isoformat(), written.isoformat(" "), f"{written:%Y%m%dT%H%M%S.%f%z}"])
    assert parse_times(forms).to_list() == [written.astimezone(UTC)] * 3


@given(times=st.lists(st.text(max_size=30), min_size=1))
def test_any_text_is_a_time_or_none(times: list[str]) -> None:
    assert len(parse_times(pl.Series("time", times))) == len(times)
