"""Speaks to Linear: puts a finding on its actor's ticket, and opens, reopens or leaves that ticket alone.

Nothing is remembered here. What happened before is read from Linear by ids that can be computed, and the hour's
attachment is written last: as long as it lacks, a repetition completes what is missing, and once it is there, a
repetition changes nothing (docs/facts/linear.md, 4). What is decided is in life.py, what is said in tickets.py.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from itertools import count
from typing import Any, Literal
from uuid import UUID

from audit_assets.linear.graphql_connection import Wire, printable
from audit_assets.linear.issue_opener import LinearFacts, Openings, both
from audit_assets.linear.issues import Issues, NewTicket, Upload
from audit_assets.linear.reply_parser import Forbidden, Rejected, is_missing
from audit_assets.linear.routing import TicketFields, matter_of, matter_of_many
from audit_assets.linear.target_resolver import TargetResolver
from audit_assets.linear.verdict_reader import TicketVerdict, find_verdict_labels, find_verdicts
from audit_assets.tickets.lifecycle import QUIET, KnownTicket, is_quiet, raised, stage_of
from audit_assets.tickets.shared_ticket import SharedTicket
from audit_assets.tickets.ticket import Finding, comment_for, kinds_of, link_for, relation_id, ticket_for, ticket_id
from audit_assets.tickets.wording import opening_of
from audit_assets.transport.clock import Clock
from audit_assets.transport.http import HttpLimits

Outcome = Literal["opened", "joined", "reopened", "seen", "dismissed", "on_shared_ticket", "unreadable"]

Noted = Callable[[Finding], Finding]
"""Gives a finding its note, if there is one to be had."""

Charted = Callable[[Finding, Upload], Finding]
"""Gives a finding its chart, if there is one to be had and it can be uploaded so."""

GENERATIONS_ASKED = 10
"""Of an actor's tickets so many are asked for at once; an actor with more of them costs one request more."""


def as_it_is(finding: Finding) -> Finding:
    """No note."""
    return finding


def without_chart(finding: Finding, _: Upload) -> Finding:
    """No chart."""
    return finding


@dataclass(frozen=True)
class OpenedTicket:
    """Where a finding went.

    `outcome`: "opened" a ticket · "joined" the actor's ticket as one more hour · "reopened" the one that was completed
    lately · "seen": the hour was on a ticket already, nothing was written · "dismissed": people have dismissed the
    like of this actor, nothing was written · "on_shared_ticket": it stands in the hour's one ticket for many · "unreadable":
    the id is taken, but by an issue that is archived or can't be seen with this key, so nothing could be written and a
    person has to look (docs/facts/linear.md, 4). `identifier` and `url` are None if Linear does not show the issue.
    `closed`: the ticket's state is a closed one. `refused`: what Linear did not let us do besides, and what the ticket
    lacks of its fields, a sentence each.
    """

    id: str
    identifier: str | None
    url: str | None
    outcome: Outcome
    closed: bool = False
    refused: str | None = None


