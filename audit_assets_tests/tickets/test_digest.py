"""A day's findings under the budget share one ticket: a few in sentences, the others folded, and the rest counted."""

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given, settings

from audit_assets.defs.steps.ticket_opener import TicketOpener
from audit_assets.sandbox.server import Sandbox
from audit_assets.tickets.digest import digest_id
from audit_assets.tickets.finding import Finding
from audit_assets.tickets.markdown import address
from audit_assets.tickets.opening_sentences import TITLE_LENGTH
from audit_assets.tickets.ticket import COMMENT_LENGTH, DESCRIPTION_LENGTH
from audit_assets_tests.linear.workspace import current_tickets, only_issue, written
from audit_assets_tests.tickets.sample_findings import ACCOUNT, HOUR, digest, new_type, unusual
from audit_assets_tests.tickets.test_hostile_tickets import OURS, findings
from audit_assets_tests.tickets.test_markdown import all_tokens

A_DAY = {3: [unusual(1), unusual(6)], 9: [unusual(0, deviations=(new_type(),)), unusual(1)], 23: [unusual(2)]}


def test_the_ticket_names_the_rarest_first_each_actor_once() -> None:
    shared_ticket = digest(A_DAY, allowed=2, of_organisation=11)
    ticket = shared_ticket.ticket
    assert ticket.title == "Digest of 22 Nov: 5 unusual hours of 4 actors, below the alert threshold"
    assert ticket.priority == 4
    opening, heading, named, left_out, words = ticket.description.split("\n\n")
    assert opening == (
        "On 2026-11-22 (UTC) there were 5 unusual hours of 4 actors, none rare enough for a ticket of its own. "
        "In brackets: how often a day the organisation has an hour as unusual."
    )
    assert heading == "## The rarest first"
    assert named.splitlines() == [
        "- `actor-0@example[.]com` at 09:00: first change to api_tokens on record (1.5 a day)",
        "- `actor-1@example[.]com` at 03:00: 214 changes in an hour, usually 3 (2.5 a day); and 1 more hour",
        "- `actor-2@example[.]com` at 23:00: 214 changes in an hour, usually 3 (3.5 a day)",
        "- `actor-6@example[.]com` at 03:00: 214 changes in an hour, usually 3 (7.5 a day)",
    ]
    assert (
        left_out == "Not counted here: 2 that the policy allows and 11 that are part of a finding of the organisation."
    )
    assert "All of them are in `audit-assets summary 2026-11-22`." in words


def test_more_than_a_few_are_folded_away_and_what_does_not_fit_is_counted() -> None:
    many = {hour: [unusual(200 * hour + number) for number in range(200)] for hour in range(24)}
    shared_ticket = digest(many)
    description = shared_ticket.ticket.description
    assert description.count("\n- `actor-") == 5
    _, folded, after = description.split("+++")
    listed = folded.count(":00  actor-")
    assert folded.startswith(f" {listed} more actors\n\n```text\n00:00  actor-5@example[.]com · 214 changes")
    assert 200 < listed < 300
    assert f"and {4_800 - 5 - listed:,} more. All of them are in `audit-assets summary 2026-11-22`." in after
    assert DESCRIPTION_LENGTH - 400 < len(description) <= DESCRIPTION_LENGTH
    assert shared_ticket.comments_for(shared_ticket.parts, described=True) == [], "a digest has no comments of its own"
    repeated = shared_ticket.comments_for(shared_ticket.parts, described=False)
    assert len(repeated) == 24
    assert all(" more. All of them are in " in comment.body for comment in repeated)
    assert max(len(comment.body) for comment in repeated) <= COMMENT_LENGTH


def test_a_digest_is_one_ticket_however_often_it_is_written(sandbox: Sandbox, client: TicketOpener) -> None:
    opened = [client.open_shared_ticket(digest(A_DAY)) for _ in range(3)]
    assert {(each.outcome, each.id) for each in opened} == {
        ("on_shared_ticket", str(digest_id(ACCOUNT, HOUR.replace(hour=0))))
    }
    assert written(sandbox) == {"issueCreate": 1, "attachmentCreate": 1}
    (mark,) = only_issue(sandbox)["attachments"]
    assert (mark["title"], mark["subtitle"]) == ("Axiom: 2026-11-22", "The 3 rarest actors of 4")


def test_an_hour_that_holds_others_by_now_is_added_in_one_comment(sandbox: Sandbox, client: TicketOpener) -> None:
    client.open_shared_ticket(digest(A_DAY))
    before = only_issue(sandbox)["description"]
    late = digest({**A_DAY, 9: [*A_DAY[9], unusual(8)]})
    for _ in range(2):
        assert client.open_shared_ticket(late).outcome == "on_shared_ticket"
    issue = only_issue(sandbox)
    (comment,) = issue["comments"]
    assert comment["body"].splitlines() == [
        "In the hour 2026-11-22 09:00 UTC, which was run again, there are now 3 findings:",
        "",
        "```text",
        "09:00  actor-0@example[.]com · first change to api_tokens on record (1.5 a day)",
        "09:00  actor-1@example[.]com · 214 changes in an hour, usually 3 (2.5 a day)",
        "09:00  actor-8@example[.]com · 214 changes in an hour, usually 3 (9.5 a day)",
        "```",
    ]
    assert issue["description"] == before
    before = current_tickets(sandbox)
    client.open_shared_ticket(digest({9: A_DAY[9] + [unusual(8)]}))
    assert current_tickets(sandbox) == before, "what is no longer found is no news"


@pytest.mark.parametrize(("close", "comments"), [("complete", 1), ("cancel", 1), ("trash", 0)])
def test_a_digest_that_people_closed_stays_closed(
    sandbox: Sandbox, client: TicketOpener, close: str, comments: int
) -> None:
    client.open_shared_ticket(digest(A_DAY))
    getattr(sandbox.linear, close)("SEC-1")
    before = only_issue(sandbox)
    client.open_shared_ticket(digest({**A_DAY, 5: [unusual(8)]}))
    after = only_issue(sandbox)
    assert (after["state"], after["trashed"], len(after["comments"])) == (before["state"], before["trashed"], comments)


@settings(max_examples=25, deadline=None)
@given(findings)
def test_whatever_was_found_a_digest_is_well_formed_and_fits(found: Finding) -> None:
    each = [replace(found, actor_key=f"{number:032x}") for number in range(9)]
    shared_ticket = digest({4: each}, allowed=1)
    assert len(shared_ticket.ticket.title) <= TITLE_LENGTH
    assert len(shared_ticket.ticket.description) <= DESCRIPTION_LENGTH
    (comment,) = shared_ticket.comments_for(shared_ticket.parts, described=False)
    for text in (shared_ticket.ticket.title, shared_ticket.ticket.description, comment.body):
        tokens = all_tokens(text)
        assert {token.type for token in tokens if not token.type.endswith("_close")} <= OURS - {"link_open"}
        assert "://" not in text
        assert "linear.app" not in text.lower()
        assert text.count("```") in (0, 2)
    assert address(shared_ticket.marker.url) == shared_ticket.marker.url


def test_another_day_has_another_digest() -> None:
    midnight = HOUR.replace(hour=0)
    assert digest_id(ACCOUNT, midnight) != digest_id(ACCOUNT, midnight + timedelta(days=1))
