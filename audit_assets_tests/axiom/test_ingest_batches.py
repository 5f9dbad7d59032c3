"""Events as the bodies of ingest requests."""

import gzip
import json
from datetime import timedelta
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audit_assets.axiom.events import events_from
from audit_assets.axiom.ingest_batches import MOST_BYTES, MOST_EVENTS, Batch, batches, json_lines
from audit_assets_tests.axiom.made_entries import AT, DAY, entries

hostile_text = st.text() | st.sampled_from(
    ['","is_change":null,"', '"zone_id":null,', '\\"zone_id":null,', "\x00\x1f\u2028\ufeff", "\\", '"', "null", "\n{}"]
)


def lines_of(batch: Batch) -> list[dict[str, object]]:
    return [json.loads(line) for line in gzip.decompress(batch.body).decode().split("\n")]


def test_a_batch_is_newline_delimited_json_with_times_in_rfc_3339() -> None:
    [batch] = batches(events_from(entries(2, every=timedelta(microseconds=5))))
    first, second = lines_of(batch)
    assert first["_time"] == "2026-11-20T10:00:00.000000Z"
    assert second["_time"] == "2026-11-20T10:00:00.000005Z"
    assert (first["status_code"], first["is_change"], first["resource_type"]) == (200, True, "dns_record")


def test_fields_without_a_value_are_left_out() -> None:
    [batch] = batches(events_from(entries(1)))
    [event] = lines_of(batch)
    assert None not in event.values()
    assert "zone_id" not in event


def test_batches_hold_at_most_so_many_events_of_one_day_oldest_first() -> None:
    events = events_from(entries(MOST_EVENTS + 2000, every=timedelta(seconds=6), raw=None)).sample(
        fraction=1, shuffle=True, seed=1
    )
    made = list(batches(events))
    times = [time for batch in made for time in batch.events["_time"]]
    assert times == sorted(times)
    assert all(len(batch.events) <= MOST_EVENTS for batch in made)
    assert all(batch.events["_time"].dt.date().n_unique() == 1 for batch in made)
    assert pl.concat([batch.events for batch in made])["entry_id"].n_unique() == len(events)


def test_a_batch_is_never_larger_than_its_bound_and_never_cut_too_small() -> None:
    made = list(batches(events_from(entries(600, every=timedelta(seconds=1), raw="x" * 20_000))))
    sizes = [len(gzip.decompress(batch.body)) for batch in made]
    assert sum(len(batch.events) for batch in made) == 600
    assert max(sizes) <= MOST_BYTES
    assert len(made) < 1.1 * sum(sizes) / MOST_BYTES + 1


def test_the_widest_events_still_fit() -> None:
    widest = "\x01" * 1_000_000
    columns: dict[str, Any] = dict.fromkeys(
        ["user_agent", "uri", "resource_type", "actor", "zone_name", "token_name"], widest
    )
    for batch in batches(events_from(entries(12, raw=widest, **columns))):
        assert len(gzip.decompress(batch.body)) <= MOST_BYTES


def test_days_are_apart_even_when_they_would_fit_together() -> None:
    two_days = pl.concat([entries(2), entries(2, at=AT + DAY)])
    assert [len(batch.events) for batch in batches(events_from(two_days))] == [2, 2]


@pytest.mark.parametrize("count", [1, 2, 3, 4, 5])
def test_a_body_is_its_lines_and_nothing_else_even_where_all_are_equal(count: int) -> None:
    equal = pl.concat([entries(1, user_agent='quoted "text", with a comma')] * count)
    events = events_from(equal)
    [batch] = batches(events)
    assert gzip.decompress(batch.body).decode() == "\n".join(json_lines(events))


def test_no_events_make_no_batch() -> None:
    assert list(batches(events_from(entries(0)))) == []


@settings(max_examples=60, deadline=None)
@given(user_agent=hostile_text, uri=hostile_text | st.none(), raw=hostile_text, zone_name=hostile_text | st.none())
def test_every_text_survives_as_it_is(user_agent: str, uri: str | None, raw: str, zone_name: str | None) -> None:
    sent = events_from(entries(1, user_agent=user_agent, uri=uri, raw=raw, zone_name=zone_name))
    event = json.loads(json_lines(sent)[0])
    for name, text in {"user_agent": user_agent, "uri": uri, "raw": raw, "zone_name": zone_name}.items():
        assert event.get(name) == text
    assert event["is_change"] is True
