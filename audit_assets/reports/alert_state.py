"""What is remembered of alerts about the pipeline: which problems last, and who got which of them. Pure.

So a problem is sent to each receiver once, whoever looks at it and however often, and so is that all is well again. One
that can't be seen any more counts as over after half an hour: a run that fails every other time is one problem.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from audit_assets.tickets.operator_ticket import OperatorProblem

OVER_AFTER = timedelta(minutes=30)
"""So long a problem must not have been seen to be over. A judgement."""

VERSION = 1


class Found(NamedTuple):
    """A problem that a look found. `kind`: the same as long as it lasts."""

    kind: str
    sentence: str
    next_step: str


@dataclass(frozen=True)
class TicketShown:
    """The operator's ticket, as Linear gave it."""

    identifier: str
    url: str


@dataclass(frozen=True)
class AlertState:
    """`problems`: those that last. `sent`: by receiver, the keys of those that it got since all was well. `failed`: by
    receiver, why it did not take the last alert. `ended`: when the last problem was seen last, once all are over."""

    problems: tuple[OperatorProblem, ...] = ()
    sent: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    failed: Mapping[str, str] = field(default_factory=dict)
    ticket: TicketShown | None = None
    ended: datetime | None = None

    def unsent(self, receiver: str) -> tuple[OperatorProblem, ...]:
        """The problems that a receiver has not got yet."""
        return tuple(problem for problem in self.problems if problem.key not in self.sent.get(receiver, ()))

    def awaits_recovery(self, receiver: str) -> bool:
        """Whether a receiver got problems, and not yet that they are over."""
        return not self.problems and bool(self.sent.get(receiver))

    def taken_by(self, receiver: str) -> "AlertState":
        """After a receiver took all that there is."""
        keys = tuple(problem.key for problem in self.problems)
        return replace(self, sent={**self.sent, receiver: keys}, failed=_without(self.failed, receiver))

    def refused_by(self, receiver: str, reason: str) -> "AlertState":
        """After a receiver did not take it."""
        return replace(self, failed={**self.failed, receiver: reason})


def observe(before: AlertState, found: Sequence[Found], now: datetime) -> AlertState:
    """The state after another look, which found these problems."""
    found_of = {problem.kind: problem for problem in found}
    lasting = [
        _seen_again(problem, found_of.pop(problem.kind, None), now)
        for problem in before.problems
        if problem.kind in found_of or abs(now - problem.seen) < OVER_AFTER
    ]
    new = [OperatorProblem(each.kind, each.sentence, each.next_step, now, now) for each in found_of.values()]
    problems = (*lasting, *new)
    if problems:
        ended = None
    elif before.problems:
        ended = max(problem.seen for problem in before.problems)
    else:
        ended = before.ended
    return replace(before, problems=problems, ended=ended)


def limited_to(state: AlertState, receivers: Collection[str]) -> AlertState:
    """Once all problems are over, without what is remembered of receivers that are no more; and without the ticket once
    nobody waits for an end."""
    if state.problems:
        return state
    sent = {name: keys for name, keys in state.sent.items() if name in receivers and keys}
    failed = {name: reason for name, reason in state.failed.items() if name in sent}
    return replace(state, sent=sent, failed=failed, ticket=state.ticket if sent else None)


def state_as_json(state: AlertState) -> dict[str, Any]:
    """As it is stored."""
    problems = [
        {**asdict(problem), "since": problem.since.isoformat(), "seen": problem.seen.isoformat()}
        for problem in state.problems
    ]
    ended = state.ended.isoformat() if state.ended else None
    return {**asdict(state), "problems": problems, "ended": ended, "version": VERSION}


def state_from_json(stored: Any) -> AlertState:
    """From what was stored. Nothing, or what another version stored, is forgotten: ids are computed, so that the ticket
    is found again."""
    if not isinstance(stored, dict) or stored.get("version") != VERSION:
        return AlertState()
    times = ("since", "seen")
    problems = (
        OperatorProblem(**{**each, **{name: datetime.fromisoformat(each[name]) for name in times}})
        for each in stored["problems"]
    )
    return AlertState(
        problems=tuple(problems),
        sent={name: tuple(keys) for name, keys in stored["sent"].items()},
        failed=stored["failed"],
        ticket=TicketShown(**stored["ticket"]) if stored["ticket"] else None,
        ended=datetime.fromisoformat(stored["ended"]) if stored["ended"] else None,
    )


def _seen_again(problem: OperatorProblem, found: Found | None, now: datetime) -> OperatorProblem:
    if found is None:
        return problem
    return replace(problem, sentence=found.sentence, next_step=found.next_step, seen=now)


def _without(mapping: Mapping[str, str], name: str) -> dict[str, str]:
    return {key: value for key, value in mapping.items() if key != name}
