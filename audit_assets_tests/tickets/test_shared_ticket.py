"""Too many actors for a ticket each share one, which lists as many as fit and names where all of them are."""

from dataclasses import replace

import pytest

from audit_assets.defs.steps.ticket_opener import TicketOpener
from audit_assets.linear.issues import CommentContent
from audit_assets.sandbox.server import Sandbox
from audit_assets.tickets.opening_sentences import TITLE_LENGTH
from audit_assets.tickets.overflow import COMMENTS
from audit_assets.tickets.shared_ticket import SharedTicket
from audit_assets.tickets.ticket import COMMENT_LENGTH, DESCRIPTION_LENGTH
from audit_assets_tests.linear.workspace import current_tickets, only_issue, plan, written
from audit_assets_tests.tickets.sample_findings import HOUR, many, overflow, overflow_of

MANY = 9_981


def comments_of(shared_ticket: SharedTicket, *, described: bool) -> list[CommentContent]:
    """The comments about all of it."""
    return shared_ticket.comments_for(shared_ticket.parts, described=described)


def test_the_ticket_has_how_many_and_names_the_most_severe_first() -> None:
    ticket = overflow(MANY).ticket
    assert ticket.title == "9,981 more actors deviated, too many for a ticket each (10:00 UTC, 22 Nov)"
    assert ticket.priority == 3
    assert len(ticket.title) <= TITLE_LENGTH
    assert ticket.description.startswith(
        "In the hour 2026-11-22 10:00 UTC, 9,981 more actors deviated besides those with a ticket of their own: "
        "too many for a ticket each."
    )
    assert (
        "\n```text\nmedium  actor-0@example[.]com · 214 changes in an hour, usually 3\nlow     actor-1@example[.]com · "
    ) in ticket.description
    assert ticket.description.endswith(" more. The list continues in the comments.")


@pytest.mark.parametrize("count", [1, 250, 1_000, MANY])
@pytest.mark.parametrize("described", [True, False])
def test_every_actor_is_listed_once_up_to_the_bound(count: int, *, described: bool) -> None:
    shared_ticket = overflow(count)
    comments = [comment.body for comment in comments_of(shared_ticket, described=described)]
    texts = [shared_ticket.ticket.description] * described + comments
    named = [line.split()[1] for text in texts for line in text.splitlines() if line.startswith(("low ", "medium "))]
    assert named == [f"actor-{number}@example[.]com" for number in range(len(named))]
    assert len(named) == count or (len(comments) == COMMENTS and len(named) > 2_000)
    assert f"and {count - len(named):,} more. They are in the summary of the hour." in texts[-1] or len(named) == count
    assert all(len(text) <= DESCRIPTION_LENGTH for text in texts)
    assert all(len(text) <= COMMENT_LENGTH for text in comments)


def test_hostile_names_stay_in_their_line() -> None:
    first, second, third = many(3)
    bad = replace(second, actor="eve\n```\n# Look https://linear.app/acme/profiles/bob \u202e" + "x" * 500)
    hostile = overflow_of([first, bad, third])
    (comment,) = comments_of(hostile, described=False)
    for text in (hostile.ticket.description, comment.body):
        assert text.count("```") == 2
        assert "linear.app" not in text
        assert "\u202e" not in text
        assert "\n# Look" not in text


def test_an_overflow_is_one_ticket_however_often_it_is_written(sandbox: Sandbox, client: TicketOpener) -> None:
    opened = [client.open_shared_ticket(overflow(600)) for _ in range(3)]
    assert {(each.outcome, each.identifier, each.closed) for each in opened} == {("on_shared_ticket", "SEC-1", False)}
    issue = only_issue(sandbox)
    assert len(issue["comments"]) == len(comments_of(overflow(600), described=True))
    (mark,) = issue["attachments"]
    assert (mark["title"], mark["subtitle"]) == ("Axiom: 2026-11-22 10:00 UTC", "The 20 most severe actors of 600")
    assert written(sandbox) == {
        "issueCreate": 1,
        "commentCreate": len(issue["comments"]),
        "attachmentCreate": 1,
    }


def test_another_hour_has_another_ticket(sandbox: Sandbox, client: TicketOpener) -> None:
    client.open_shared_ticket(overflow(30))
    client.open_shared_ticket(overflow(30, hour=HOUR.replace(hour=11)))
    assert len(sandbox.linear.issues()) == 2


@pytest.mark.parametrize("count", [300, 301])
def test_a_list_that_changed_is_added_too(sandbox: Sandbox, client: TicketOpener, count: int) -> None:
    client.open_shared_ticket(overflow(300))
    before = len(only_issue(sandbox)["comments"])
    for _ in range(2):
        assert client.open_shared_ticket(overflow(count, first=1)).identifier == "SEC-1"
    comments = only_issue(sandbox)["comments"][before:]
    assert len(comments) == len(comments_of(overflow(count, first=1), described=False))
    assert any(f"actor-{count}@example[.]com" in comment["body"] for comment in comments)
    before = current_tickets(sandbox)
    client.open_shared_ticket(overflow(count, first=1))
    assert current_tickets(sandbox) == before


@pytest.mark.parametrize("close", ["complete", "cancel", "trash", "archive"])
def test_what_people_do_to_it_stays_done(sandbox: Sandbox, client: TicketOpener, close: str) -> None:
    client.open_shared_ticket(overflow(30))
    getattr(sandbox.linear, close)("SEC-1")
    before = current_tickets(sandbox)
    assert client.open_shared_ticket(overflow(30)).outcome == "on_shared_ticket"
    assert current_tickets(sandbox) == before


def test_one_that_is_out_of_reach_is_reported(sandbox: Sandbox, client: TicketOpener) -> None:
    client.open_shared_ticket(overflow(30))
    plan(sandbox, "issues", "status", times=2, status=200, body='{"data": {"issues": {"nodes": []}}}')
    assert client.open_shared_ticket(overflow(30)).outcome == "unreadable"
    sandbox.linear.trash("SEC-1")
    left = client.open_shared_ticket(overflow(31))
    assert (left.outcome, left.identifier) == ("unreadable", "SEC-1")


def test_the_mark_is_the_list_s_whatever_its_order() -> None:
    assert overflow_of(many(30)[::-1]).marker.id == overflow(30).marker.id
    assert overflow(31).marker.id != overflow(30).marker.id
