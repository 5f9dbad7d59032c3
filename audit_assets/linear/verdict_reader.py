"""What people said by what they did to a ticket: read from its state and its labels, by its id and never by text.

Completed with the label `confirmed-incident` says that it was one; canceled, duplicate, in the trash or with the label
`false-positive` says that there was nothing to it. Whoever says both has said neither.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal
from uuid import UUID

from audit_assets.config.errors import Incomplete
from audit_assets.linear.graphql_connection import Wire
from audit_assets.linear.issues import another_issue, state_in
from audit_assets.tickets.lifecycle import CONFIRMED_LABEL, DISMISSED_LABEL, VERDICT_LABELS, TicketState

TICKETS_ASKED = 50
"""So many at once, as the document says: about 750 of the 10,000 that a query may cost (docs/facts/linear.md, 2)."""

Says = Literal["confirmed", "dismissed", "contradictory"]


@dataclass(frozen=True)
class TicketVerdict:
    """What a ticket says: None is nothing, be it open or closed. An `open` one with a label may have got it for earlier
    hours than its last."""

    says: Says | None
    open: bool


def verdict_on(ticket: TicketState, labels: Iterable[str]) -> TicketVerdict:
    """What a ticket's state and labels say. What Linear closed by itself says nothing."""
    is_open = not (ticket.closed or ticket.trashed)
    confirmed = CONFIRMED_LABEL in labels and (is_open or ticket.dismissed or ticket.state == "completed")
    dismissed = DISMISSED_LABEL in labels or ticket.dismissed
    if confirmed and dismissed:
        return TicketVerdict("contradictory", is_open)
    return TicketVerdict("confirmed" if confirmed else "dismissed" if dismissed else None, is_open)


def find_verdicts(wire: Wire, tickets: Iterable[UUID]) -> dict[UUID, TicketVerdict]:
    """What people said of these tickets, archived and trashed ones too. One that Linear does not show is left out: it
    was deleted for good, or this key can't see it any more. Raises `Incomplete`, and what a `Wire` raises."""
    ids = sorted({*tickets})
    found: dict[UUID, TicketVerdict] = {}
    for first in range(0, len(ids), TICKETS_ASKED):
        asked = frozenset(ids[first : first + TICKETS_ASKED])
        variables = {"ids": sorted(map(str, asked))}
        found |= wire.ask("ticket_verdicts", variables, lambda data, asked=asked: dict(_verdicts(data, asked)))
    return found


def _verdicts(data: Mapping[str, Any], asked: frozenset[UUID]) -> Iterator[tuple[UUID, TicketVerdict]]:
    for node in data["issues"]["nodes"]:
        own_id = UUID(node["id"])
        if own_id not in asked:
            raise another_issue()
        yield own_id, verdict_on(TicketState(**state_in(node)), _names(node["labels"]["nodes"]))


def find_verdict_labels(wire: Wire, team: Mapping[str, Any]) -> frozenset[str]:
    """Which of VERDICT_LABELS there are, of this team or of the whole workspace."""

    def take(data: Mapping[str, Any]) -> frozenset[str]:
        labels = data["issueLabels"]["nodes"]
        usable = [label for label in labels if not label["isGroup"] and (label["team"] or team)["id"] == team["id"]]
        _names(labels)
        return frozenset(_names(usable))

    return wire.ask("verdict_labels", {}, take)


def _names(labels: Iterable[Mapping[str, Any]]) -> list[str]:
    names = [label["name"].casefold() for label in labels]
    if not {*names} <= {*VERDICT_LABELS}:
        raise Incomplete("Linear answered with labels that were not asked for. Try again.")
    return names
