"""What would be written to Linear, without writing it: the same client reads, decides and renders, and nothing leaves.

Two locks. A dry run answers every write as if it had been made and keeps what it would have said; and its connection
sends queries alone, so that a write of which it knows nothing stops. Where there is no key yet, nothing is read either,
and every finding is a new ticket.
"""

import re
from base64 import b64encode
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any, cast
from uuid import UUID

from audit_assets.linear.client import LinearClient, OpenedTicket, Outcome
from audit_assets.linear.dry_run_connections import ReadOnlyConnection
from audit_assets.linear.graphql_connection import Wire
from audit_assets.linear.issues import Issues, NewTicket
from audit_assets.linear.target_resolver import Place
from audit_assets.tickets.finding import Finding
from audit_assets.tickets.formatting import pluralize
from audit_assets.tickets.shared_ticket import SharedTicket
from audit_assets.tickets.ticket import HourComment, HourLink, Ticket, ticket_for

PRIORITY_NAMES = {1: "Urgent", 2: "High", 3: "Medium", 4: "Low"}
"""As Linear shows them (docs/facts/linear.md, 1)."""

NOT_SET = "not-set"
"""Stands for a key or a team that is missing: nothing is ever sent with it."""


@dataclass(frozen=True)
class RenderedTicket:
    """What a finding, or so many `findings` that share a ticket, would come to.

    `id`, `outcome`, `identifier`, `url`: as OpenedTicket has them, the latter None of a new ticket; `would` says it in
    words. `description` is a new ticket's, `comments` are what would be added; where nothing would be said because all
    is on the ticket already, or people dismissed the like, it is `told` False and the description is what a new ticket
    would say. `raises`: a ticket that is there would be given this `priority` (Linear's number). `links`: the
    attachments; `fields`: where a new ticket would stand; `pictures`: by the address that stands for each in a text.
    """

    id: str
    outcome: Outcome
    planned_action: str
    identifier: str | None
    url: str | None
    title: str
    priority: int
    raises: bool
    told: bool
    description: str | None
    comments: tuple[str, ...]
    links: tuple[dict[str, str], ...]
    fields: dict[str, str]
    pictures: dict[str, str]
    findings: int

    def without_pictures(self, text: str) -> str:
        """A text of it, with what a picture shows in the picture's place."""
        for address in self.pictures:
            text = re.sub(rf"!\[([^]]*)\]\({re.escape(address)}\)", r"(Picture: \1)", text)
        return text


@dataclass
class _Written:
    """What was written for one finding."""

    ticket: Ticket | None = None
    fields: dict[str, str] = field(default_factory=dict)
    comments: list[str] = field(default_factory=list)
    links: list[dict[str, str]] = field(default_factory=list)
    changes: dict[str, Any] = field(default_factory=dict)
    pictures: dict[str, str] = field(default_factory=dict)


class DryRunIssues(Issues):
    """The tickets of a workspace, read but not written."""

    def __init__(self, wire: Wire) -> None:
        super().__init__(wire)
        self._written = _Written()

    def taken(self) -> _Written:
        """What was written since this was asked last."""
        written, self._written = self._written, _Written()
        return written

    def create(self, ticket: Ticket, place: Place) -> NewTicket:
        """As if its id were free: that it is taken shows only in writing."""
        named = {"team": place.team["key"]} if place.team["key"] != NOT_SET else {}
        several = (("state", place.state), ("project", place.project), ("assignee", place.assignee))
        named |= {name: one["name"] for name, one in several if one}
        if place.labels:
            named["labels"] = ", ".join(label["name"] for label in place.labels)
        self._written.ticket, self._written.fields = ticket, named
        return NewTicket(ticket.id, "", "")

    def comment(self, ticket: UUID, comment: HourComment) -> None:
        self._written.comments.append(comment.body)

    def attach(self, ticket: UUID, link: HourLink) -> None:
        self._written.links.append({"title": link.title, "subtitle": link.subtitle, "url": link.url})

    def relate(self, ticket: UUID, before: UUID, relation: UUID) -> None:
        """Said nowhere: which ticket came before is not worth a line."""

    def change(self, ticket: UUID, changes: Mapping[str, Any]) -> None:
        self._written.changes |= changes

    def upload(self, name: str, content_type: str, content: bytes, *, seconds: float) -> str:
        """An address that leads nowhere: no host is called so (RFC 2606)."""
        address = f"https://dry-run.invalid/{sha256(content).hexdigest()[:16]}/{name}"
        self._written.pictures[address] = f"data:{content_type};base64,{b64encode(content).decode()}"
        return address


class DryRunClient(LinearClient):
    """Does what LinearClient does, but for writing; `rendered` is what it would have written, in that order."""

    def __init__(self, wire: type[ReadOnlyConnection], rendered: list[RenderedTicket], **settings: Any) -> None:
        """`settings` are LinearClient's."""
        super().__init__(wire=wire, issues=DryRunIssues, **settings)
        self.rendered = rendered

    def open_ticket(self, finding: Finding, *how: Any, **named: Any) -> OpenedTicket:
        """Render what would be said of a finding."""
        return self._rendered_here(
            lambda: super(DryRunClient, self).open_ticket(finding, *how, **named), lambda: ticket_for(finding)
        )

    def open_shared_ticket(self, shared_ticket: SharedTicket) -> OpenedTicket:
        """Render what would be said of many findings."""
        return self._rendered_here(
            lambda: super(DryRunClient, self).open_shared_ticket(shared_ticket),
            lambda: shared_ticket.ticket,
            sum(part.total for part in shared_ticket.parts),
        )

    def _rendered_here(
        self, open_it: Callable[[], OpenedTicket], like: Callable[[], Ticket], findings: int = 1
    ) -> OpenedTicket:
        """Keep what is written. `like`: the ticket as a new one."""
        dry_run = cast(DryRunIssues, self._issues)
        dry_run.taken()  # of one that was interrupted
        opened = open_it()
        written, identifier = dry_run.taken(), opened.identifier or None
        ticket, told = written.ticket or like(), bool(written.ticket or written.comments)
        self.rendered.append(
            RenderedTicket(
                id=opened.id,
                outcome=opened.outcome,
                planned_action=_would(opened.outcome, identifier, written, findings),
                identifier=identifier,
                url=opened.url or None,
                title=ticket.title,
                priority=written.changes.get("priority", ticket.priority),
                raises="priority" in written.changes,
                told=told,
                description=ticket.description if written.ticket or not told else None,
                comments=tuple(written.comments),
                links=tuple(written.links),
                fields=written.fields,
                pictures=written.pictures,
                findings=findings,
            )
        )
        return opened


def _would(outcome: Outcome, identifier: str | None, written: _Written, findings: int) -> str:
    """What would become of a finding, in words that follow its actor's name."""
    if written.ticket:
        return f"would open one ticket for {pluralize(findings, 'finding')}" if findings > 1 else "would open a ticket"
    if outcome == "dismissed":
        return f"would stay quiet: people dismissed {identifier}"
    if written.comments:
        return f"would {'reopen' if outcome == 'reopened' else 'join'} {identifier}"
    return f"would complete {identifier}" if written.links else f"is on {identifier} already"
