"""The checks of an hour's entries, on hours as the store holds them."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from audit_assets.cloudflare.entries import ENTRY_SCHEMA
from audit_assets.defs.checks.raw_audit_entries_checks import incompleteness, missed_entries
from audit_assets.defs.steps.run_inputs import RunInputs, load_run_inputs
from audit_assets.storage.hour_store import HourStore
from audit_assets.storage.tables import ENTRIES

HOUR = datetime(2026, 11, 22, 9, tzinfo=UTC)
STEP = timedelta(hours=1)
WEEK = timedelta(days=7)


def entries(ids: list[str], time: datetime) -> pl.DataFrame:
    """Entries of which nothing is known but their ids and time."""
    known = pl.DataFrame({"entry_id": ids}).with_columns(time=pl.lit(time).cast(ENTRY_SCHEMA["time"]))
    return pl.concat([ENTRY_SCHEMA.to_frame(), known], how="diagonal")


@pytest.fixture
def store(tmp_path: Path) -> HourStore:
    return HourStore(str(tmp_path))


def stored(store: HourStore, hour: datetime, count: int, *, began: timedelta = timedelta(minutes=15)) -> None:
    """An hour with so many entries, both streams pulled that long after its end."""
    frame = entries([str(n) for n in range(count)], hour)
    started = (hour + STEP + began).isoformat()
    store.write(ENTRIES, hour, frame, {"v1": {"started_at": started}, "v2": {"started_at": started}})


def a_past(store: HourStore, counts: list[int]) -> None:
    """The same three hours of so many weeks, each with so many entries, and the three now, empty."""
    for week, count in enumerate([0, *counts]):
        for back in range(3):
            stored(store, HOUR - WEEK * week - STEP * back, count)


@pytest.mark.parametrize(
    ("weeks", "missed"),
    [
        ([20, 20, 20, 20], 60),
        ([0, 20, 20, 40], 60),
        ([0, 0, 20, 20], 30),
        ([0, 0, 0, 90], 0),
        ([3, 3, 3, 3], 0),
        ([20, 20], 0),
    ],
)
def test_silence_is_what_usually_is_not_silent(store: HourStore, weeks: list[int], missed: float) -> None:
    a_past(store, weeks)
    assert missed_entries(store, HOUR) == missed


def test_one_entry_breaks_the_silence(store: HourStore) -> None:
    a_past(store, [20] * 4)
    stored(store, HOUR - STEP, 1)
    assert missed_entries(store, HOUR) == 0


def test_an_hour_that_was_never_pulled_is_not_silent_but_missing(store: HourStore) -> None:
    a_past(store, [20] * 4)
    store.path(ENTRIES, HOUR - STEP).unlink()
    assert missed_entries(store, HOUR) == 0


def run_of(store: HourStore) -> RunInputs:
    """A new run over the store."""
    return load_run_inputs("a" * 32, store)


def test_a_whole_hour_is_complete(store: HourStore) -> None:
    stored(store, HOUR, 3)
    assert incompleteness(run_of(store), HOUR, ["v2", "v1"]) is None


def test_what_makes_an_hour_incomplete_is_named(store: HourStore) -> None:
    assert incompleteness(run_of(store), HOUR, ["v2"]) == "was not written"
    stored(store, HOUR, 3, began=timedelta(minutes=14, seconds=59))
    assert incompleteness(run_of(store), HOUR, ["v2"]) == (
        "was pulled at 10:14, before it had settled: run it again from 2026-11-22 10:15 UTC on"
    )
    stored(store, HOUR, 3)
    assert incompleteness(run_of(store), HOUR, ["v2", "v3"]) == "lacks the stream v3"
    started = {"v2": {"started_at": (HOUR + STEP * 2).isoformat()}}
    store.write(ENTRIES, HOUR, entries(["a", "a"], HOUR), started)
    assert incompleteness(run_of(store), HOUR, ["v2"]) == "holds an entry twice"
    store.write(ENTRIES, HOUR, entries(["a"], HOUR + STEP), started)
    assert incompleteness(run_of(store), HOUR, ["v2"]) == "holds entries of another hour"
