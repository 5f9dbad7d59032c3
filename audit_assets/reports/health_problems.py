"""What is wrong with the pipeline's own health, judged from facts. Pure: the doctor, the check `every_hour_is_done` and
whatever alerts about the pipeline all judge by this, so that none is green where another is not.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from audit_assets.reports.health_facts import (
    EVERY_HOUR,
    FAILED_RUNS,
    MISSING_HOURS,
    PIPELINE_WATCHDOG,
    TICKET_VERDICTS,
    CheckFact,
    DaemonFacts,
    HealthFacts,
    HourFacts,
    LostHours,
)
from audit_assets.storage.hours import AN_HOUR, key_of
from audit_assets.tickets.formatting import duration_name, listed, pluralize

Kind = Literal[
    "not_started",
    "no_record",
    "lost",
    "coverage",
    "stale",
    "never_judged",
    "failing",
    "failed",
    "overdue",
    "sensor_off",
    "verdicts_off",
    "watchdog_off",
    "daemon",
    "tickets",
    "proof",
    "disk",
    "clock",
    "versions",
]
"""The stable names of what can be wrong (docs/health.md, 1)."""

Severity = Literal["error", "warning"]
State = Literal["healthy", "degraded", "stale", "not_started"]

START = "`audit-assets start` loads the history, then turns on judging"
"""What to do before any hour was judged, also after a start that was interrupted."""

ENOUGH_COVERAGE = 0.9
"""Of the window's hours: with fewer, what is usual is not known well enough. A judgement."""

STALE_AFTER = timedelta(hours=3)
"""So much older than the newest hour that is due may the newest judged one be: a failed hour is tried four times in
that time."""

SILENT_AFTER = timedelta(minutes=10)
"""Dagster's daemon gives a sign of life every half minute; a tick may take a minute, and two of them may queue."""

LITTLE_ROOM, NO_ROOM = 5 << 30, 500 << 20
"""Bytes: of a large organisation's hours and Dagster's record of them some weeks, and some hours. A judgement."""

SKEW_TOLERATED, SKEW_HARMFUL = timedelta(minutes=2), timedelta(minutes=10)
"""An hour is pulled 15 minutes after its end and its schedule allows for one minute: beyond the second of these, hours
are requested before they have ended well enough, or late."""

UNOPENED = ("it could not be opened", "can't be read with this key")
"""What the warnings of `every_flagged_actor_has_a_ticket` hold where somebody who was flagged has no ticket to read."""


@dataclass(frozen=True)
class HealthProblem:
    """One thing that is wrong, in a sentence, and what to do about it."""

    kind: Kind
    severity: Severity
    sentence: str
    next_step: str


def judge_health(facts: HealthFacts) -> list[HealthProblem]:
    """Everything that is wrong, the worst first; nothing if all that was looked at is well."""
    found = [
        *_judge_store(facts.lost),
        *_judge_hours(facts),
        *_judge_switches(facts),
        *_judge_tickets(facts.tickets),
        *_judge_proof(facts.proof),
        *_judge_machine(facts),
    ]
    return sorted(found, key=lambda problem: problem.severity == "warning")


def has_not_started(facts: HealthFacts) -> bool:
    """Whether nothing was pulled yet and nothing is about to be, as with a new user."""
    if facts.hours is None:
        return facts.stored == 0
    hours = facts.hours
    has_begun = hours.present or hours.newest_judged or hours.failed or hours.running or facts.stored
    return not has_begun and facts.daemon is not None and not any(facts.daemon.switches.values())


def state_of(facts: HealthFacts, problems: Sequence[HealthProblem]) -> State:
    """All of it in one word: `stale` if anything is an error."""
    if any(problem.severity == "error" for problem in problems):
        return "stale"
    if has_not_started(facts):
        return "not_started"
    return "degraded" if problems else "healthy"


def name_hours(hours: Sequence[datetime]) -> str:
    """`2 hours: 2026-11-22-09:00 and 2026-11-22-10:00`."""
    return f"{pluralize(len(hours), 'hour')}: {listed([key_of(hour) for hour in hours])}"


