"""Puts findings on tickets in Linear: opens a ticket, joins or reopens the actor's, or leaves it alone.

Nothing is kept here between runs. What happened before is read from Linear by ids that can be computed, and the hour's
attachment is written last: while it is missing, another run completes what is missing, and once it is there, another
run changes nothing (docs/facts/linear.md, 4). `tickets` decides what becomes of a ticket and what it contains.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from uuid import UUID

from audit_assets.linear.client import LinearClient, join_sentences
from audit_assets.linear.issue_api import ISSUES_PER_REQUEST
from audit_assets.linear.issues import KnownIssue, NewIssue, Upload
from audit_assets.linear.reply_parser import Rejected, is_missing
from audit_assets.linear.routing import TicketSubject
from audit_assets.tickets.deviation_sentences import describe_new_dismissals
from audit_assets.tickets.dismissals import dismissed_hours, is_covered, uncovering, with_dismissals
from audit_assets.tickets.finding import Finding
from audit_assets.tickets.lifecycle import QUIET, OpenedTicket, Outcome, dismissed_lately, raises_priority, stage_of
from audit_assets.tickets.opening_sentences import opening_start
from audit_assets.tickets.related_ticket import RelatedTicket
from audit_assets.tickets.shared_ticket import SharedTicket
from audit_assets.tickets.ticket import (
    comment_for,
    highest_priority,
    link_for,
    pair_id,
    related_comment,
    relation_id,
    subject_of,
    ticket_for,
    ticket_id,
    withdrawal_comment,
)

AddNote = Callable[[Finding], Finding]
"""Adds a model's note to a finding, if one can be had."""

AddChart = Callable[[Finding, Upload], Finding]
"""Adds a chart to a finding, if one can be drawn and uploaded this way."""


def without_note(finding: Finding) -> Finding:
    """The finding as it is."""
    return finding


def without_chart(finding: Finding, _: Upload) -> Finding:
    """The finding as it is."""
    return finding


