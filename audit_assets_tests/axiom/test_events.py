"""Audit entries as events."""

import polars as pl
import pytest

from audit_assets.axiom.events import CUT, EVENT_SCHEMA, LONGEST_RAW, LONGEST_TEXT, OF_SOME_ENTRIES, events_from
from audit_assets.cloudflare import actor_keys as actors
from audit_assets.cloudflare.entries import ENTRY_SCHEMA
from audit_assets.config.errors import AuditAssetsError
from audit_assets_tests.axiom.made_entries import entries


def test_an_event_has_every_column_of_its_entry_and_the_time_under_axioms_name() -> None:
    events = events_from(entries())
    assert events.schema == pl.Schema(EVENT_SCHEMA)
    ours = {"_time", "raw_truncated", "raw_letters", "raw_sha256", "quarantined", "quarantine_reason"}
    assert set(EVENT_SCHEMA) == set(ENTRY_SCHEMA) - {"time"} | ours
    assert events["_time"].to_list() == entries()["time"].to_list()
    same = [name for name in ENTRY_SCHEMA if name not in ("time", "resource_product", *OF_SOME_ENTRIES)]
    assert events.select(same).equals(entries().select(same))
    assert events.select(OF_SOME_ENTRIES).equals(entries().select(OF_SOME_ENTRIES).fill_null(""))


def test_a_field_that_decides_what_counts_is_never_missing() -> None:
    [event] = events_from(entries(1, change_kind=None, action=None, action_result="", actor_type=None)).to_dicts()
    assert event["change_kind"] == "none"
    assert {event[name] for name in ("action", "action_result", "resource_product", "actor_type")} == {"unknown"}


def test_names_are_flat_and_none_but_the_time_begins_with_an_underscore() -> None:
    assert [name for name in EVENT_SCHEMA if not name.replace("_", "").isalnum() or name != name.lower()] == []
    assert [name for name in EVENT_SCHEMA if name.startswith("_")] == ["_time"]


def test_long_texts_are_visibly_truncated_and_hashes_never_are() -> None:
    long = "ä" * 1_000_000
    [event] = events_from(entries(1, user_agent=long, resource_type=long, raw=long, actor_key="c" * 2000)).to_dicts()
    assert event["user_agent"] == event["resource_type"] == "ä" * LONGEST_TEXT + CUT
    assert event["raw"] == "ä" * LONGEST_RAW + CUT
    assert event["raw_truncated"] is True
    assert event["actor_key"] == "c" * 2000


def test_an_actor_is_called_the_same_in_the_hour_store_and_in_axiom() -> None:
    assert (LONGEST_TEXT, CUT) == (actors.LONGEST_LABEL, actors.CUT)


def test_texts_at_the_cap_stay_whole() -> None:
    [event] = events_from(entries(1, user_agent="x" * LONGEST_TEXT, raw="y" * LONGEST_RAW)).to_dicts()
    assert (event["user_agent"], event["raw"]) == ("x" * LONGEST_TEXT, "y" * LONGEST_RAW)
    assert event["raw_truncated"] is False


def test_missing_values_stay_empty_except_the_two_flags() -> None:
    [event] = events_from(entries(1, raw=None, is_change=None, zone_id=None)).to_dicts()
    assert event["zone_id"] is None
    assert (event["is_change"], event["raw_truncated"]) == (False, False)


def test_a_frame_that_is_no_entry_frame_is_refused_by_name() -> None:
    with pytest.raises(AuditAssetsError, match="resource_type"):
        events_from(entries().drop("resource_type"))


def test_no_entries_are_no_events() -> None:
    assert events_from(entries(0)).is_empty()