def _judge_store(lost: LostHours | None) -> Iterator[HealthProblem]:
    if lost is None:
        return
    lacks = f"the store lacks what Dagster's record has as done ({listed(lost.tables)})"
    if lost.first and lost.last:
        of_hours = f"of {pluralize(lost.count, 'hour')}, the first {key_of(lost.first)}, the last {key_of(lost.last)}"
        lacks = f"{lacks} {of_hours}"
    sentence = f"{lacks}: `audit-assets restore` restores it"
    step = "See that AUDIT_ASSETS_STORAGE names the store that was used before. If it does, run `audit-assets restore`."
    yield HealthProblem("lost", "error", sentence, step)


def _judge_hours(facts: HealthFacts) -> Iterator[HealthProblem]:
    if has_not_started(facts):
        step = "Once nothing is in the way: `audit-assets start` loads the history and goes live."
        yield HealthProblem("not_started", "warning", "no hour was pulled yet", step)
        return
    if facts.hours is None:
        if facts.stored:
            stored = f"{pluralize(facts.stored, 'hour')} of the last 30 days {'is' if facts.stored == 1 else 'are'}"
            sentence = f"{stored} stored, but {facts.instance} holds no record of Dagster's of what was done"
            step = "Set DAGSTER_HOME to the folder that `audit-assets dev` or your deployment uses."
            yield HealthProblem("no_record", "error", sentence, step)
        return
    yield from _judge_coverage(facts.hours)
    yield from _judge_age(facts.hours, facts.now)
    yield from _judge_failures(facts.hours)


def _judge_coverage(hours: HourFacts) -> Iterator[HealthProblem]:
    if hours.present < ENOUGH_COVERAGE * hours.window:
        sentence = (
            f"{hours.present:,} of {hours.window} hours of history are present "
            f"({100 * hours.present // hours.window} %): what is usual is not known well enough below "
            f"{ENOUGH_COVERAGE * 100:.0f} %"
        )
        yield HealthProblem("coverage", "error", sentence, _how_to_complete(hours))
    if hours.never_judged and hours.newest_judged:  # else none was, and that is the problem
        sentence = f"pulled but never judged: {name_hours(hours.never_judged)}"
        step = "Run the job `hourly_audit` for them, or let the sensor `missing_hours` do it."
        yield HealthProblem("never_judged", "warning", sentence, step)


def _how_to_complete(hours: HourFacts) -> str:
    if hours.running:
        return f"Wait for {pluralize(hours.running, 'run')} that are queued or under way, then run this again."
    return "`audit-assets start` loads the rest; hours before AUDIT_ASSETS_FIRST_HOUR need an earlier one."


def _judge_age(hours: HourFacts, now: datetime) -> Iterator[HealthProblem]:
    newest = hours.newest_judged
    if newest is None:
        step = f"{START}; if it has, see the runs of `hourly_audit` in the Dagster UI."
        yield HealthProblem("stale", "error", "no hour was judged yet", step)
    elif newest + AN_HOUR > now + SKEW_TOLERATED:
        sentence = f"the newest judged hour, {key_of(newest)}, has not ended by the clock of this machine"
        step = "Correct the clock: it is behind now, or was ahead when that hour was judged."
        yield HealthProblem("clock", "error", sentence, step)
    elif hours.newest_due - newest > STALE_AFTER:
        age = duration_name(now - newest - AN_HOUR)
        sentence = (
            f"the newest judged hour is {key_of(newest)}, which ended {age} ago: {key_of(hours.newest_due)} is due"
        )
        step = "See below what stops it. If nothing does, check the clock of this machine."
        yield HealthProblem("stale", "error", sentence, step)


def _judge_failures(hours: HourFacts) -> Iterator[HealthProblem]:
    if hours.failing:
        sentence = f"failing again and again: {name_hours(hours.failing)}"
        yield HealthProblem("failing", "error", sentence, "See their runs in the Dagster UI for the reason.")
    if failed := [hour for hour in hours.failed if hour not in hours.failing]:
        step = "They are tried again by themselves; see their runs in the Dagster UI for the reason."
        yield HealthProblem("failed", "warning", f"failed when last run: {name_hours(failed)}", step)
    known = {*hours.failing, *hours.failed, *hours.never_judged}
    if overdue := [hour for hour in hours.overdue if hour not in known]:
        sentence = f"should have been pulled hours ago: {name_hours(overdue)}"
        yield HealthProblem("overdue", "warning", sentence, _how_to_complete(hours))


