"""Reads people's verdicts on tickets from the states and labels of their issues, found by id and never by text.

Completed with the label `confirmed-incident` is a confirmation; canceled, duplicate, in the trash or labelled
`false-positive` is a dismissal. Both at once contradict each other.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any
from uuid import UUID

from audit_assets.config.errors import Incomplete
from audit_assets.config.policy_tables import CONFIRMED_LABEL, DISMISSED_LABEL, VERDICT_LABELS
from audit_assets.linear.graphql_connection import GraphqlConnection
from audit_assets.linear.issue_api import issue_state, wrong_issue
from audit_assets.linear.issues import IssueState, TicketVerdict

TICKETS_PER_REQUEST = 50
"""As queries/ticket_verdicts.graphql asks: about 750 of the 10,000 that a query may cost (docs/facts/linear.md, 2)."""


def verdict_on(issue: IssueState, labels: Iterable[str]) -> TicketVerdict:
    """The verdict of an issue's state and labels. What Linear closed by itself is none."""
    is_open = not (issue.is_closed or issue.trashed)
    confirmed = CONFIRMED_LABEL in labels and (is_open or issue.is_dismissed or issue.state == "completed")
    dismissed = DISMISSED_LABEL in labels or issue.is_dismissed
    if confirmed and dismissed:
        return TicketVerdict("contradictory", is_open)
    return TicketVerdict("confirmed" if confirmed else "dismissed" if dismissed else None, is_open)


def find_verdicts(connection: GraphqlConnection, tickets: Iterable[UUID]) -> dict[UUID, TicketVerdict]:
    """The verdicts on these tickets, archived and trashed ones too. A ticket that Linear does not show is left out: it
    was deleted for good, or this key can no longer see it. Raises `Incomplete`, and as the connection does."""
    ids = sorted({*tickets})
    found: dict[UUID, TicketVerdict] = {}
    for first in range(0, len(ids), TICKETS_PER_REQUEST):
        asked = frozenset(ids[first : first + TICKETS_PER_REQUEST])
        variables = {"ids": sorted(map(str, asked))}
        found |= connection.ask("ticket_verdicts", variables, lambda data, asked=asked: dict(_verdicts(data, asked)))
    return found


def _verdicts(data: Mapping[str, Any], asked: frozenset[UUID]) -> Iterator[tuple[UUID, TicketVerdict]]:
    for node in data["issues"]["nodes"]:
        own_id = UUID(node["id"])
        if own_id not in asked:
            raise wrong_issue()
        yield own_id, verdict_on(IssueState(**issue_state(node)), _names(node["labels"]["nodes"]))


def find_verdict_labels(connection: GraphqlConnection, team: Mapping[str, Any]) -> frozenset[str]:
    """Those of VERDICT_LABELS that exist in this team or in the whole workspace."""

    def parse(data: Mapping[str, Any]) -> frozenset[str]:
        labels = data["issueLabels"]["nodes"]
        usable = [label for label in labels if not label["isGroup"] and (label["team"] or team)["id"] == team["id"]]
        _names(labels)
        return frozenset(_names(usable))

    return connection.ask("verdict_labels", {}, parse)


def _names(labels: Iterable[Mapping[str, Any]]) -> list[str]:
    names = [label["name"].casefold() for label in labels]
    if not {*names} <= {*VERDICT_LABELS}:
        raise Incomplete("Linear answered with labels that were not asked for. Try again.")
    return names