class LinearClient:
    """A connection to a workspace's tickets. Closes with `close()` or as a context manager."""

    def __init__(
        self,
        *,
        api_key: str,
        team_key: str,
        label: str | None = None,
        fields: Sequence[TicketFields] = (),
        quiet: timedelta = QUIET,
        url: str = "https://api.linear.app/graphql",
        clock: Clock | None = None,
        limits: HttpLimits | None = None,
        wire: type[Wire] = Wire,
        issues: type[Issues] = Issues,
    ) -> None:
        """Nothing is sent yet. Team and label are every ticket's, unless the table `fields` has others. `quiet`: for
        how long a person's verdict silences an actor; `wire` and `issues` are a dry run's own. Raises `SettingError`
        for a setting that can't be right."""
        self._quiet = quiet
        self._wire = wire(api_key=api_key, url=url, clock=clock, limits=limits)
        self._issues = issues(self._wire)
        places = TargetResolver(
            self._wire, printable("LINEAR_TEAM_KEY", team_key), printable("LINEAR_LABEL", label) if label else None
        )
        self._openings = Openings(self._issues, places, fields)

    def __enter__(self) -> "LinearClient":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._wire.close()

    def check(self) -> LinearFacts:
        """What the settings lead to, by reading alone. Raises `Refused` or `Unavailable` in one sentence."""
        return self._openings.facts()

    def ticket_verdicts(self, tickets: Iterable[UUID]) -> dict[UUID, TicketVerdict]:
        """What people said of these tickets, as far as Linear shows them. Raises as `open_ticket`."""
        return find_verdicts(self._wire, tickets)

    def verdict_labels(self) -> frozenset[str]:
        """Which of the labels of VERDICT_LABELS the team's tickets can get. Raises as `open_ticket`."""
        return find_verdict_labels(self._wire, self._openings.team)

    def open_ticket(self, finding: Finding, noted: Noted = as_it_is, charted: Charted = without_chart) -> OpenedTicket:
        """Put a finding on its actor's ticket, opening one if need be. Safe to repeat at any time.

        `noted` gives the finding with a note; it is called only when the finding is about to be told. So does `charted`
        with a chart, when a ticket is about to be opened. Raises `Refused`, `Unavailable` or `Incomplete`.
        """
        known = self._tickets_of(finding)
        if done := next((ticket for ticket in known if ticket.attached), None):
            return _opened(done, "seen")
        told = next((ticket for ticket in known if ticket.commented or _opened_for(ticket, finding)), None)
        try:
            return self._complete(finding, told, known) if told else self._tell(finding, known, noted, charted)
        except Rejected as rejection:
            if known and is_missing(rejection, "Issue"):
                return _opened(told or known[-1], "unreadable")
            raise

    def open_shared_ticket(self, shared_ticket: SharedTicket) -> OpenedTicket:
        """Put many findings on the one ticket that they share. Safe to repeat at any time.

        Parts with other findings than stand there are added as comments. Raises as `open_ticket`.
        """
        ticket, mark = shared_ticket.ticket, shared_ticket.marker
        known = self._issues.find({ticket.id: 0}, mark, ticket.id)
        created, refused = (None, None) if known else self._openings.create(ticket, matter_of_many(ticket))
        if not known and not created:
            known = self._issues.find({ticket.id: 0}, mark, ticket.id)
        if not (found := created or next(iter(known), None)):
            return OpenedTicket(str(ticket.id), None, None, "unreadable")
        told = known[0].lists if known else frozenset[str]()
        if not (untold := shared_ticket.untold(told)):
            return _opened(found, "on_shared_ticket")
        if known and known[0].trashed:
            return _opened(found, "unreadable")
        described = not known or (not told and known[0].description.startswith(shared_ticket.opening))
        try:
            for comment in shared_ticket.comments_for(untold, described=described):
                self._issues.comment(ticket.id, comment)
            self._issues.attach(ticket.id, mark)
        except Rejected as rejection:
            if is_missing(rejection, "Issue"):
                return _opened(found, "unreadable")
            raise
        return _opened(found, "on_shared_ticket", refused=refused)

    def _tickets_of(self, finding: Finding) -> list[KnownTicket]:
        """All generations of the actor's ticket that exist, the oldest first."""
        link, comment = link_for(finding), comment_for(finding).id
        known: list[KnownTicket] = []
        for first in count(0, GENERATIONS_ASKED):
            asked = range(first, first + GENERATIONS_ASKED)
            ids = {ticket_id(finding.account_id, finding.actor_key, each): each for each in asked}
            found = self._issues.find(ids, link, comment)
            known += found
            if not found or found[-1].generation != asked[-1]:
                break
        return known

    def _tell(self, finding: Finding, known: list[KnownTicket], noted: Noted, charted: Charted) -> OpenedTicket:
        """An hour of which no ticket tells yet."""
        if not known:
            return self._open(finding, 0, known, noted, charted)
        last, now = known[-1], self._wire.clock.now()
        stage = stage_of(last, now)
        if is_quiet(known, hour=finding.hour, kinds=kinds_of(finding), quiet=self._quiet, now=now):
            return _opened(last, "dismissed")
        if stage in ("open", "recently_completed"):
            return self._join(finding, last, noted, reopens=stage == "recently_completed")
        return self._open(finding, last.generation + 1, known, noted, charted)

    def _open(
        self, finding: Finding, generation: int, known: list[KnownTicket], noted: Noted, charted: Charted
    ) -> OpenedTicket:
        ticket = ticket_for(charted(noted(finding), self._issues.upload), generation)
        created, lacks = self._openings.create(ticket, matter_of(finding))
        if created:
            unrelated = self._relate(created.id, known)
            self._issues.attach(created.id, link_for(finding))
            return _opened(created, "opened", refused=both(lacks, unrelated))
        # By this very request, whose answer was lost, or by another process
        if any(each.id == ticket.id for each in self._tickets_of(finding)):
            opened = self.open_ticket(finding, noted, charted)
            return replace(opened, refused=both(lacks, opened.refused)) if opened.outcome == "opened" else opened
        return OpenedTicket(str(ticket.id), None, None, "unreadable")

    def _complete(self, finding: Finding, told: KnownTicket, known: list[KnownTicket]) -> OpenedTicket:
        """An hour that a ticket tells of, but whose attachment lacks: what people did since is left as it is."""
        if told.trashed:
            return _opened(told, "dismissed")
        opened_for_it = _opened_for(told, finding)
        before = [each for each in known if each.generation < told.generation]
        refused = self._relate(told.id, before) if opened_for_it else None
        self._issues.attach(told.id, link_for(finding))
        return _opened(told, "opened" if opened_for_it else "joined", refused=refused)

    def _join(self, finding: Finding, ticket: KnownTicket, noted: Noted, *, reopens: bool) -> OpenedTicket:
        """The comment comes after the change: where it is found, a closed ticket was closed by a person since."""
        comment = comment_for(noted(finding))
        changes: dict[str, Any] = {}
        wanted: list[str] = []
        state, stateless = self._openings.state_again(ticket) if reopens else (None, None)
        if state:
            changes["stateId"] = state
            wanted.append("reopen")
        priority = self._openings.priority(matter_of(finding))
        if raised(ticket, priority):
            changes["priority"] = priority
            wanted.append("raise the priority of")
        refused = self._change(ticket, changes, " and ".join(wanted)) if changes else None
        self._issues.comment(ticket.id, comment)
        self._issues.attach(ticket.id, link_for(finding))
        if "stateId" in changes and not refused:
            return _opened(ticket, "reopened", closed=False)
        return _opened(ticket, "joined", refused=both(stateless, refused))

    def _change(self, ticket: KnownTicket, changes: dict[str, Any], wanted: str) -> str | None:
        """Change a ticket if Linear lets us; else the sentence that says what it did not."""
        try:
            self._issues.change(ticket.id, changes)
        except Forbidden:
            return _needs_write(f"{wanted} {ticket.identifier}")
        except Rejected as rejection:
            if is_missing(rejection, "Issue"):
                raise
            return f"Linear would not {wanted} {ticket.identifier}, so do it by hand. {rejection}"
        return None

    def _relate(self, ticket: UUID, before: list[KnownTicket]) -> str | None:
        """Name the last of the earlier tickets as related; that it is archived may be in the way, and is no harm."""
        if not before:
            return None
        try:
            self._issues.relate(ticket, before[-1].id, relation_id(ticket))
        except Forbidden:
            return _needs_write(f"relate a ticket to {before[-1].identifier}")
        except Rejected:
            return None
        return None


def _needs_write(what: str) -> str:
    return f"Linear does not let the owner of LINEAR_API_KEY {what}: give the key the permission Write."


def _opened_for(ticket: KnownTicket, finding: Finding) -> bool:
    return ticket.description.startswith(opening_of(finding.hour))


def _opened(
    ticket: KnownTicket | NewTicket, outcome: Outcome, *, closed: bool | None = None, refused: str | None = None
) -> OpenedTicket:
    if closed is None:
        closed = isinstance(ticket, KnownTicket) and ticket.closed
    return OpenedTicket(str(ticket.id), ticket.identifier, ticket.url, outcome, closed, refused)