def _judge_switches(facts: HealthFacts) -> Iterator[HealthProblem]:
    if facts.daemon and not has_not_started(facts):
        is_live = facts.hours is not None and facts.hours.newest_judged is not None
        yield from _judge_daemon(facts.daemon, facts.now, is_live=is_live)


def _judge_daemon(daemon: DaemonFacts, now: datetime, *, is_live: bool) -> Iterator[HealthProblem]:
    turn_on = "Turn it on in the Dagster UI, under Automation." if is_live else f"{START}."
    if not daemon.switches.get(MISSING_HOURS):
        lacking = "hours that failed or were missed, and late entries, are not requested"
        if not daemon.switches.get(EVERY_HOUR):
            lacking = "and so is the schedule `every_hour`: nothing is pulled"
        yield HealthProblem("sensor_off", "error", f"the sensor `missing_hours` is off; {lacking}", turn_on)
    if not daemon.switches.get(TICKET_VERDICTS):
        sentence = "the sensor `ticket_verdicts` is off: what people decide in Linear changes nothing here"
        yield HealthProblem("verdicts_off", "warning", sentence, turn_on)
    if off := [name for name in (PIPELINE_WATCHDOG, FAILED_RUNS) if daemon.switches.get(name) is False]:
        verb = "is" if len(off) == 1 else "are"
        sentence = f"{' and '.join(f'the sensor `{name}`' for name in off)} {verb} off: nobody is alerted from there"
        yield HealthProblem("watchdog_off", "warning", f"{sentence} when hours stop or runs fail", turn_on)
    if daemon.heartbeat is None or now - daemon.heartbeat > SILENT_AFTER:
        silent = f"for {duration_name(now - daemon.heartbeat)}" if daemon.heartbeat else "since it was set up"
        sentence = f"Dagster's daemon, or a part of it, gave no sign of life {silent}: no schedule or sensor runs"
        step = "Start it: `audit-assets dev`, or `dagster-daemon run` in a deployment of your own."
        yield HealthProblem("daemon", "error", sentence, step)


def _judge_tickets(check: CheckFact | None) -> Iterator[HealthProblem]:
    if check is None or check.passed:
        return
    is_unopened = any(part in text for text in (check.description, *check.unresolved.values()) for part in UNOPENED)
    step = "Run these hours again once the reason is gone: see the check `every_flagged_actor_has_a_ticket`."
    sentence = f"not everybody who was flagged has a whole ticket: {check.description}"
    yield HealthProblem("tickets", "error" if is_unopened else "warning", sentence, step)


def _judge_proof(check: CheckFact | None) -> Iterator[HealthProblem]:
    if check is not None and not check.passed:
        step = "Run these hours again: what Axiom does not hold is sent again, and no hour is judged before."
        yield HealthProblem("proof", "error", f"Axiom does not hold every entry: {check.description}", step)


def _judge_machine(facts: HealthFacts) -> Iterator[HealthProblem]:
    for disk in facts.disks:
        if disk.free < LITTLE_ROOM:
            sentence = f"{disk.free / (1 << 20):,.0f} MB are free for {disk.what} in {disk.path}"
            severity: Severity = "error" if disk.free < NO_ROOM else "warning"
            yield HealthProblem("disk", severity, sentence, "Free some space, or move it to a larger disk.")
    for service, skew in facts.clock_skew.items():
        if abs(skew) > SKEW_TOLERATED:
            direction = "ahead of" if skew > timedelta(0) else "behind"
            sentence = f"the clock of this machine is {duration_name(abs(skew))} {direction} that of {service}"
            severity = "error" if abs(skew) > SKEW_HARMFUL else "warning"
            yield HealthProblem("clock", severity, sentence, "Correct it, and keep it so with NTP.")
    for version in facts.versions:
        if not version.fits:
            sentence = f"{version.name} {version.installed} is installed, and {version.asked_for} was asked for"
            yield HealthProblem("versions", "warning", sentence, "Install this package again in a fresh environment.")
