"""Linear's client and the opener of tickets raise nothing but documented errors, whatever Linear answers."""

from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from audit_assets.config.errors import ServiceError
from audit_assets.config.policy_tables import TicketFields
from audit_assets.defs.steps.ticket_opener import TicketOpener
from audit_assets.linear.client import LinearClient
from audit_assets.sandbox.server import Sandbox
from audit_assets.tickets.ticket import ticket_id
from audit_assets.transport.http import HttpLimits
from audit_assets_tests.any_answer.changed_answers import CHANGES, Change, ChangingServer, changing
from audit_assets_tests.linear.workspace import FIRST, LATER, with_chart
from audit_assets_tests.support import JumpingClock
from audit_assets_tests.tickets.sample_findings import finding

TABLE = (TicketFields(labels=("security",), project="Hardening", assignee="alex@harbourline.example"),)
TICKET = ticket_id(FIRST.account_id, FIRST.actor_key, 0)
NEWEST = timedelta(days=1)


NODE = ("data", "issues", "nodes", 0)
KNOWN = (
    Change(place=(*NODE, "priority"), value=float("inf")),
    Change(place=(*NODE, "state", "type"), value=["started"]),
    Change(place=(*NODE, "canceledAt"), value="2026-11-20T10:00:00"),
    Change(place=(*NODE, "updatedAt"), value="0001-01-01T00:00:00Z"),
    Change(place=(*NODE, "identifier"), value=[1]),
    Change(place=(*NODE, "url"), value="\ud800"),
    Change(place=(*NODE, "marks", "nodes", 0, "metadata"), value={"severity": [1]}),
    Change(place=(*NODE, "marks", "nodes", 0, "metadata"), value={"severity": "low", "covers": f"new:x:{'9' * 5_000}"}),
    Change(place=("data", "teams", "nodes", 0, "states"), value=5),
    Change(place=("data", "teams", "nodes", 0, "defaultIssueState"), value=[1]),
    Change(place=("data", "teams", "nodes", 0, "id"), value=float("nan")),
    Change(place=("data", "viewer", "name"), value=5),
    Change(status=429, headers={"Retry-After": "²", "X-RateLimit-Requests-Reset": "²"}),
    Change(headers={"Set-Cookie": "²=²"}),
)
"""What ended in an error of another kind before, in this client or in a similar one."""


def _facts(opener: TicketOpener) -> None:
    facts = opener.linear.check()
    "\n".join(filter(None, [facts.who, facts.team, facts.state, facts.label, *facts.problems])).encode()


def _open(opener: TicketOpener) -> None:
    opened = opener.open_ticket(finding(hour=LATER.hour + NEWEST, deviations=LATER.deviations), add_chart=with_chart)
    "".join(filter(None, [opened.identifier, opened.url, opened.refused])).encode()


CALLS: dict[str, Callable[[TicketOpener], Any]] = {
    "check": _facts,
    "verdicts": lambda opener: opener.linear.ticket_verdicts([TICKET, UUID(int=7)]),
    "labels": lambda opener: opener.linear.verdict_labels(),
    "open": _open,
    "again": lambda opener: opener.open_ticket(FIRST),
    "undismissed": lambda opener: opener.undismissed([TICKET]),
    "upload": lambda opener: opener.linear.issues.upload("a.png", "image/png", b"x", seconds=9.0).encode(),
}


@pytest.fixture(scope="module")
def between(services: Sandbox) -> Iterator[ChangingServer]:
    known = services.linear.environment(services.url)
    with closing(_opener(services, known["LINEAR_API_URL"])) as opener:
        opener.open_ticket(FIRST)
        opener.open_ticket(LATER)
    with changing(known["LINEAR_API_URL"]) as server:
        yield server


def _opener(services: Sandbox, url: str, **options: Any) -> TicketOpener:
    known = services.linear.environment(services.url)
    key, team = known["LINEAR_API_KEY"], known["LINEAR_TEAM_KEY"]
    return TicketOpener(
        LinearClient(api_key=key, team_key=team, label="audit", url=url, clock=JumpingClock(), **options)
    )


@pytest.mark.parametrize("change", KNOWN, ids=str)
@pytest.mark.parametrize("call", ["check", "verdicts", "open"])
def test_a_known_odd_answer_gives_a_result_or_a_documented_error(
    services: Sandbox, between: ChangingServer, call: str, change: Change
) -> None:
    _call(services, between, call, change)


@pytest.mark.parametrize("call", CALLS)
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_answer_gives_a_result_or_a_documented_error(
    services: Sandbox, between: ChangingServer, call: str, data: st.DataObject
) -> None:
    _call(services, between, call, data.draw(CHANGES))


def _call(services: Sandbox, between: ChangingServer, call: str, change: Change) -> None:
    between.begin(change)
    services.shared.clock.advance(timedelta(minutes=20))  # for its rate limit
    address = services.linear.environment(services.url)["LINEAR_API_URL"].replace(services.url, between.url)
    options = {"limits": HttpLimits(attempts=2), "fields": TABLE}
    with closing(_opener(services, address, **options)) as opener, suppress(ServiceError):
        CALLS[call](opener)
