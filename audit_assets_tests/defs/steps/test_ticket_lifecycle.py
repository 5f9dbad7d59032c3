"""A ticket's life in Linear: what people did to it decides where the next hour goes."""

from datetime import timedelta

import pytest

from audit_assets.defs.steps.ticket_opener import TicketOpener
from audit_assets.sandbox.server import Sandbox
from audit_assets.tickets.lifecycle import OpenedTicket
from audit_assets.tickets.ticket import comment_for, ticket_id
from audit_assets_tests.linear.workspace import Connect, only_issue, open_all, plan, written
from audit_assets_tests.sandbox.linear_calls import door, sandbox
from audit_assets_tests.support import JumpingClock
from audit_assets_tests.tickets.sample_findings import ACCOUNT, ALICE, HOUR, burst, finding, new_type, together

__all__ = ["door", "sandbox"]

DAY = timedelta(days=1)
NEEDS_WRITE = "Linear does not let the owner of LINEAR_API_KEY {} SEC-1: give the key the permission Write."


@pytest.fixture(autouse=True)
def the_hour_has_just_ended(clock: JumpingClock) -> None:
    """Linear's times are the sandbox's: it is a quarter past the end of the hour that the findings are of."""
    clock.sleep((HOUR + timedelta(minutes=75) - clock.now()).total_seconds())


def open_hour(client: TicketOpener, hours: float, **of: object) -> OpenedTicket:
    """Put Alice's burst on a ticket, so many hours after the first."""
    return client.open_ticket(finding(hour=HOUR + timedelta(hours=hours), **of))


def states(sandbox: Sandbox) -> list[str]:
    """The states of the tickets, the oldest first."""
    return [issue["state"] for issue in sandbox.linear.issues()]


@pytest.mark.parametrize("state", ["Triage", "Backlog", "Todo", "In Progress", "In Review"])
def test_an_open_ticket_takes_the_next_hour_on_and_stays_as_it_is(
    sandbox: Sandbox, client: TicketOpener, state: str
) -> None:
    open_hour(client, 0)
    sandbox.linear.move("SEC-1", state)
    assert open_hour(client, 1).outcome == "joined"
    assert only_issue(sandbox)["state"] == state
    assert "issueUpdate" not in written(sandbox)


def test_a_ticket_completed_lately_is_reopened_with_a_comment(
    sandbox: Sandbox, client: TicketOpener, clock: JumpingClock
) -> None:
    open_hour(client, 0)
    sandbox.linear.complete("SEC-1")
    clock.sleep(13 * DAY.total_seconds())
    reopened = open_hour(client, 13 * 24)
    assert (reopened.outcome, reopened.identifier, reopened.closed) == ("reopened", "SEC-1", False)
    issue = only_issue(sandbox)
    assert (issue["state"], issue["completedAt"]) == ("Backlog", None)
    assert [comment["id"] for comment in issue["comments"]] == [
        str(comment_for(finding(hour=HOUR + timedelta(days=13))).id)
    ]
    assert len(issue["attachments"]) == 2


@pytest.mark.parametrize("archived", [True, False])
@pytest.mark.parametrize("archived_are_writable", [True, False])
def test_a_ticket_completed_long_ago_is_followed_by_the_next_generation(
    sandbox: Sandbox, client: TicketOpener, clock: JumpingClock, *, archived: bool, archived_are_writable: bool
) -> None:
    sandbox.linear.behaviour.archived_issues_are_writable = archived_are_writable
    open_hour(client, 0)
    sandbox.linear.complete("SEC-1")
    if archived:
        sandbox.linear.archive("SEC-1")
    clock.sleep(15 * DAY.total_seconds())
    opened = open_hour(client, 15 * 24)
    assert opened == OpenedTicket(str(ticket_id(ACCOUNT, ALICE, 1)), "SEC-2", opened.url, "opened")
    old, new = sandbox.linear.issues()
    assert (old["state"], old["comments"], len(old["attachments"])) == ("Done", [], 1)
    assert new["related"] == ([] if archived and not archived_are_writable else ["SEC-1"])
    assert open_hour(client, 15 * 24 + 1).identifier == "SEC-2"


def test_a_completed_ticket_that_is_archived_takes_nothing_on_and_is_followed(
    sandbox: Sandbox, client: TicketOpener
) -> None:
    open_hour(client, 0)
    sandbox.linear.complete("SEC-1")
    sandbox.linear.archive("SEC-1")
    assert [open_hour(client, 1).identifier for _ in range(2)] == ["SEC-2", "SEC-2"]


