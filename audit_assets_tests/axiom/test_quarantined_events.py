"""What could not be understood is in Axiom as raw text, is counted there once, and is found by no other question."""

import hashlib
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from audit_assets.axiom.client import AxiomClient
from audit_assets.axiom.events import (
    CUT,
    EVENT_SCHEMA,
    LONGEST_RAW,
    OF_SOME_ENTRIES,
    events_from,
    quarantined_events,
    quarantined_ids,
)
from audit_assets_tests.axiom.made_entries import ANNE, AT, HOUR, entries

QUERIES = Path(__file__).parents[2] / "audit_assets" / "axiom" / "queries"
SCHEMA = {
    "stream": pl.String,
    "reason": pl.String,
    "native_id": pl.String,
    "time": pl.Datetime("us", "UTC"),
    "raw": pl.String,
}


def quarantined(*raws: str, at: datetime = AT, reason: str = "it has no id", stream: str = "v2") -> pl.DataFrame:
    rows = [{"stream": stream, "reason": reason, "native_id": None, "time": at, "raw": raw} for raw in raws]
    return pl.DataFrame(rows, schema=SCHEMA)


def test_an_event_holds_the_raw_text_the_reason_and_nothing_that_counts() -> None:
    [event] = quarantined_events(quarantined('{"a":1}').with_columns(native_id=pl.lit("n1")), "acc0").to_dicts()
    known = {name: value for name, value in event.items() if value is not None}
    assert known.pop("entry_id") == quarantined_ids(quarantined('{"a":1}'), "acc0")["entry_id"][0]
    assert known == {
        "_time": AT,
        "stream": "v2",
        "account_id": "acc0",
        "native_id": "n1",
        "raw": '{"a":1}',
        "raw_truncated": False,
        "raw_letters": 7,
        "raw_sha256": hashlib.sha256(b'{"a":1}').hexdigest(),
        "quarantine_reason": "it has no id",
        "quarantined": True,
        "is_change": False,
        "change_kind": "none",
        **dict.fromkeys(("action", "action_result", "resource_product", "actor_type"), "unknown"),
        **dict.fromkeys(("actor_key", "actor", "resource_type", *OF_SOME_ENTRIES), ""),
    }
    assert quarantined_events(quarantined("x"), "acc0").schema == events_from(entries(1)).schema == EVENT_SCHEMA


def test_a_long_text_is_cut_and_its_length_and_hash_are_kept() -> None:
    long = '"' + "x" * 10_000_000 + '"'
    [event] = quarantined_events(quarantined(long), "acc0").to_dicts()
    assert event["raw"] == long[:LONGEST_RAW] + CUT
    assert (event["raw_truncated"], event["raw_letters"]) == (True, 10_000_002)
    assert event["raw_sha256"] == hashlib.sha256(long.encode()).hexdigest()


def test_the_same_text_with_the_same_reason_in_an_hour_of_a_stream_is_one() -> None:
    one = quarantined("x")
    same = quarantined("x", at=AT + timedelta(minutes=59))
    others = [
        quarantined("y"),
        quarantined("x", at=AT + HOUR),
        quarantined("x", reason="it is not a JSON object"),
        quarantined("x", stream="v1"),
    ]
    ids = [quarantined_ids(each, "acc0")["entry_id"][0] for each in (one, same, *others)]
    assert len(set(ids)) == len(ids) - 1
    assert ids[0] == ids[1]
    assert quarantined_ids(one, "acc1")["entry_id"][0] != ids[0]


def test_it_is_ingested_once_and_proved_with_the_entries(axiom: AxiomClient) -> None:
    readable, unreadable = entries(3), quarantined("a", "b")
    events = pl.concat([events_from(readable), quarantined_events(unreadable, "acc0")])
    assert axiom.ingest(events).sent == 5
    expected = pl.concat([readable.select("entry_id", "time"), quarantined_ids(unreadable, "acc0")])
    proof = axiom.prove(expected)
    assert (proof.holds, proof.found, proof.rows, proof.copies, proof.unexpected) == (True, 5, 5, 0, 0)
    assert axiom.ingest(events).already_there == 5


@pytest.fixture(params=[1, 4])
def answers(axiom: AxiomClient, request: pytest.FixtureRequest) -> dict[str, Any]:
    """What every question answers, with so many quarantined beside three entries of Anne's."""
    axiom.ingest(events_from(entries(3)))
    before = _answers(axiom)
    unreadable = quarantined(*(f'{{"action":"create","n":{n}}}' for n in range(request.param)))
    axiom.ingest(quarantined_events(unreadable, "acc0"))
    axiom.prove(quarantined_ids(unreadable, "acc0"))
    return {name: (before[name], after, request.param) for name, after in _answers(axiom).items()}


ONLY_OPENED_BY_PEOPLE = {"entries", "quarantined"}
OF_AGGREGATES = {"hour_aggregates", "past_aggregates", "aggregates_held"}


def _answers(axiom: AxiomClient) -> dict[str, Any]:
    axiom.prove(entries(3))
    return {
        "activity": axiom.activity([ANNE], AT, AT + HOUR).to_dicts(),
        "actors": axiom.actors(AT, AT + HOUR).to_dicts(),
        "organisation_activity": axiom.organisation_activity(AT, AT + HOUR).to_dicts(),
        "organisation_hours": axiom.organisation_hours(AT, AT + HOUR).to_dicts(),
        "organisation_types": axiom.organisation_types(AT, AT + HOUR).to_dicts(),
        "origins": axiom.origins([ANNE], AT, AT + HOUR).to_dicts(),
        "origin_uses": axiom.origin_uses([ANNE], AT, AT + HOUR).to_dicts(),
        "incomplete_events": axiom.incomplete_events(AT, AT + HOUR),
        "events_by_hour": int(axiom.events_by_hour(AT, AT + HOUR)["events"].sum()),
        "entries_held": len(axiom.entry_ids(AT, AT + HOUR)),
        "dataset_facts": axiom.dataset_facts().rows,
        "accounts": [*axiom.accounts(AT, AT + HOUR)],
        "hour_facts": int(axiom.hour_facts(AT, AT + HOUR)["events"].sum()),
    }


def test_no_question_about_actors_or_changes_finds_it(answers: dict[str, Any]) -> None:
    holding = {"entries_held", "events_by_hour", "dataset_facts", "hour_facts"}
    for name, (before, after, added) in answers.items():
        assert after == (before + added if name in holding else before), name
    asked = {path.stem.removesuffix("_by_prefix") for path in QUERIES.glob("*.apl")}
    assert asked - ONLY_OPENED_BY_PEOPLE - OF_AGGREGATES == set(answers), (
        "a new query must define whether it counts what is quarantined"
    )


def test_a_dataset_that_holds_nothing_else_answers_every_question(axiom: AxiomClient) -> None:
    axiom.ingest(quarantined_events(quarantined("x"), "acc0"))
    axiom.prove(quarantined_ids(quarantined("x"), "acc0"))
    assert axiom.activity([ANNE], AT, AT + HOUR).is_empty()
    assert axiom.actors(AT, AT + HOUR).is_empty()
    assert axiom.organisation_hours(AT, AT + HOUR).is_empty()
    assert axiom.organisation_types(AT, AT + HOUR).is_empty()
