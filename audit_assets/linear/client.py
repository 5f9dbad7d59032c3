"""Speaks to Linear: puts a finding on its actor's ticket, and opens, reopens or leaves that ticket alone.

Nothing is remembered here. What happened before is read from Linear by ids that can be computed, and the hour's
attachment is written last: as long as it lacks, a repetition completes what is missing, and once it is there, a
repetition changes nothing (facts/linear.md, 4). What is decided is in life.py, what is said in tickets.py.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property
from itertools import count
from typing import Any, Literal
from uuid import UUID

from audit_assets.clock import Clock
from audit_assets.linear.issues import Issues, NewTicket, Upload
from audit_assets.linear.life import QUIET, KnownTicket, is_quiet, raised, stage_of
from audit_assets.linear.place import Place, find_place
from audit_assets.linear.replies import Forbidden, Rejected, is_missing
from audit_assets.linear.roll_ups import RollUp, comments_for, is_described, mark_for, roll_up_ticket
from audit_assets.linear.tickets import (
    PRIORITY,
    Finding,
    comment_for,
    kinds_of,
    link_for,
    relation_id,
    ticket_for,
    ticket_id,
)
from audit_assets.linear.wire import Wire, printable
from audit_assets.linear.wording import opening_of
from audit_assets.transport import Limits

Outcome = Literal["opened", "joined", "reopened", "seen", "dismissed", "rolled_up", "unreadable"]

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
    like of this actor, nothing was written · "rolled_up": it stands in the hour's one ticket for many · "unreadable":
    the id is taken, but by an issue that is archived or can't be seen with this key, so nothing could be written and a
    person has to look (facts/linear.md, 4). `identifier` and `url` are None if Linear does not show the issue.
    `closed`: the ticket's state is a closed one. `refused`: what Linear did not let us do besides, in one sentence.
    """

    id: str
    identifier: str | None
    url: str | None
    outcome: Outcome
    closed: bool = False
    refused: str | None = None


@dataclass(frozen=True)
class LinearFacts:
    """What the settings lead to; `state` and `label` are names, or None."""

    who: str
    team_key: str
    team: str
    state: str | None
    label: str | None


class LinearClient:
    """A connection to one team's tickets. Closes with `close()` or as a context manager."""

    def __init__(
        self,
        *,
        api_key: str,
        team_key: str,
        label: str | None = None,
        quiet: timedelta = QUIET,
        url: str = "https://api.linear.app/graphql",
        clock: Clock | None = None,
        limits: Limits | None = None,
    ) -> None:
        """Nothing is sent yet. `quiet`: for how long a person's verdict silences an actor. Raises `SettingError` for a
        setting that can't be right."""
        self._team_key = printable("LINEAR_TEAM_KEY", team_key)
        self._label = printable("LINEAR_LABEL", label) if label else None
        self._quiet = quiet
        self._wire = Wire(api_key=api_key, url=url, clock=clock, limits=limits)
        self._issues = Issues(self._wire)

    def __enter__(self) -> "LinearClient":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._wire.close()

    def check(self) -> LinearFacts:
        """What the settings lead to, by reading alone. Raises `Refused` or `Unavailable` in one sentence."""
        place = self._place
        return LinearFacts(
            who=place.who,
            team_key=place.team["key"],
            team=place.team["name"],
            state=place.state["name"] if place.state else None,
            label=place.label["name"] if place.label else None,
        )

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

    def open_roll_up(self, roll_up: RollUp) -> OpenedTicket:
        """Put many findings of an hour on the one ticket of that hour. Safe to repeat at any time.

        Other findings of the same hour than those that stand there are added as comments. Raises as `open_ticket`.
        """
        ticket, mark = roll_up_ticket(roll_up), mark_for(roll_up)
        known = self._issues.find({ticket.id: 0}, mark, ticket.id)
        created = None if known else self._issues.create(ticket, self._place)
        if not known and not created:
            known = self._issues.find({ticket.id: 0}, mark, ticket.id)
        if not (found := created or next(iter(known), None)):
            return OpenedTicket(str(ticket.id), None, None, "unreadable")
        if known and roll_up.list_id in known[0].lists:
            return _opened(known[0], "rolled_up")
        described = not known or (not known[0].lists and is_described(roll_up, known[0].description))
        try:
            for comment in comments_for(roll_up, described=described):
                self._issues.comment(ticket.id, comment)
            self._issues.attach(ticket.id, mark)
        except Rejected as rejection:
            if is_missing(rejection, "Issue"):
                return _opened(found, "unreadable")
            raise
        return _opened(found, "rolled_up")

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
        if stage in ("open", "just done"):
            return self._join(finding, last, noted, reopens=stage == "just done")
        return self._open(finding, last.generation + 1, known, noted, charted)

    def _open(
        self, finding: Finding, generation: int, known: list[KnownTicket], noted: Noted, charted: Charted
    ) -> OpenedTicket:
        ticket = ticket_for(charted(noted(finding), self._issues.upload), generation)
        created = self._issues.create(ticket, self._place)
        if created:
            refused = self._relate(created.id, known)
            self._issues.attach(created.id, link_for(finding))
            return _opened(created, "opened", refused=refused)
        # By this very request, whose answer was lost, or by another process
        if any(each.id == ticket.id for each in self._tickets_of(finding)):
            return self.open_ticket(finding, noted, charted)
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
        if reopens and self._place.state:
            changes["stateId"] = self._place.state["id"]
            wanted.append("reopen")
        if raised(ticket, PRIORITY[finding.severity]):
            changes["priority"] = PRIORITY[finding.severity]
            wanted.append("raise the priority of")
        refused = self._change(ticket, changes, " and ".join(wanted)) if changes else None
        self._issues.comment(ticket.id, comment)
        self._issues.attach(ticket.id, link_for(finding))
        if "stateId" in changes and not refused:
            return _opened(ticket, "reopened", closed=False)
        return _opened(ticket, "joined", refused=refused)

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

    @cached_property
    def _place(self) -> Place:
        return find_place(self._wire, self._team_key, self._label)


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
