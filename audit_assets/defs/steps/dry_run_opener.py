"""Renders what would be written to Linear: the same client reads, decides and renders, and nothing is written.

Where there is no key yet, nothing is read either, and every finding is a new ticket.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from uuid import UUID

from audit_assets.defs.steps.ticket_opener import AddChart, AddNote, TicketOpener, without_chart, without_note
from audit_assets.linear.client import LinearClient
from audit_assets.linear.dry_run import DryRunIssueApi, RenderedTicket, Writes
from audit_assets.linear.issues import IssueContent
from audit_assets.tickets.finding import Finding
from audit_assets.tickets.formatting import pluralize
from audit_assets.tickets.lifecycle import QUIET, OpenedTicket, Outcome
from audit_assets.tickets.related_ticket import RelatedTicket
from audit_assets.tickets.shared_ticket import SharedTicket
from audit_assets.tickets.ticket import ticket_for


class DryRunOpener(TicketOpener):
    """Does what TicketOpener does, except for writing; `rendered` is what it would have written, in that order."""

    def __init__(self, linear: LinearClient, rendered: list[RenderedTicket], quiet: timedelta = QUIET) -> None:
        """`linear`: a client with DryRunIssueApi."""
        super().__init__(linear, quiet)
        self.rendered = rendered

    def open_ticket(
        self, finding: Finding, add_note: AddNote = without_note, add_chart: AddChart = without_chart
    ) -> OpenedTicket:
        """Render what would be written about a finding."""
        self._take_writes()  # of a call that was interrupted
        opened = super().open_ticket(finding, add_note, add_chart)
        self._render(opened, ticket_for(finding))
        return opened

    def open_shared_ticket(self, shared_ticket: SharedTicket) -> OpenedTicket:
        """Render what would be written about many findings."""
        self._take_writes()
        opened = super().open_shared_ticket(shared_ticket)
        self._render(opened, shared_ticket.ticket, sum(part.total for part in shared_ticket.parts))
        return opened

    def add_related(self, ticket: UUID, hour: datetime, related: Sequence[RelatedTicket]) -> str | None:
        """Render the comment that would name related tickets, with what else is rendered of this ticket."""
        self._take_writes()
        refused = super().add_related(ticket, hour, related)
        if (writes := self._take_writes()).comments:
            at = next((at for at, each in enumerate(self.rendered) if each.id == str(ticket)), None)
            if at is None:
                at = len(self.rendered)
                self.rendered.append(self._untouched(ticket))
            before = self.rendered[at]
            self.rendered[at] = replace(
                before,
                comments=(*before.comments, *writes.comments),
                priority=writes.changes.get("priority", before.priority),
                raises_priority=before.raises_priority
                or ("priority" in writes.changes and before.identifier is not None),
                written=True,
            )
        return refused

    def _untouched(self, ticket: UUID) -> RenderedTicket:
        """A ticket that the hour has no finding for."""
        (known,) = self.linear.issues.find([ticket], None, ticket)
        return RenderedTicket(
            id=str(ticket),
            outcome="related",
            planned_action="would get a comment about related tickets",
            identifier=known.identifier,
            url=known.url,
            title=known.identifier,
            priority=known.priority,
            raises_priority=False,
            written=True,
            description=None,
            comments=(),
            links=(),
            fields={},
            pictures={},
            findings=0,
        )

    def _render(self, opened: OpenedTicket, as_new: IssueContent, findings: int = 1) -> None:
        """Keep what would have been written. `as_new`: a new ticket about the same."""
        writes, identifier = self._take_writes(), opened.identifier or None
        ticket, written = writes.issue or self.linear.titled(as_new), bool(writes.issue or writes.comments)
        self.rendered.append(
            RenderedTicket(
                id=opened.id,
                outcome=opened.outcome,
                planned_action=_planned_action(opened.outcome, identifier, writes, findings),
                identifier=identifier,
                url=opened.url or None,
                title=ticket.title,
                priority=writes.changes.get("priority", ticket.priority),
                raises_priority="priority" in writes.changes,
                written=written,
                description=ticket.description if writes.issue or not written else None,
                comments=tuple(writes.comments),
                links=tuple(writes.links),
                fields=writes.fields,
                pictures=writes.pictures,
                findings=findings,
            )
        )

    def _take_writes(self) -> Writes:
        issues = self.linear.issues
        assert isinstance(issues, DryRunIssueApi)  # noqa: S101 - as the constructor got it
        return issues.take_writes()


def _planned_action(outcome: Outcome, identifier: str | None, writes: Writes, findings: int) -> str:
    """What would become of a finding, in words that follow its actor's name."""
    if writes.issue:
        return f"would open one ticket for {pluralize(findings, 'finding')}" if findings > 1 else "would open a ticket"
    if outcome == "dismissed":
        return f"would get no ticket: people dismissed {identifier}"
    if writes.comments:
        return f"would {'reopen' if outcome == 'reopened' else 'join'} {identifier}"
    return f"would complete {identifier}" if writes.links else f"is on {identifier} already"
