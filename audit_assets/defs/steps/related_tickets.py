"""Names on each ticket of an hour those that it is related to, and on these the tickets of the hour.

What is known when a ticket is written is in its text: the tickets of earlier hours, and those that the hour wrote
before it. These get one comment each, once all are written, whose id is computed: an hour that is run again adds none.
"""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import UUID

from audit_assets.config.errors import Refused, ServiceError
from audit_assets.defs.steps.related_findings import HourRelations, KnownTicket
from audit_assets.defs.steps.ticket_opener import TicketOpener
from audit_assets.tickets.finding import Finding
from audit_assets.tickets.lifecycle import ON_OWN_TICKET, OpenedTicket
from audit_assets.tickets.related_ticket import RelatedTicket


class RelatedTickets:
    """The related tickets of one hour. `refused`: what Linear did not let us do, `failed`: why tickets could not be
    written to; a sentence each."""

    def __init__(self, found: HourRelations, opener: TicketOpener, hour: datetime) -> None:
        self._found = found
        self._opener = opener
        self._hour = hour
        self._of_key: dict[str, list[Mapping[str, Any]]] = defaultdict(list)
        for row in found.relations.iter_rows(named=True):
            self._of_key[row["ticket_key"]].append(row)
        self._written: dict[str, KnownTicket | None] = {}
        self._named: dict[str, set[UUID]] = defaultdict(set)
        self._undismissed: frozenset[UUID] | None = None
        self.refused: list[str] = []
        self.failed: list[str] = []

    def name_on(self, finding: Finding) -> Finding:
        """The finding with the related tickets that are known by now. Raises `ServiceError`."""
        related = self._related(finding.actor_key)
        self._named[finding.actor_key] = {each.id for each in related}
        return replace(finding, related=related)

    def add(self, finding: Finding, opened: OpenedTicket) -> None:
        """Remember what became of a finding of the hour."""
        is_on_ticket = opened.outcome in ON_OWN_TICKET
        ticket = KnownTicket(UUID(opened.id), opened.identifier or "") if is_on_ticket else None
        self._written[finding.actor_key] = ticket

    def write(self) -> None:
        """Comment on the tickets that could not name the others in their text. Safe to repeat at any time."""
        for key in self._of_key:
            try:
                if (ticket := self._ticket(key)) is None:
                    continue
                news = [each for each in self._related(key) if each.is_new and each.id not in self._named[key]]
                refused = self._opener.add_related(ticket.id, self._hour, news) if news else None
                self.refused += [refused] if refused else []
            except Refused as refusal:
                self.refused.append(str(refusal))
            except ServiceError as error:
                self.failed.append(str(error))

    def identifiers(self, key: str) -> list[str]:
        """The names of the tickets that a finding of the hour is related to; none if Linear does not answer."""
        try:
            return [*dict.fromkeys(each.identifier for each in self._related(key) if each.identifier)]
        except ServiceError:
            return []

    def _related(self, key: str) -> tuple[RelatedTicket, ...]:
        """What a finding's ticket is related to, as far as it is known by now: the oldest ticket first."""
        found = [
            self._related_by(row, ticket) for row in self._of_key.get(key, ()) if (ticket := self._ticket(row["other"]))
        ]
        return tuple(sorted(found, key=_age))

    def _related_by(self, row: Mapping[str, Any], ticket: KnownTicket) -> RelatedTicket:
        return RelatedTicket(
            id=ticket.id,
            identifier=ticket.identifier or None,
            actor=self._found.actors[row["other"]],
            severity=self._found.severities[row["other"]],
            reason=row["reason"],
            value=row["value"],
            values=row["values"],
            is_new=row["since"] == self._hour,
        )

    def _ticket(self, key: str) -> KnownTicket | None:
        """The ticket of a finding: that of this hour, else the last one of the day before, unless people dismissed it
        or Linear does not show it."""
        if key in self._written:
            return self._written[key]
        earlier = self._found.earlier.get(key)
        return earlier if earlier and earlier.id in self._earlier_ids() else None

    def _earlier_ids(self) -> frozenset[UUID]:
        if self._undismissed is None:
            asked = [self._found.earlier[key].id for key in self._of_key if key in self._found.earlier]
            self._undismissed = self._opener.undismissed(asked)
        return self._undismissed


def _age(ticket: RelatedTicket) -> tuple[bool, int, str]:
    """By the numbers of a team's tickets; one that does not exist yet comes last."""
    name = ticket.identifier or ""
    return not name, len(name), name
