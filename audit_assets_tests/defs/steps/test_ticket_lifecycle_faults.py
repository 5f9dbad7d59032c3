"""A run that dies between any two requests, or loses any answer, leaves nothing that the next one does not complete."""

import contextlib
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from audit_assets.config.errors import Unavailable
from audit_assets.defs.steps.ticket_opener import TicketOpener
from audit_assets.linear.client import LinearClient
from audit_assets.sandbox.server import Sandbox
from audit_assets.transport.http import HttpLimits
from audit_assets_tests.linear.workspace import (
    CHANGES,
    FIRST,
    WRITES,
    Connect,
    current_tickets,
    open_all,
    plan,
    written,
)
from audit_assets_tests.sandbox.linear_calls import Door, door, sandbox
from audit_assets_tests.support import JumpingClock
from audit_assets_tests.tickets.sample_findings import HOUR, digest, finding, new_type, overflow, unusual

__all__ = ["door", "sandbox"]

NEXT = finding(hour=HOUR + timedelta(hours=1), severity="urgent")
ANOTHER_KIND = finding(hour=HOUR + timedelta(hours=1), deviations=(new_type(),))
OVERFLOW = overflow(400)

Step = Callable[[TicketOpener], Any]


def reopening(sandbox: Sandbox, client: TicketOpener) -> Step:
    """A completed ticket, whose next hour is more severe."""
    client.open_ticket(FIRST)
    sandbox.linear.complete("SEC-1")
    return lambda each: each.open_ticket(NEXT)


def following(sandbox: Sandbox, client: TicketOpener) -> Step:
    """A dismissed ticket, whose next hour deviates in another way."""
    client.open_ticket(FIRST)
    sandbox.linear.cancel("SEC-1")
    return lambda each: each.open_ticket(ANOTHER_KIND)


def overflowing(_: Sandbox, __: TicketOpener) -> Step:
    """More actors than get a ticket each."""
    return lambda each: each.open_shared_ticket(OVERFLOW)


def adding(_: Sandbox, client: TicketOpener) -> Step:
    """A day's digest, after another hour of the day came to hold more."""
    client.open_shared_ticket(digest({3: [unusual(1)], 9: [unusual(2)]}))
    now = digest({3: [unusual(1), unusual(7)], 9: [unusual(2)], 11: [unusual(8)]})
    return lambda each: each.open_shared_ticket(now)


SCENES = (reopening, following, overflowing, adding)


Workspace = list[dict[str, Any]]


@pytest.fixture(scope="module")
def whole(door: Door, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Workspace]:
    """What is in Linear after each scene, if nothing goes wrong."""
    return {scene.__name__: undisturbed(scene, door, tmp_path_factory.mktemp("whole")) for scene in SCENES}


def undisturbed(scene: Callable[[Sandbox, TicketOpener], Step], door: Door, folder: Path) -> Workspace:
    with contextlib.closing(Sandbox(folder)) as fresh:
        fresh.url = door.url
        door.behind = fresh.app()
        known = fresh.linear.environment(fresh.url)
        linear = LinearClient(
            api_key=known["LINEAR_API_KEY"],
            team_key=known["LINEAR_TEAM_KEY"],
            url=known["LINEAR_API_URL"],
            clock=JumpingClock(fresh.shared.clock),
        )
        with contextlib.closing(TicketOpener(linear)) as client:
            scene(fresh, client)(client)
        return in_order(fresh)


def in_order(sandbox: Sandbox) -> Workspace:
    return [issue | {"attachments": sorted(issue["attachments"], key=str)} for issue in current_tickets(sandbox)]


@pytest.mark.parametrize("scene", SCENES)
@pytest.mark.parametrize("kind", ["drop_before", "drop_after"])
@pytest.mark.parametrize("number", range(8))
def test_a_run_that_died_at_any_request_is_completed_by_the_next(
    sandbox: Sandbox,
    connect: Connect,
    whole: dict[str, Workspace],
    scene: Callable[[Sandbox, TicketOpener], Step],
    number: int,
    kind: str,
) -> None:
    client = connect()
    step = scene(sandbox, client)
    if number:
        plan(sandbox, "*", kind, at=number, times=100)
        with contextlib.suppress(Unavailable):
            step(connect(limits=HttpLimits(attempts=1)))
        sandbox.faults.clear()
    step(connect())
    assert in_order(sandbox) == whole[scene.__name__]
    before = written(sandbox)
    assert step(connect()).outcome in ("already_on_ticket", "on_shared_ticket")
    assert written(sandbox) == before


