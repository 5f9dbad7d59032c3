"""What became of a flagged actor is a sentence with its ticket, or with the reason why there is none."""

from datetime import timedelta
from typing import Any

import pytest

from audit_assets.reports.summary_terminal import disposition_sentence, ticket_sentence

MAX_AGE = timedelta(hours=80)


def ticket(outcome: str, identifier: str | None = "SEC-1", **changed: Any) -> dict[str, Any]:
    url = identifier and f"https://linear.app/{identifier}"
    return {"outcome": outcome, "identifier": identifier, "url": url, "closed": None, **changed}


@pytest.mark.parametrize(
    ("outcome", "sentence"),
    [
        ("opened", "SEC-1 opened"),
        ("joined", "added to SEC-1, this actor's open ticket"),
        ("reopened", "SEC-1 reopened"),
        ("already_on_ticket", "already on SEC-1"),
        ("dismissed", "no new ticket: people dismissed SEC-1"),
        ("on_shared_ticket", "listed on SEC-1, as the hour has more flagged actors than tickets"),
    ],
)
def test_a_ticket_is_named_with_what_happened_to_it(outcome: str, sentence: str) -> None:
    assert ticket_sentence(ticket(outcome), MAX_AGE) == sentence


def test_the_tickets_that_it_is_related_to_are_named() -> None:
    related = ticket_sentence(ticket("opened", related=["SEC-2", "SEC-3"]), MAX_AGE)
    assert related == "SEC-1 opened, related to SEC-2, SEC-3"


def test_a_closed_ticket_is_marked_as_closed() -> None:
    on_closed = ticket_sentence(ticket("already_on_ticket", closed=True), MAX_AGE)
    assert on_closed == "already on SEC-1 (closed)"
    assert "(closed)" not in ticket_sentence(ticket("dismissed", closed=True), MAX_AGE)


@pytest.mark.parametrize(
    ("outcome", "max_age", "reason"),
    [
        ("too_old", MAX_AGE, "the hour ended more than 80 h ago"),
        ("too_old", timedelta(hours=1.5), "the hour ended more than 1.5 h ago"),
        ("learning", MAX_AGE, "less than a week of history before the hour"),
        ("never", MAX_AGE, "the run was configured to open none"),
        ("failed", MAX_AGE, "Linear could not be reached, or rejected the request"),
        ("unreadable", MAX_AGE, "Linear does not show the actor's ticket: it is archived or deleted, or the API key"),
    ],
)
def test_without_a_ticket_the_reason_is_a_sentence(outcome: str, max_age: timedelta, reason: str) -> None:
    assert ticket_sentence(ticket(outcome, None), max_age).startswith(f"no ticket: {reason}")


def test_a_dry_run_names_the_planned_action_and_nothing_invisible() -> None:
    planned = ticket("dry_run", None, planned_action="would join \x1b[2JSEC-1")
    assert ticket_sentence(planned, MAX_AGE) == "dry run: would join \\u001b[2JSEC-1"


def test_deviations_are_counted_in_the_right_number() -> None:
    assert disposition_sentence("below_threshold", 2) == "2 deviations below the alert threshold"
    assert disposition_sentence("allowed", 1) == "1 deviation allowed by the policy"
