"""Finds the tickets that findings are on, and writes nothing: for hours whose record of their tickets was lost."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from audit_assets.config.settings import quiet_time, setting
from audit_assets.defs.resources import LinearResource
from audit_assets.defs.steps.ticket_opener import AddChart, AddNote, TicketOpener
from audit_assets.linear.client import LinearClient
from audit_assets.linear.dry_run import ReadOnlyConnection
from audit_assets.linear.issues import KnownIssue
from audit_assets.tickets.finding import Finding
from audit_assets.tickets.lifecycle import OpenedTicket
from audit_assets.tickets.related_ticket import RelatedTicket
from audit_assets.tickets.shared_ticket import SharedTicket
from audit_assets.tickets.ticket import ticket_id


class TicketFinder(TicketOpener):
    """As a TicketOpener; what is on no ticket stays so, as of an hour that ended too long ago."""

    def open_shared_ticket(self, shared_ticket: SharedTicket) -> OpenedTicket:
        """The ticket that many findings share, if there is one."""
        known = self._find_shared(shared_ticket)
        if known is None:
            return OpenedTicket(str(shared_ticket.ticket.id), None, None, "too_old")
        return OpenedTicket(str(known.id), known.identifier, known.url, "on_shared_ticket", known.is_closed)

    def add_related(self, ticket: UUID, hour: datetime, related: Sequence[RelatedTicket]) -> str | None:
        """Nothing is written."""

    def add_withdrawal(self, ticket: UUID, hour: datetime, *, judged_on: int, hours_present: int) -> None:
        """Nothing is written."""

    def _write(
        self, finding: Finding, known: dict[int, KnownIssue], add_note: AddNote, add_chart: AddChart
    ) -> OpenedTicket:
        return OpenedTicket(str(ticket_id(finding.account_id, finding.actor_key, 0)), None, None, "too_old")

    def _complete(self, finding: Finding, known: dict[int, KnownIssue], generation: int) -> OpenedTicket:
        found = known[generation]
        outcome = "dismissed" if found.trashed else "already_on_ticket"
        return OpenedTicket(str(found.id), found.identifier, found.url, outcome, found.is_closed)


@dataclass(frozen=True)
class FoundTickets(LinearResource):
    """A team in Linear whose tickets are only found."""

    def client(self) -> LinearClient:
        """A client that writes nothing. Raises `SettingError` if a setting is missing."""
        named = self._settings(setting("LINEAR_API_KEY"), setting("LINEAR_TEAM_KEY"))
        return LinearClient(**named, connection=ReadOnlyConnection)

    def opener(self) -> TicketFinder:
        """What finds the tickets of findings."""
        return TicketFinder(self.client(), quiet_time())