@pytest.mark.parametrize("scene", SCENES)
@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("drop_after", {}),
        ("torn", {}),
        ("rate_limited", {"seconds": 90}),
        ("lock_timeout", {}),
        ("success_false", {}),
        ("slow_after", {"seconds": 0.6}),
    ],
)
@pytest.mark.parametrize("status", [200, 400])
def test_a_lost_answer_to_every_write_changes_nothing(
    sandbox: Sandbox,
    connect: Connect,
    whole: dict[str, Workspace],
    scene: Callable[[Sandbox, TicketOpener], Step],
    kind: str,
    options: dict[str, Any],
    status: int,
) -> None:
    sandbox.linear.behaviour.conflict_statuses = (status,)
    step = scene(sandbox, connect())
    for call in (*WRITES, *CHANGES):
        plan(sandbox, call, kind, **options)
    step(connect(limits=HttpLimits(attempts=8, attempt_seconds=0.3)))
    assert in_order(sandbox) == whole[scene.__name__]


def test_a_ticket_that_a_person_closes_between_a_run_that_died_and_the_next_stays_closed(
    sandbox: Sandbox, connect: Connect
) -> None:
    open_all(connect(), FIRST)
    sandbox.linear.complete("SEC-1")
    plan(sandbox, "attachmentCreate", "drop_before", times=100)
    with pytest.raises(Unavailable):
        connect().open_ticket(NEXT)
    sandbox.faults.clear()
    (issue,) = sandbox.linear.issues()
    assert issue["state"] == "Backlog"
    sandbox.linear.complete("SEC-1")
    assert connect().open_ticket(NEXT).outcome == "joined"
    (issue,) = sandbox.linear.issues()
    assert (issue["state"], len(issue["comments"]), len(issue["attachments"])) == ("Done", 1, 2)


def test_a_ticket_thrown_away_before_its_hour_was_marked_is_left_alone(sandbox: Sandbox, connect: Connect) -> None:
    plan(sandbox, "attachmentCreate", "drop_before", times=100)
    with pytest.raises(Unavailable):
        connect().open_ticket(FIRST)
    sandbox.faults.clear()
    sandbox.linear.trash("SEC-1")
    assert connect().open_ticket(FIRST).outcome == "dismissed"
    assert connect().open_ticket(NEXT).outcome == "opened", "what it was about can't be read: it covers nothing"


@pytest.mark.parametrize("call", ["issueUpdate", "commentCreate", "attachmentCreate"])
@pytest.mark.parametrize("status", [200, 400])
def test_a_ticket_that_is_archived_meanwhile_is_out_of_reach(
    sandbox: Sandbox, connect: Connect, call: str, status: int
) -> None:
    open_all(connect(), FIRST)
    body = '{"errors": [{"message": "Entity not found: Issue", "extensions": {"code": "INPUT_ERROR"}}], "data": null}'
    plan(sandbox, call, "status", status=status, body=body)
    left = connect().open_ticket(NEXT)
    assert (left.outcome, left.identifier) == ("unreadable", "SEC-1")


def test_a_ticket_that_another_process_opens_meanwhile_is_joined(sandbox: Sandbox, connect: Connect) -> None:
    nothing = '{"data": {"issues": {"nodes": []}}}'
    connect().open_ticket(FIRST)
    plan(sandbox, "issues", "status", status=200, body=nothing)
    assert connect().open_ticket(NEXT).outcome == "joined"
    sandbox.linear.cancel("SEC-1")
    another_kind = finding(hour=HOUR + timedelta(hours=2), deviations=(new_type(),))
    assert connect().open_ticket(another_kind).outcome == "opened"
    plan(sandbox, "issues", "status", status=200, body=nothing)
    assert connect().open_ticket(finding(hour=HOUR + timedelta(hours=3))).outcome == "joined"
    assert len(sandbox.linear.issues()) == 2
