"""What was ingested and is not visible yet is waited for: Axiom shows events late, and new fields later still."""

import json
from datetime import timedelta
from typing import Any

import polars as pl
import pytest

from audit_assets.axiom.client import AxiomClient
from audit_assets.axiom.events import events_from
from audit_assets.axiom.query_runner import ACTIVITY_SCHEMA
from audit_assets.config.errors import Incomplete
from audit_assets.sandbox.fault_plan import Fault
from audit_assets.sandbox.server import Sandbox
from audit_assets_tests.axiom.made_entries import ANNE, AT, BORIS, HOUR, entries, put_in
from audit_assets_tests.support import JumpingClock


def test_a_new_dataset_holds_nothing(axiom: AxiomClient, sandbox: Sandbox, clock: JumpingClock) -> None:
    assert axiom.entry_ids(AT, AT + HOUR).to_list() == []
    assert axiom.activity([ANNE], AT, AT + HOUR).schema == pl.Schema(ACTIVITY_SCHEMA)
    assert axiom.organisation_hours(AT, AT + HOUR).is_empty()
    assert axiom.organisation_types(AT, AT + HOUR).is_empty()
    assert clock.waits == []


def test_a_field_that_is_not_visible_yet_is_waited_for(
    axiom: AxiomClient, sandbox: Sandbox, clock: JumpingClock
) -> None:
    axiom.ingest(events_from(entries(3)))
    assert axiom.prove(entries(3)).holds
    clock.waits.clear()
    body = json.dumps({"code": 400, "message": 'invalid field "resource_type"'})
    sandbox.faults.add(Fault("axiom", "query", "status", 1, 1, {"status": 400, "body": body}))
    assert axiom.activity([ANNE], AT, AT + HOUR)["changes"].sum() == 3
    assert len(clock.waits) == 1


def test_fields_that_show_later_than_rows_are_waited_for(axiom: AxiomClient, sandbox: Sandbox) -> None:
    sandbox.axiom.behaviour.field_delay = timedelta(seconds=50)
    axiom.ingest(events_from(entries(3)))
    assert axiom.prove(entries(3)).holds


def test_the_first_token_of_a_dataset_has_its_owner_at_once(axiom: AxiomClient, sandbox: Sandbox) -> None:
    """Fields that nobody had before are visible long after the events that have them."""
    put_in(axiom, entries(3))
    sandbox.axiom.behaviour.field_delay = timedelta(hours=1)
    of_anne: dict[str, Any] = {"token_id": "t1", "actor_id": "u1", "user_agent": "curl/8"}
    put_in(axiom, entries(1, at=AT + HOUR, actor_key=BORIS, actor_type="token", **of_anne))
    named = axiom.actors(AT, AT + 2 * HOUR).filter(pl.col("actor_key") == BORIS)
    assert named.select("person", "email", "token").rows() == [("u1", "anne@example.com", "t1")]
    assert axiom.origins([BORIS], AT, AT + 2 * HOUR).select("agent", "token").rows() == [("curl/8", "t1")]


def test_a_field_that_never_shows_is_reported(axiom: AxiomClient, sandbox: Sandbox, clock: JumpingClock) -> None:
    """Every second query finds that events are there, every other that their fields are not."""
    put_in(axiom, entries(3))
    body = json.dumps({"code": 400, "message": 'invalid field "is_change"'})
    for at in range(1, 60, 2):
        sandbox.faults.add(Fault("axiom", "query", "status", at, 1, {"status": 400, "body": body}))
    with pytest.raises(Incomplete, match="one of their fields is not visible after 90 s"):
        axiom.activity([ANNE], AT, AT + HOUR)