class TicketOpener:
    """Puts findings on the tickets of one workspace. Closes with `close()`."""

    def __init__(self, linear: LinearClient, quiet: timedelta = QUIET) -> None:
        """`quiet`: for how long a person's dismissal of a ticket opens none for what it covers."""
        self.linear = linear
        self._quiet = quiet

    def close(self) -> None:
        """Close the connections."""
        self.linear.close()

    def open_ticket(
        self, finding: Finding, add_note: AddNote = without_note, add_chart: AddChart = without_chart
    ) -> OpenedTicket:
        """Put a finding on its actor's ticket, opening one if need be. Safe to repeat at any time.

        `add_note` is called only for a finding that is about to be written, `add_chart` only for one that is about to
        open a ticket. Raises `Refused`, `Unavailable` or `Incomplete`.
        """
        known = self._find_known_tickets(finding)
        if done := next((ticket for ticket in known.values() if ticket.has_link), None):
            return _opened(done, "already_on_ticket")
        begun = next((each for each, ticket in known.items() if _has_hour(ticket, finding)), None)
        try:
            if begun is not None:
                return self._complete(finding, known, begun)
            return self._write(finding, known, add_note, add_chart)
        except Rejected as rejection:
            if known and is_missing(rejection, "Issue"):
                return _opened(known[max(known) if begun is None else begun], "unreadable")
            raise

    def open_shared_ticket(self, shared_ticket: SharedTicket) -> OpenedTicket:
        """Put many findings on the one ticket that they share. Safe to repeat at any time.

        Parts whose findings are not on it yet are added as comments. Raises as `open_ticket`.
        """
        ticket, marker = shared_ticket.ticket, shared_ticket.marker
        known = self._find_shared(shared_ticket)
        created, refused = None, None
        if not known:
            created, refused = self.linear.create_issue(ticket, TicketSubject(shared_ticket.severity))
            known = None if created else self._find_shared(shared_ticket)
        if not (found := created or known):
            return OpenedTicket(str(ticket.id), None, None, "unreadable")
        listed = known.listed if known else frozenset[str]()
        if not (missing := shared_ticket.missing_parts(listed)):
            return _opened(found, "on_shared_ticket")
        if known and known.trashed:
            return _opened(found, "unreadable")
        described = not known or (not listed and known.description.startswith(shared_ticket.opening))
        try:
            for comment in shared_ticket.comments_for(missing, described=described):
                self.linear.issues.comment(ticket.id, comment)
            self.linear.issues.attach(ticket.id, marker)
        except Rejected as rejection:
            if is_missing(rejection, "Issue"):
                return _opened(found, "unreadable")
            raise
        return _opened(found, "on_shared_ticket", refused=refused)

    def undismissed(self, tickets: Iterable[UUID]) -> frozenset[UUID]:
        """Those of these tickets that Linear shows and that people have not dismissed. Raises as `open_ticket`."""
        asked = [*tickets]
        found: list[KnownIssue] = []
        for first in range(0, len(asked), ISSUES_PER_REQUEST):
            some = asked[first : first + ISSUES_PER_REQUEST]
            found += self.linear.issues.find(some, None, some[0])
        return frozenset(ticket.id for ticket in found if not ticket.is_dismissed)

    def add_related(self, ticket: UUID, hour: datetime, related: Sequence[RelatedTicket]) -> str | None:
        """Name on a ticket those that an hour related it to, in one comment, and raise its priority to the highest of
        theirs. Safe to repeat at any time: with the comment all is done, and nothing is written on a closed ticket. A
        sentence if Linear refused something. Raises as `open_ticket`."""
        comment = related_comment(ticket, hour, related)
        known = next(iter(self.linear.issues.find([ticket], None, comment.id)), None)
        if known is None or known.has_comment or known.is_closed or known.trashed or known.archived_at:
            return None
        priority = highest_priority(related)
        raised = priority if priority and raises_priority(known, priority) else None
        _, refused = self.linear.change_issue(known, reopen=False, priority=raised)
        self.linear.issues.comment(ticket, comment)
        return refused

    def add_withdrawal(self, ticket: UUID, hour: datetime, *, judged_on: int, hours_present: int) -> None:
        """Write on a ticket, in one comment, that what it has of an hour no longer holds: the hour was judged on so
        many hours of history before, and now on so many. Safe to repeat at any time; nothing is written on a closed
        ticket. Raises as `open_ticket`."""
        comment = withdrawal_comment(ticket, hour, judged_on=judged_on, hours_present=hours_present)
        known = next(iter(self.linear.issues.find([ticket], None, comment.id)), None)
        if known is None or known.has_comment or known.is_closed or known.trashed or known.archived_at:
            return
        self.linear.issues.comment(ticket, comment)

    def _find_shared(self, shared_ticket: SharedTicket) -> KnownIssue | None:
        own_id = shared_ticket.ticket.id
        return next(iter(self.linear.issues.find([own_id], shared_ticket.marker, own_id)), None)

    def _find_known_tickets(self, finding: Finding) -> dict[int, KnownIssue]:
        """All tickets of the actor that exist, by generation, the oldest first."""
        id_of = partial(ticket_id, finding.account_id, finding.actor_key)
        return self.linear.issues.find_generations(id_of, link_for(finding), comment_for(finding).id)

    def _write(
        self, finding: Finding, known: dict[int, KnownIssue], add_note: AddNote, add_chart: AddChart
    ) -> OpenedTicket:
        """An hour that is on no ticket yet."""
        if not known:
            return self._open(finding, 0, known, add_note, add_chart)
        tickets, now = [*known.values()], self.linear.clock.now()
        last, stage = tickets[-1], stage_of(tickets[-1], now)
        dismissed = dismissed_lately(tickets, hour=finding.hour, quiet=self._quiet, now=now)
        if is_covered(finding, dismissed_hours(dismissed)):
            return _opened(last, "dismissed")
        shown = with_dismissals(finding, (ticket for ticket in tickets if ticket.is_dismissed))
        if stage in ("open", "recently_completed"):
            opened = self._join(shown, last, add_note, reopen=stage == "recently_completed")
        else:
            opened = self._open(shown, max(known) + 1, known, add_note, add_chart)
        return replace(opened, exceeds=describe_new_dismissals(finding, shown))

    def _open(
        self,
        finding: Finding,
        generation: int,
        known: dict[int, KnownIssue],
        add_note: AddNote,
        add_chart: AddChart,
    ) -> OpenedTicket:
        ticket = ticket_for(add_chart(add_note(finding), self.linear.issues.upload), generation)
        at_least = highest_priority(finding.related)
        created, missing_fields = self.linear.create_issue(ticket, subject_of(finding), at_least)
        if created:
            unrelated = self._relate(created.id, finding, generation, known)
            self.linear.issues.attach(created.id, link_for(finding))
            return _opened(created, "opened", refused=join_sentences(missing_fields, unrelated))
        # By this very request, whose answer was lost, or by another process
        if generation in self._find_known_tickets(finding):
            opened = self.open_ticket(finding, add_note, add_chart)
            if opened.outcome == "opened":
                return replace(opened, refused=join_sentences(missing_fields, opened.refused))
            return opened
        return OpenedTicket(str(ticket.id), None, None, "unreadable")

    def _complete(self, finding: Finding, known: dict[int, KnownIssue], generation: int) -> OpenedTicket:
        """An hour that is on a ticket, but whose attachment is missing: what people did since is left as it is."""
        ticket = known[generation]
        if ticket.trashed:
            return _opened(ticket, "dismissed")
        was_opened_for_it = _was_opened_for(ticket, finding)
        refused = self._relate(ticket.id, finding, generation, known if was_opened_for_it else {})
        link = link_for(finding)
        self.linear.issues.attach(ticket.id, uncovering(link) if ticket.is_dismissed else link)
        outcome: Outcome = "opened" if was_opened_for_it else "joined"
        return _opened(ticket, outcome, refused=refused, raised=not was_opened_for_it)

    def _join(self, finding: Finding, ticket: KnownIssue, add_note: AddNote, *, reopen: bool) -> OpenedTicket:
        """The comment comes after the change: if it is there and the ticket is closed, a person closed it since."""
        comment = comment_for(add_note(finding))
        own_priority = self.linear.priority(subject_of(finding))
        news = [each for each in finding.related if each.is_new]  # else what people lowered since would rise again
        priority = min(own_priority, highest_priority(news) or own_priority)
        raised = priority if raises_priority(ticket, priority) else None
        reopened, refused = self.linear.change_issue(ticket, reopen=reopen, priority=raised)
        self.linear.issues.comment(ticket.id, comment)
        unrelated = self._relate(ticket.id, finding)
        self.linear.issues.attach(ticket.id, link_for(finding))
        if reopened:
            return _opened(ticket, "reopened", closed=False, refused=unrelated)
        return _opened(ticket, "joined", refused=join_sentences(refused, unrelated), raised=raised is not None)

    def _relate(
        self, ticket: UUID, finding: Finding, generation: int = 0, known: Mapping[int, KnownIssue] | None = None
    ) -> str | None:
        """Relate a ticket to the last one of its actor before it, and to those of others that it is newly related to. A
        sentence if the key may not."""
        refused: list[str | None] = []
        if earlier := [issue for each, issue in (known or {}).items() if each < generation]:
            last = earlier[-1]
            refused.append(self.linear.relate_issues(ticket, last.id, relation_id(ticket), name=last.identifier))
        for other, name in {each.id: each.identifier for each in finding.related if each.is_new}.items():
            relation = pair_id(ticket, other)
            refused.append(self.linear.relate_issues(ticket, other, relation, name=name or "a related one"))
        return join_sentences(*dict.fromkeys(refused))


def _has_hour(ticket: KnownIssue, finding: Finding) -> bool:
    return ticket.has_comment or _was_opened_for(ticket, finding)


def _was_opened_for(ticket: KnownIssue, finding: Finding) -> bool:
    return ticket.description.startswith(opening_start(finding.hour))


def _opened(
    ticket: KnownIssue | NewIssue,
    outcome: Outcome,
    *,
    closed: bool | None = None,
    refused: str | None = None,
    raised: bool = False,
) -> OpenedTicket:
    if closed is None:
        closed = isinstance(ticket, KnownIssue) and ticket.is_closed
    return OpenedTicket(str(ticket.id), ticket.identifier, ticket.url, outcome, closed, refused, raised=raised)
