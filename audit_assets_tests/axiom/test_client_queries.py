"""Changes are counted once, and reported whole or not at all."""

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import polars as pl
import pytest

from audit_assets.axiom.client import AxiomClient
from audit_assets.axiom.events import events_from
from audit_assets.axiom.ingest_batches import json_lines
from audit_assets.axiom.ingest_receipts import DatasetLimits
from audit_assets.axiom.query_runner import (
    ACTIVITY_SCHEMA,
    ORGANISATION_HOURS_SCHEMA,
    ORGANISATION_TYPES_SCHEMA,
    ORIGIN_USES_SCHEMA,
    ORIGINS_SCHEMA,
)
from audit_assets.config.errors import Incomplete, Refused, Unavailable
from audit_assets.sandbox.fault_plan import Fault
from audit_assets.sandbox.server import Sandbox, serve_sandbox
from audit_assets_tests.axiom.made_entries import ANNE, AT, BORIS, DAY, HOUR, client_of, entries, put_in
from audit_assets_tests.support import JumpingClock


@pytest.fixture
def lived(axiom: AxiomClient, sandbox: Sandbox) -> AxiomClient:
    """Anne made 3 changes of records and Boris 2 of rules at ten o'clock, and Boris 1 of a record a day before."""
    put_in(
        axiom,
        entries(3),
        entries(2, actor_key=BORIS, resource_type="firewall_rule"),
        entries(1, at=AT - DAY, actor_key=BORIS),
        entries(4, at=AT + HOUR, is_change=False, change_kind=None, action="view"),
    )
    sandbox.shared.calls.clear()
    return axiom


def misbehave(sandbox: Sandbox, kind: str, times: int = 1, **options: Any) -> None:
    sandbox.faults.add(Fault("axiom", "query", kind, 1, times, options))


def asked(sandbox: Sandbox) -> int:
    return sandbox.shared.call_counts()["axiom", "query"]


def test_activity_is_a_row_per_actor_hour_and_resource_type(lived: AxiomClient) -> None:
    activity = lived.activity([BORIS, ANNE, ANNE], AT - 30 * DAY, AT + 2 * HOUR)
    assert activity.schema == pl.Schema(ACTIVITY_SCHEMA)
    assert activity.rows() == [
        (ANNE, AT, "dns_record", 3, 0),
        (BORIS, AT - DAY, "dns_record", 1, 0),
        (BORIS, AT, "firewall_rule", 2, 0),
    ]


def test_the_end_is_not_part_of_the_range_and_the_start_is(lived: AxiomClient) -> None:
    assert lived.activity([BORIS], AT - DAY, AT)["changes"].to_list() == [1]


def test_the_organisation_is_all_actors_together(lived: AxiomClient) -> None:
    hours = lived.organisation_hours(AT - 90 * DAY, AT + 2 * HOUR)
    assert (hours.schema, hours.rows()) == (pl.Schema(ORGANISATION_HOURS_SCHEMA), [(AT - DAY, 1, 1), (AT, 2, 5)])
    types = lived.organisation_types(AT - 90 * DAY, AT + 2 * HOUR)
    assert types.schema == pl.Schema(ORGANISATION_TYPES_SCHEMA)
    assert types.rows() == [(AT - DAY, "dns_record", 1), (AT, "dns_record", 3), (AT, "firewall_rule", 2)]


def test_an_actor_has_the_name_and_type_of_its_newest_entry(lived: AxiomClient) -> None:
    put_in(lived, entries(1, at=AT + 3 * HOUR, actor="anne.b@example.com", actor_type="token"))
    named = lived.actors(AT - 30 * DAY, AT + 4 * HOUR)
    assert named.columns[3:] == ["account", "person", "email", "token"]
    assert named.select("actor_key", "actor", "actor_type").rows() == [
        (ANNE, "anne.b@example.com", "token"),
        (BORIS, "anne@example.com", "user"),
    ]
    assert lived.actors(AT - 30 * DAY, AT + 2 * HOUR)["actor"].to_list() == ["anne@example.com"] * 2


def test_origins_are_grouped_by_day_with_their_oldest_use_whatever_was_done(
    lived: AxiomClient, sandbox: Sandbox
) -> None:
    put_in(
        lived,
        entries(1, at=AT - DAY, actor_key=ANNE, ip_address="203.0.113.7", user_agent="curl/8", is_change=False),
        entries(1, at=AT + 5 * HOUR, token_id="7f" * 16, interface="api_token"),
    )
    put_in(lived, entries(3))
    sandbox.shared.clock.advance(HOUR)
    dashboard = ("192.0.2.7", "Mozilla/5.0", "dash", "")
    midnight = AT.replace(hour=0)
    origins = lived.origins([ANNE], AT - 30 * DAY, AT + DAY).sort("oldest")
    assert origins.schema == pl.Schema(ORIGINS_SCHEMA)
    assert origins.rows() == [
        (ANNE, "203.0.113.7", "curl/8", "dash", "", midnight - DAY, AT - DAY),
        (ANNE, *dashboard, midnight, AT),
        (ANNE, "192.0.2.7", "Mozilla/5.0", "api_token", "7f" * 16, midnight, AT + 5 * HOUR),
    ]