@pytest.mark.parametrize("sets", ["", "canceledAt", "completedAt"])
@pytest.mark.parametrize("verdict", ["Canceled", "Duplicate", "trash"])
def test_a_dismissed_actor_is_quiet_for_30_days(
    sandbox: Sandbox, client: TicketOpener, clock: JumpingClock, verdict: str, sets: str
) -> None:
    sandbox.linear.behaviour.duplicate_sets = sets
    open_hour(client, 0)
    if verdict == "trash":
        sandbox.linear.trash("SEC-1")
    else:
        sandbox.linear.move("SEC-1", verdict)
    before = sandbox.linear.issues()
    quiet = [open_hour(client, hours) for hours in (1, 24, 30 * 24 - 1)]
    assert {(each.outcome, each.identifier, each.closed) for each in quiet} == {
        ("dismissed", "SEC-1", verdict != "trash")
    }
    assert sandbox.linear.issues() == before
    clock.sleep(31 * DAY.total_seconds())
    assert open_hour(client, 2).outcome == "dismissed", "the hour fell into the quiet time, however late it is run"
    assert open_hour(client, 31 * 24).outcome == "opened"
    assert [issue["related"] for issue in sandbox.linear.issues()] == [[], [] if verdict == "trash" else ["SEC-1"]]


def test_how_long_it_is_quiet_is_a_setting(sandbox: Sandbox, connect: Connect) -> None:
    client = connect(quiet=timedelta(days=2))
    open_hour(client, 0)
    sandbox.linear.cancel("SEC-1")
    assert [open_hour(client, hours).outcome for hours in (24, 72)] == ["dismissed", "opened"]


def test_a_dismissed_actor_gets_a_ticket_again_for_another_kind_of_deviation(
    sandbox: Sandbox, client: TicketOpener
) -> None:
    open_hour(client, 0)
    sandbox.linear.cancel("SEC-1")
    assert open_hour(client, 1).outcome == "dismissed"
    assert open_hour(client, 2, deviations=(burst(), new_type())).outcome == "opened"
    sandbox.linear.cancel("SEC-2")
    outcomes = [
        open_hour(client, 3 + hour, deviations=(each,)).outcome
        for hour, each in enumerate((burst(), new_type(), together("anne", "boris")))
    ]
    assert outcomes == ["dismissed", "dismissed", "opened"]
    assert [issue["related"] for issue in sandbox.linear.issues()] == [[], ["SEC-1"], ["SEC-2"]]


def test_verdicts_on_two_kinds_in_two_tickets_count_together(sandbox: Sandbox, client: TicketOpener) -> None:
    open_hour(client, 0)
    sandbox.linear.cancel("SEC-1")
    assert open_hour(client, 1, deviations=(new_type(),)).outcome == "opened"
    sandbox.linear.cancel("SEC-2")
    assert open_hour(client, 2, deviations=(burst(), new_type())).outcome == "dismissed"


def test_what_joined_a_ticket_is_dismissed_with_it(sandbox: Sandbox, client: TicketOpener) -> None:
    open_hour(client, 0)
    open_hour(client, 1, deviations=(new_type(),))
    sandbox.linear.cancel("SEC-1")
    assert open_hour(client, 2, deviations=(new_type(),)).outcome == "dismissed"


def test_what_linear_closed_by_itself_is_nobodys_verdict(
    sandbox: Sandbox, client: TicketOpener, clock: JumpingClock
) -> None:
    open_hour(client, 0)
    sandbox.linear.close_as_stale("SEC-1")
    assert open_hour(client, 1).outcome == "reopened"
    sandbox.linear.close_as_stale("SEC-1")
    clock.sleep(20 * DAY.total_seconds())
    assert open_hour(client, 20 * 24).identifier == "SEC-2"


def test_a_person_who_dismisses_later_what_linear_had_closed_counts(
    sandbox: Sandbox, client: TicketOpener, clock: JumpingClock
) -> None:
    open_hour(client, 0)
    sandbox.linear.close_as_stale("SEC-1")
    sandbox.linear.move("SEC-1", "Todo")
    clock.sleep(3_600)
    sandbox.linear.cancel("SEC-1")
    assert open_hour(client, 2).outcome == "dismissed"


@pytest.mark.parametrize("close", ["complete", "cancel", "trash", "archive"])
def test_an_hour_that_is_on_a_ticket_is_recognised_whatever_became_of_it(
    sandbox: Sandbox, client: TicketOpener, close: str
) -> None:
    open_all(client, finding(), finding(hour=HOUR + timedelta(hours=1)))
    getattr(sandbox.linear, close)("SEC-1")
    before = sandbox.linear.issues()
    assert [open_hour(client, hour).outcome for hour in (0, 1)] == ["already_on_ticket", "already_on_ticket"]
    assert sandbox.linear.issues() == before


def test_an_hour_is_seen_on_an_earlier_generation_too(sandbox: Sandbox, client: TicketOpener) -> None:
    open_hour(client, 0)
    sandbox.linear.cancel("SEC-1")
    open_hour(client, 1, deviations=(new_type(),))
    before = sandbox.linear.issues()
    assert (open_hour(client, 0).outcome, open_hour(client, 0).identifier) == ("already_on_ticket", "SEC-1")
    assert sandbox.linear.issues() == before


