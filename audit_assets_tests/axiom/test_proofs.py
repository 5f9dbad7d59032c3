"""A proof by parts comes to the same as one over everything at once."""

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audit_assets.axiom import proofs
from audit_assets.axiom.proofs import prove_entries
from audit_assets.axiom.query_runner import ENTRIES_HELD_SCHEMA

START = datetime(2026, 11, 20, 10, tzinfo=UTC)
MINUTES = st.integers(0, 179)

Event = tuple[str, int]
"""An entry_id, and the minute of its time since START."""

ids = st.sampled_from("abcdefgh")
events = st.lists(st.tuples(ids, MINUTES), max_size=12)


def time_of(minute: int) -> datetime:
    return START + timedelta(minutes=minute)


def held_in(dataset: list[Event], start: datetime, end: datetime) -> pl.DataFrame:
    """What the query entries_held would list."""
    rows = Counter((name, minute // 60) for name, minute in dataset if start <= time_of(minute) < end)
    listed = [(name, START + timedelta(hours=hour), copies) for (name, hour), copies in rows.items()]
    return pl.DataFrame(listed, schema=ENTRIES_HELD_SCHEMA, orient="row")


@pytest.fixture(autouse=True, scope="module")
def parts_of_two() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(proofs, "PROVED_AT_ONCE", 2)
        yield


@settings(max_examples=150, deadline=None)
@given(st.dictionaries(ids, MINUTES, min_size=1), events)
def test_what_is_held_is_counted_as_if_looked_at_at_once(expected: dict[str, int], dataset: list[Event]) -> None:
    frame = pl.DataFrame(
        [(name, time_of(minute)) for name, minute in expected.items()], ["entry_id", "time"], orient="row"
    )
    proof = prove_entries(frame, lambda start, end: held_in(dataset, start, end), [], lambda _: None)
    hours = {minute // 60 for minute in expected.values()}
    wanted = {(name, minute // 60) for name, minute in expected.items()}
    rows = [(name, minute // 60) for name, minute in dataset if minute // 60 in hours]
    assert (proof.expected, proof.found) == (len(wanted), len(wanted & {*rows}))
    assert (proof.missing, proof.unexpected) == (len(wanted - {*rows}), len({*rows} - wanted))
    assert (proof.rows, proof.copies) == (len(rows), len(rows) - len({*rows}))
    assert proof.hours["hour"].to_list() == [START + timedelta(hours=hour) for hour in sorted(hours)]
    assert proof.hours["found"].sum() == proof.found
    assert proof.hours["unexpected"].sum() == proof.unexpected


def test_only_the_parts_that_lack_something_are_looked_at_again() -> None:
    expected = [("a", 0), ("b", 1), ("c", 30), ("d", 31), ("e", 59)]
    frame = pl.DataFrame([(name, time_of(minute)) for name, minute in expected], ["entry_id", "time"], orient="row")
    looks: list[int] = []
    visible = expected[:3]

    def held(start: datetime, end: datetime) -> pl.DataFrame:
        looks.append((start - START) // timedelta(minutes=1))
        return held_in(visible, start, end)

    proof = prove_entries(frame, held, [1.0, 1.0], lambda _: visible.extend(expected[len(visible) : len(visible) + 1]))
    assert proof.holds
    assert looks == [0, 30, 59, 30, 59, 59]