def test_origins_are_found_though_no_entry_ever_had_a_token_or_a_user_agent(
    axiom: AxiomClient, sandbox: Sandbox, clock: JumpingClock
) -> None:
    put_in(axiom, entries(3, user_agent=None, ip_address=None, interface=None))
    clock.waits.clear()
    ((actor, *whence, _day, oldest),) = axiom.origins([ANNE], AT - DAY, AT + HOUR).rows()
    assert (actor, whence, oldest) == (ANNE, ["", "", "", ""], AT)
    assert clock.waits == []


def test_origins_that_do_not_fit_are_queried_by_actor_and_by_time(lived: AxiomClient, sandbox: Sandbox) -> None:
    misbehave(sandbox, "partial", times=2)
    assert lived.origins([ANNE, BORIS], AT - 30 * DAY, AT + HOUR).height == 3
    assert asked(sandbox) > 3


def test_of_an_actor_with_more_origins_than_fit_the_others_are_whole(lived: AxiomClient, sandbox: Sandbox) -> None:
    put_in(lived, entries(1, at=AT + 2 * HOUR, action_result="failure", ip_address="203.0.113.9"))
    whole = lived.origin_uses([ANNE, BORIS], AT - DAY, AT + 3 * HOUR).sort("actor_key", "hour", "failed")
    assert whole.schema == pl.Schema(ORIGIN_USES_SCHEMA)
    assert whole.select("actor_key", "address", "hour", "changed", "failed").rows() == [
        (ANNE, "192.0.2.7", AT, True, False),
        (ANNE, "192.0.2.7", AT + HOUR, False, False),
        (ANNE, "203.0.113.9", AT + 2 * HOUR, False, True),
        (BORIS, "192.0.2.7", AT - DAY, True, False),
        (BORIS, "192.0.2.7", AT, True, False),
    ]
    memory = {"status": 432, "body": '{"code":432,"message":"query out of memory"}'}
    misbehave(sandbox, "status", times=2, **memory)  # of both, and of the first alone
    uses = lived.origin_uses([ANNE, BORIS], AT - DAY, AT + 3 * HOUR)
    first, second = sorted([ANNE, BORIS])
    assert uses.filter(pl.col("hour").is_null())["actor_key"].to_list() == [first]
    assert (
        uses.filter(pl.col("actor_key") == second)
        .sort("hour")
        .equals(whole.filter(pl.col("actor_key") == second).sort("hour"))
    )


def test_an_actor_with_more_origins_than_fit_has_a_single_row_without_a_day(
    lived: AxiomClient, sandbox: Sandbox
) -> None:
    first, second = sorted([ANNE, BORIS])
    window = (AT - 30 * DAY, AT + HOUR)
    whole = lived.origins([second], *window)
    memory = {"status": 432, "body": '{"code":432,"message":"query out of memory"}'}
    misbehave(sandbox, "status", times=3, **memory)  # of both, of the first alone, and of a part of its time
    found = lived.origins([ANNE, BORIS], *window)
    assert found.filter(pl.col("day").is_null()).rows() == [(first, *[None] * 6)]
    assert found.filter(pl.col("day").is_not_null()).equals(whole)


def test_an_answer_that_is_not_whole_is_no_actor_with_too_many_origins(lived: AxiomClient, sandbox: Sandbox) -> None:
    misbehave(sandbox, "partial", times=9)
    with pytest.raises(Incomplete):
        lived.origin_uses([ANNE, BORIS], AT - DAY, AT + HOUR)


def test_without_actors_nothing_is_queried(lived: AxiomClient, sandbox: Sandbox) -> None:
    assert lived.activity([], AT, AT + HOUR).schema == pl.Schema(ACTIVITY_SCHEMA)
    assert asked(sandbox) == 0


def test_an_actor_who_is_no_key_never_reaches_a_query(lived: AxiomClient, sandbox: Sandbox) -> None:
    with pytest.raises(ValueError, match="hex"):
        lived.activity(["x') | union ['other"], AT, AT + HOUR)
    assert asked(sandbox) == 0


