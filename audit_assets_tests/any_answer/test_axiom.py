"""Axiom's client raises nothing but documented errors, whatever it is answered."""

from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from audit_assets.axiom.aggregates import digest_of_hour, pack_hour
from audit_assets.axiom.client import AxiomClient
from audit_assets.axiom.dashboard import build_dashboard
from audit_assets.axiom.dataset_health import find_issues
from audit_assets.axiom.events import events_from
from audit_assets.axiom.hour_facts import facts_of_events
from audit_assets.axiom.ingest_receipts import DatasetFacts
from audit_assets.axiom.limits import AxiomLimits
from audit_assets.config.change_filter import ChangeFilter
from audit_assets.config.errors import ServiceError
from audit_assets.sandbox.server import Sandbox
from audit_assets_tests.any_answer.changed_answers import CHANGES, Change, ChangingServer, changing
from audit_assets_tests.axiom.made_entries import ANNE, AT, HOUR, client_of, entries
from audit_assets_tests.support import JumpingClock

ENTRIES = entries()
AGGREGATE = pack_hour(facts_of_events(events_from(ENTRIES)).filter(pl.col("hour") == AT), AT)
DAY = AT.replace(hour=0)
DASHBOARD = build_dashboard("cloudflare-audit", None, ChangeFilter())
LIMITS = AxiomLimits(attempts=2, sends=2, visibility_seconds=4.0)
WINDOW = (AT, AT + HOUR)

CALLS: dict[str, Callable[[AxiomClient], Any]] = {
    "ingest": lambda axiom: axiom.ingest(events_from(ENTRIES)),
    "prove": lambda axiom: axiom.prove(ENTRIES),
    "activity": lambda axiom: axiom.activity([ANNE], *WINDOW),
    "origins": lambda axiom: axiom.origins([ANNE], *WINDOW),
    "organisation_activity": lambda axiom: axiom.organisation_activity(*WINDOW),
    "organisation_hours": lambda axiom: axiom.organisation_hours(*WINDOW),
    "organisation_types": lambda axiom: axiom.organisation_types(*WINDOW),
    "actors": lambda axiom: axiom.actors(*WINDOW),
    "hour_facts": lambda axiom: axiom.hour_facts(*WINDOW),
    "send_aggregates": lambda axiom: axiom.aggregates.ingest(AGGREGATE),
    "hour_aggregates": lambda axiom: axiom.aggregates.hours(DAY, {AT: digest_of_hour(AGGREGATE)}),
    "past_aggregates": lambda axiom: axiom.aggregates.past(DAY, {ANNE: "0" * 64}),
    "hours_lacking": lambda axiom: axiom.hours_lacking(axiom.events_by_hour(*WINDOW)),
    "dataset_facts": lambda axiom: _check_facts(axiom.dataset_facts()),
    "dashboard": lambda axiom: axiom.upload_dashboard("audit", DASHBOARD, overwrite=True).encode(),
}


KNOWN = (
    Change(place=(0, "retentionDays"), value=10**12),
    Change(place=(0, "retentionDays"), value=True),
    Change(place=("tables", 0, "columns"), value=[[], []]),
    Change(place=("tables", 0, "columns", 0), value=[None]),
    Change(place=("tables",), value={}),
    Change(place=("dashboard", "uid"), value="\ud800"),
    Change(place=("status", "messages"), value=5),
    Change(place=("status", "messages"), value=[{"code": [1]}]),
    Change(status=429, headers={"Retry-After": "²"}),
    Change(status=429, headers={"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "²"}),
    Change(headers={"Set-Cookie": "²=²"}),
)
"""What ended in an error of another kind before, in this client or in a similar one."""


def _check_facts(facts: DatasetFacts) -> None:
    """As `doctor` reports them."""
    find_issues(facts.limits, facts.incomplete)
    assert facts.rows >= 0
    assert facts.oldest is None or facts.oldest <= datetime.max.replace(tzinfo=UTC)


@pytest.fixture(scope="module")
def between(services: Sandbox) -> Iterator[ChangingServer]:
    with client_of(services, JumpingClock(services.shared.clock)) as axiom:
        axiom.ingest(events_from(ENTRIES))
        assert axiom.prove(ENTRIES).holds
        axiom.aggregates.ingest(AGGREGATE)
    with changing(services.environment()["AXIOM_URL"]) as server:
        yield server


@pytest.mark.parametrize("change", KNOWN, ids=str)
@pytest.mark.parametrize("call", ["ingest", "dataset_facts", "hours_lacking", "dashboard"])
def test_a_known_odd_answer_gives_a_result_or_a_documented_error(
    services: Sandbox, between: ChangingServer, call: str, change: Change
) -> None:
    _call(services, between, call, change)


@pytest.mark.parametrize("call", CALLS)
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_answer_gives_a_result_or_a_documented_error(
    services: Sandbox, between: ChangingServer, call: str, data: st.DataObject
) -> None:
    _call(services, between, call, data.draw(CHANGES))


def _call(services: Sandbox, between: ChangingServer, call: str, change: Change) -> None:
    between.begin(change)
    address = services.environment()["AXIOM_URL"].replace(services.url, between.url)
    with client_of(services, JumpingClock(), url=address, limits=LIMITS) as axiom, suppress(ServiceError):
        CALLS[call](axiom)
