"""The one ticket of an hour in which more actors deviated than get a ticket each: it lists all that fit.

The list goes on in comments, up to a bound; all of it stands in the hour's summary, and the ticket says where.
"""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from uuid import UUID

from audit_assets.linear.figures import counted, hour_in_short, hour_name
from audit_assets.linear.findings import Finding
from audit_assets.linear.markdown import address, code, fence, one_line
from audit_assets.linear.tickets import (
    COMMENT_LENGTH,
    DESCRIPTION_LENGTH,
    PRIORITY,
    HourComment,
    HourLink,
    Ticket,
    computed_id,
)
from audit_assets.linear.wording import in_short, opening_of

COMMENTS = 20
"""As many comments at most: names of some 2,500 actors more, and no flood of its own (judgement)."""

ACTOR_LENGTH = 60
REASON_LENGTH = 90

ROOM_FOR_WORDS, ROOM_IN_A_COMMENT = 1_000, 300
"""Characters of a description and of a comment that are not the list."""


@dataclass(frozen=True)
class RollUp:
    """Findings of one account and hour, the gravest first; entries behind them are not told. `axiom_url` opens the
    activity of the first `linked` actors, `summary` names where all stand."""

    account_id: str
    hour: datetime
    findings: tuple[Finding, ...]
    axiom_url: str
    linked: int
    summary: str

    @property
    def id(self) -> UUID:
        """The id of the hour's ticket, whoever is on it."""
        return computed_id("roll-up", self.account_id, self.hour.astimezone(UTC).isoformat())

    @cached_property
    def list_id(self) -> str:
        """Who is on the list, as one word: another list has another."""
        keys = sorted(finding.actor_key for finding in self.findings)
        return hashlib.sha256("\n".join(keys).encode()).hexdigest()[:32]


def roll_up_ticket(roll_up: RollUp) -> Ticket:
    """The ticket, with the first part of the list."""
    shown = _described(roll_up)
    parts = [_opening(roll_up), _words(roll_up), "## The actors, the gravest first", fence(shown)]
    return Ticket(
        id=roll_up.id,
        title=f"{_how_many(roll_up)} deviated, too many for a ticket each ({hour_in_short(roll_up.hour)})",
        description="\n\n".join([*parts, *_left(roll_up, len(shown), "They go on in the comments.")]),
        priority=min(PRIORITY[finding.severity] for finding in roll_up.findings),
    )


def comments_for(roll_up: RollUp, *, described: bool) -> list[HourComment]:
    """The list's other parts, without the reasons; or all of it, if the ticket's description holds another list."""
    told = len(_described(roll_up)) if described else 0
    comments: list[HourComment] = []
    while told < len(roll_up.findings) and len(comments) < COMMENTS:
        shown = _fitting(map(_name, roll_up.findings[told:]), COMMENT_LENGTH - ROOM_IN_A_COMMENT)
        told += len(shown)
        opening = f"{opening_of(roll_up.hour)} also:" if comments or described else _opening(roll_up)
        last = len(comments) == COMMENTS - 1
        left = _left(roll_up, told, f"They stand in {roll_up.summary}.") if last else []
        own_id = computed_id("roll-up list", str(roll_up.id), roll_up.list_id, str(told))
        comments.append(HourComment(own_id, "\n\n".join([opening, fence(shown), *left])))
    return comments


def mark_for(roll_up: RollUp) -> HourLink:
    """The attachment that says that the whole list was told."""
    return HourLink(
        id=computed_id("roll-up list", str(roll_up.id), roll_up.list_id),
        title=f"Axiom: {hour_name(roll_up.hour)}",
        subtitle=f"The {counted(roll_up.linked, 'gravest actor')} of {len(roll_up.findings):,}",
        url=address(roll_up.axiom_url),
        metadata={"hour": roll_up.hour.astimezone(UTC).isoformat(), "list": roll_up.list_id},
    )


def is_described(roll_up: RollUp, description: str) -> bool:
    """Whether a ticket was opened for this list, as far as its first sentence tells."""
    return description.startswith(_opening(roll_up))


def _opening(roll_up: RollUp) -> str:
    return (
        f"{opening_of(roll_up.hour)} {_how_many(roll_up)} deviated besides those with a ticket of their own: too many "
        "for a ticket each. So many at once may be a migration, or somebody who hides one deed among others."
    )


def _words(roll_up: RollUp) -> str:
    return (
        f"All of them, with numbers and links, stand in {roll_up.summary}. What the gravest changed is among this "
        f"ticket's links. Account {code(roll_up.account_id, 64)}."
    )


def _how_many(roll_up: RollUp) -> str:
    return counted(len(roll_up.findings), "more actor")


def _left(roll_up: RollUp, told: int, where: str) -> list[str]:
    left = len(roll_up.findings) - told
    return [f"and {left:,} more. {where}"] if left else []


def _described(roll_up: RollUp) -> list[str]:
    return _fitting(map(_line, roll_up.findings), DESCRIPTION_LENGTH - ROOM_FOR_WORDS)


def _fitting(lines: Iterable[str], most: int) -> list[str]:
    """As many lines as fit, one at least."""
    fitting: list[str] = []
    length = 0
    for line in lines:
        length += len(line) + 1
        if fitting and length > most:
            break
        fitting.append(line)
    return fitting


def _line(finding: Finding) -> str:
    return f"{_name(finding)} · {one_line(in_short(finding), REASON_LENGTH)}"


def _name(finding: Finding) -> str:
    return f"{finding.severity:<6}  {one_line(finding.actor, ACTOR_LENGTH)}"