def test_events_of_somebody_else_in_the_dataset_do_not_count(lived: AxiomClient, sandbox: Sandbox) -> None:
    settings = sandbox.environment()
    answer = httpx.post(
        f"{settings['AXIOM_URL']}/v1/datasets/{settings['AXIOM_DATASET']}/ingest",
        json=[{"_time": AT.isoformat(), "message": "hello"}],
        headers={"Authorization": f"Bearer {settings['AXIOM_TOKEN']}"},
    )
    assert answer.json()["ingested"] == 1
    sandbox.shared.clock.advance(HOUR)
    assert lived.entry_ids(AT, AT + 2 * HOUR).len() == 9
    assert lived.organisation_hours(AT, AT + HOUR)["changes"].to_list() == [5]


@pytest.mark.parametrize("kind", ["partial", "estimate", "unknown_priority", "empty_tables"])
def test_an_unreliable_result_is_queried_again_in_smaller_parts(
    lived: AxiomClient, sandbox: Sandbox, kind: str
) -> None:
    misbehave(sandbox, kind)
    assert lived.activity([ANNE, BORIS], AT - DAY, AT + HOUR)["changes"].sum() == 6
    assert asked(sandbox) == 3, "both, then each of the two actors"
    sandbox.shared.calls.clear()
    misbehave(sandbox, kind)
    assert lived.organisation_hours(AT, AT + 4 * HOUR)["changes"].sum() == 5
    assert asked(sandbox) == 5, "all, then hour by hour"


def test_a_result_without_tables_though_events_matched_is_unreliable(lived: AxiomClient, sandbox: Sandbox) -> None:
    misbehave(sandbox, "empty_tables", null=True)
    assert lived.activity([ANNE], AT, AT + 2 * HOUR)["changes"].sum() == 3
    assert asked(sandbox) == 3


def test_a_query_that_needs_too_much_memory_is_split(lived: AxiomClient, sandbox: Sandbox) -> None:
    misbehave(sandbox, "status", status=432, body='{"code":432,"message":"query out of memory"}')
    assert lived.organisation_types(AT - 30 * DAY, AT + HOUR)["changes"].sum() == 6
    assert asked(sandbox) == 5


@pytest.mark.parametrize("kind", ["partial", "estimate", "unknown_priority", "empty_tables"])
def test_a_result_that_stays_unreliable_is_reported_not_used(lived: AxiomClient, sandbox: Sandbox, kind: str) -> None:
    misbehave(sandbox, kind, times=999)
    with pytest.raises(Incomplete, match=r"activity \(2026-11-.* can't be made smaller: run the hour again later"):
        lived.activity([ANNE, BORIS], AT - DAY, AT + HOUR)
    assert asked(sandbox) < 20


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("drop_before", {}),
        ("drop_after", {}),
        ("torn", {}),
        ("status", {"status": 500}),
        ("status", {"status": 502, "body": "<html>", "headers": {"content-type": "text/html"}}),
        ("status", {"status": 200, "body": "<html>", "headers": {"content-type": "text/html"}}),
        ("status", {"status": 429, "headers": {"retry-after": "9"}}),
        ("status", {"status": 503, "headers": {"retry-after": "9"}}),
    ],
)
def test_a_query_is_simply_sent_again(lived: AxiomClient, sandbox: Sandbox, kind: str, options: dict[str, Any]) -> None:
    misbehave(sandbox, kind, times=2, **options)
    assert lived.organisation_hours(AT, AT + HOUR)["changes"].sum() == 5
    assert asked(sandbox) == 3


def test_a_service_that_stays_away_is_reported(lived: AxiomClient, sandbox: Sandbox, clock: JumpingClock) -> None:
    clock.waits.clear()
    misbehave(sandbox, "status", times=99, status=503)
    with pytest.raises(Unavailable, match=r"a query in 5 tries: HTTP 503\. Run the hour again later"):
        lived.organisation_hours(AT, AT + HOUR)
    assert sum(clock.waits) <= 300


def test_a_wait_of_an_hour_is_reported_and_not_waited_for(
    lived: AxiomClient, sandbox: Sandbox, clock: JumpingClock
) -> None:
    clock.waits.clear()
    misbehave(sandbox, "status", times=9, status=429, headers={"retry-after": "3600"})
    with pytest.raises(Unavailable, match=r"too many requests .* asks to wait 3600 s"):
        lived.activity([ANNE], AT, AT + HOUR)
    assert clock.waits == []


def test_a_query_that_axiom_refuses_is_reported_with_its_reason(lived: AxiomClient, sandbox: Sandbox) -> None:
    misbehave(sandbox, "status", status=400, body='{"code":400,"message":"syntax error near x"}')
    with pytest.raises(Refused, match=r"a query .*HTTP 400.*: syntax error near x"):
        lived.activity([ANNE], AT, AT + HOUR)


# What does not fit into one result

CROWD = 55_000