def test_an_hour_is_the_same_hour_after_its_query_changed(sandbox: Sandbox, client: TicketOpener) -> None:
    open_all(client, finding(), finding(hour=HOUR + timedelta(hours=1)))
    before = only_issue(sandbox)
    for hour in (0, 1):
        assert (
            open_hour(client, hour, axiom_url="https://app.axiom.co/acme/another/query").outcome == "already_on_ticket"
        )
    assert only_issue(sandbox) == before


def test_an_hour_whose_query_somebody_had_attached_by_hand_is_seen(sandbox: Sandbox, client: TicketOpener) -> None:
    open_hour(client, 0)
    later = finding(hour=HOUR + timedelta(hours=1))
    with sandbox.linear.store.transaction():
        by_hand = {"title": "Look", "subtitle": None, "metadata": {}, "url": later.axiom_url}
        issue = only_issue(sandbox)["id"]
        sandbox.linear.store.add("Attachment", by_hand | {"issueId": issue}, parent=issue, alias=later.axiom_url)
    assert client.open_ticket(later).outcome == "already_on_ticket"


@pytest.mark.parametrize(
    ("set_to", "severity", "becomes"),
    [(2, "urgent", 1), (2, "low", 2), (4, "medium", 3), (1, "urgent", 1), (0, "low", 4), (4, "low", 4)],
)
def test_the_priority_rises_with_the_severity_and_never_falls(
    sandbox: Sandbox, client: TicketOpener, set_to: int, severity: str, becomes: int
) -> None:
    open_hour(client, 0)
    sandbox.linear.set_priority("SEC-1", set_to)
    assert open_hour(client, 1, severity=severity).outcome == "joined"
    assert only_issue(sandbox)["priority"] == becomes
    assert (written(sandbox).get("issueUpdate", 0) == 1) == (set_to != becomes)


def test_a_description_that_people_rewrote_is_left_alone(sandbox: Sandbox, client: TicketOpener) -> None:
    open_hour(client, 0)
    sandbox.linear.edit_description("SEC-1", "It was a migration.")
    open_hour(client, 1, severity="urgent")
    sandbox.linear.complete("SEC-1")
    open_hour(client, 2, severity="urgent")
    assert [open_hour(client, hour).outcome for hour in (0, 1, 2)] == ["already_on_ticket"] * 3
    issue = only_issue(sandbox)
    assert (issue["description"], issue["title"]) == ("It was a migration.", issue["title"])
    assert len(issue["comments"]) == 2


@pytest.mark.parametrize(
    ("close", "severity", "verbs"),
    [("complete", "high", "reopen"), ("complete", "urgent", "reopen and raise the priority of"),
     ("", "urgent", "raise the priority of")],
)  # fmt: skip
def test_what_the_key_may_not_do_is_reported_and_nothing_is_lost(
    sandbox: Sandbox, client: TicketOpener, close: str, severity: str, verbs: str
) -> None:
    sandbox.linear.behaviour.key_may_write = False
    open_hour(client, 0)
    if close:
        sandbox.linear.complete("SEC-1")
    opened = open_hour(client, 1, severity=severity)
    assert (opened.outcome, opened.closed, opened.refused) == ("joined", bool(close), NEEDS_WRITE.format(verbs))
    issue = only_issue(sandbox)
    assert (len(issue["comments"]), len(issue["attachments"]), issue["priority"]) == (1, 2, 2)
    assert open_hour(client, 1, severity=severity).outcome == "already_on_ticket"
    assert written(sandbox)["issueUpdate"] == 1


def test_a_relation_that_the_key_may_not_make_is_reported(sandbox: Sandbox, client: TicketOpener) -> None:
    sandbox.linear.behaviour.key_may_write = False
    open_hour(client, 0)
    sandbox.linear.cancel("SEC-1")
    opened = open_hour(client, 1, deviations=(new_type(),))
    assert (opened.outcome, opened.refused) == ("opened", NEEDS_WRITE.format("relate a ticket to"))


def test_a_ticket_that_was_moved_to_another_team_is_reported_to_stay_closed(
    sandbox: Sandbox, client: TicketOpener
) -> None:
    open_hour(client, 0)
    sandbox.linear.complete("SEC-1")
    body = (
        '{"errors": [{"message": "Discrepancy between issue team and state", "extensions": {"code": "INVALID_INPUT"}}]}'
    )
    plan(sandbox, "issueUpdate", "status", status=400, body=body)
    opened = open_hour(client, 1)
    assert (opened.outcome, opened.closed) == ("joined", True)
    assert opened.refused
    assert opened.refused.startswith("Linear would not reopen SEC-1, so do it by hand. Linear rejected the request")


def test_an_actor_with_many_generations_is_found_at_the_last(sandbox: Sandbox, client: TicketOpener) -> None:
    for generation in range(21):
        assert open_hour(client, generation).outcome == "opened"
        sandbox.linear.complete(f"SEC-{generation + 1}")
        sandbox.linear.archive(f"SEC-{generation + 1}")
    assert len(sandbox.linear.issues()) == 21
    assert open_hour(client, 0).outcome == "already_on_ticket"
