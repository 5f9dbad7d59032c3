"""What would be written to Linear, without writing it: the same client reads, decides and renders, and nothing leaves.

Two locks. A rehearsal answers every write as if it had been made and keeps what it would have said; and its wire sends
queries alone, so that a write which it does not know of stops the run. Where there is no key yet, nothing is read
either, and every finding is a new ticket.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from audit_assets.linear.client import LinearClient, Noted, OpenedTicket, Outcome, as_it_is
from audit_assets.linear.fields import Fields
from audit_assets.linear.figures import counted
from audit_assets.linear.findings import Finding
from audit_assets.linear.issues import Issues, NewTicket
from audit_assets.linear.life import KnownTicket
from audit_assets.linear.place import Place, Places
from audit_assets.linear.roll_ups import RollUp
from audit_assets.linear.tickets import HourComment, HourLink, Ticket, ticket_for
from audit_assets.linear.wire import Wire

PRIORITY_NAMES = {1: "Urgent", 2: "High", 3: "Medium", 4: "Low"}
"""As Linear shows them (facts/linear.md, 1)."""

NOT_SET = "not-set"
"""Stands for a key or a team that is missing: nothing is ever sent with it."""


@dataclass(frozen=True)
class RenderedTicket:
    """What a finding, or so many `findings` that share a ticket, would come to.

    `id`, `outcome`, `identifier`, `url`: as OpenedTicket has them, the latter None of a new ticket; `would` says it in
    words. `description` is a new ticket's, `comments` are what would be added; where nothing would be said because all
    is on the ticket already, or people dismissed the like, it is `told` False and the description is what a new ticket
    would say. `raises`: a ticket that is there would be given this `priority` (Linear's number). `links`: the
    attachments, `fields`: where a new ticket would stand.
    """

    id: str
    outcome: Outcome
    would: str
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
    findings: int


@dataclass
class _Written:
    """What was written for one finding."""

    ticket: Ticket | None = None
    fields: dict[str, str] = field(default_factory=dict)
    comments: list[str] = field(default_factory=list)
    links: list[dict[str, str]] = field(default_factory=list)
    changes: dict[str, Any] = field(default_factory=dict)


class Rehearsal(Issues):
    """The tickets of a workspace, read but not written."""

    sends: frozenset[str] = frozenset({"query"})

    def __init__(self, wire: Wire) -> None:
        super().__init__(wire)
        wire.sends = self.sends
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


class Unread(Rehearsal):
    """The tickets of a workspace that can't be read yet: none."""

    sends = frozenset()

    def find(self, generations: Mapping[UUID, int], link: HourLink, comment: UUID) -> list[KnownTicket]:
        return []


class Unasked(Places):
    """Places as settings and table name them; whether they are there can't be known."""

    def tried(self, fields: Fields) -> Iterator[Place]:
        labels = dict.fromkeys(name for name in (self._label, *fields.labels) if name)
        yield Place(
            team={"key": fields.team or self._team_key},
            state=None,
            labels=tuple({"name": name} for name in labels),
            project={"name": fields.project} if fields.project else None,
            assignee={"name": fields.assignee} if fields.assignee else None,
        )


class RehearsingClient(LinearClient):
    """Does what LinearClient does, but for writing; `rendered` is what it would have written, in that order."""

    def __init__(self, rehearsal: type[Rehearsal], **settings: Any) -> None:
        """`settings` are LinearClient's."""
        self._kind = rehearsal
        super().__init__(**settings)
        self.rendered: list[RenderedTicket] = []

    def _workspace(self, team_key: str, label: str | None) -> tuple[Issues, Places]:
        self._rehearsal = self._kind(self._wire)
        places = Unasked if self._kind is Unread else Places
        return self._rehearsal, places(self._wire, team_key, label)

    def open_ticket(self, finding: Finding, noted: Noted = as_it_is) -> OpenedTicket:
        """Render what would be said of a finding."""
        opened = super().open_ticket(finding, noted)
        return self._rendered(opened, lambda: ticket_for(finding), 1)

    def open_roll_up(self, roll_up: RollUp) -> OpenedTicket:
        """Render what would be said of many findings."""
        opened = super().open_roll_up(roll_up)
        return self._rendered(opened, lambda: roll_up.ticket, sum(part.total for part in roll_up.parts))

    def _rendered(self, opened: OpenedTicket, like: Callable[[], Ticket], findings: int) -> OpenedTicket:
        """Keep what was written. `like`: the ticket as a new one."""
        written, identifier, url = self._rehearsal.taken(), opened.identifier or None, opened.url or None
        ticket = written.ticket or like()
        told = bool(written.ticket or written.comments)
        self.rendered.append(
            RenderedTicket(
                id=opened.id,
                outcome=opened.outcome,
                would=_would(opened.outcome, identifier, written, findings),
                identifier=identifier,
                url=url,
                title=ticket.title,
                priority=ticket.priority,
                raises="priority" in written.changes,
                told=told,
                description=ticket.description if written.ticket or not told else None,
                comments=tuple(written.comments),
                links=tuple(written.links),
                fields=written.fields,
                findings=findings,
            )
        )
        return opened


def _would(outcome: Outcome, identifier: str | None, written: _Written, findings: int) -> str:
    """What would become of a finding, in words that follow its actor's name."""
    if written.ticket:
        return f"would open one ticket for {counted(findings, 'finding')}" if findings > 1 else "would open a ticket"
    if outcome == "dismissed":
        return f"would stay quiet: people dismissed {identifier}"
    if written.comments:
        return f"would {'reopen' if outcome == 'reopened' else 'join'} {identifier}"
    return f"would complete {identifier}" if written.links else f"is on {identifier} already"