@pytest.fixture(scope="module")
def crowded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[AxiomClient, Sandbox, pl.DataFrame]]:
    """More entries in one hour than a result holds rows, each of a resource type of its own, by two actors."""
    types = [f"type {n}" for n in range(CROWD)]
    actors = [ANNE, BORIS] * (CROWD // 2)
    whole = entries(CROWD, every=timedelta(milliseconds=50), resource_type=types, actor_key=actors, raw=None)
    path: Path = tmp_path_factory.mktemp("crowded")
    with serve_sandbox(Sandbox(path)) as sandbox, client_of(sandbox, JumpingClock(sandbox.shared.clock)) as axiom:
        axiom.ingest(events_from(whole))
        yield axiom, sandbox, whole


def test_an_hour_of_more_entries_than_rows_is_proved(crowded: tuple[AxiomClient, Sandbox, pl.DataFrame]) -> None:
    axiom, _, whole = crowded
    assert axiom.prove(whole).holds
    assert axiom.ingest(events_from(whole)).sent == 0


def test_more_activity_than_rows_is_queried_by_actor(crowded: tuple[AxiomClient, Sandbox, pl.DataFrame]) -> None:
    axiom, _, _ = crowded
    activity = axiom.activity([ANNE, BORIS], AT - DAY, AT + HOUR)
    assert activity.group_by("actor_key").agg(pl.col("changes").sum()).sort("actor_key").rows() == [
        (ANNE, CROWD // 2),
        (BORIS, CROWD // 2),
    ]


def test_a_result_that_can_not_be_made_to_fit_is_reported(crowded: tuple[AxiomClient, Sandbox, pl.DataFrame]) -> None:
    axiom, _, _ = crowded
    with pytest.raises(Incomplete, match="reaches the limit of 50,000 rows"):
        axiom.organisation_types(AT, AT + HOUR)


# The dataset


def test_facts_of_a_dataset(axiom: AxiomClient, sandbox: Sandbox) -> None:
    oldest = sandbox.shared.clock.now().replace(microsecond=0) - 40 * DAY
    put_in(axiom, entries(3, at=oldest))
    facts = axiom.dataset_facts()
    assert (facts.rows, facts.oldest, facts.limits.retention_days) == (3, oldest, 95)
    assert facts.oldest is not None
    assert facts.oldest.utcoffset() == timedelta(0)


@pytest.mark.parametrize("kind", ["status", "torn", "drop_before"])
def test_facts_of_an_empty_dataset_that_the_token_can_not_see(axiom: AxiomClient, sandbox: Sandbox, kind: str) -> None:
    for call in ("datasets", "fields"):
        sandbox.faults.add(Fault("axiom", call, kind, 1, 1, {"status": 403}))
    facts = axiom.dataset_facts()
    assert (facts.rows, facts.incomplete, facts.oldest) == (0, 0, None)
    assert facts.limits == DatasetLimits(None, None)


def test_the_fields_of_a_dataset_are_counted(axiom: AxiomClient, sandbox: Sandbox) -> None:
    put_in(axiom, entries(3))
    assert axiom.dataset_limits().fields == len(schema_in_axiom(sandbox))


@pytest.mark.parametrize("dropped", ["change_kind", "action_result", "raw", "actor_key"])
def test_rows_whose_fields_a_locked_schema_dropped_are_counted(
    axiom: AxiomClient, sandbox: Sandbox, dropped: str
) -> None:
    lines = [json.loads(line) for line in json_lines(events_from(entries(3)))]
    assert post(sandbox, [{name: line[name] for name in line if name != dropped} for line in lines]) == 3
    sandbox.shared.clock.advance(timedelta(seconds=60))
    assert axiom.incomplete_events(AT, AT + HOUR) == 3, "the field is not known at all"
    axiom.ingest(events_from(entries(2, at=AT + HOUR)))
    assert axiom.incomplete_events(AT, AT + HOUR) == 3, "the field is known, and empty"
    assert axiom.incomplete_events(AT + HOUR, AT + 2 * HOUR) == 0


def post(sandbox: Sandbox, events: list[dict[str, Any]]) -> int:
    """Ingest events as another sender would; how many were taken."""
    known = sandbox.environment()
    answer = httpx.post(
        f"{known['AXIOM_URL']}/v1/datasets/{known['AXIOM_DATASET']}/ingest",
        json=events,
        headers={"Authorization": f"Bearer {known['AXIOM_TOKEN']}"},
    )
    return answer.json()["ingested"]


def schema_in_axiom(sandbox: Sandbox) -> list[str]:
    """The names of the fields that a plain query shows."""
    known = sandbox.environment()
    answer = httpx.post(
        f"{known['AXIOM_URL']}/v1/datasets/_apl?format=tabular",
        json={"apl": f"['{known['AXIOM_DATASET']}'] | limit 1"},
        headers={"Authorization": f"Bearer {known['AXIOM_TOKEN']}"},
    )
    return [field["name"] for field in answer.json()["tables"][0]["fields"]]
