"""What is known of the pipeline's own health at one moment: facts alone, judged in health_problems.py. Pure.

A fact that is None, or a mapping that lacks a key, was not looked at: nothing is judged by it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from audit_assets.detection.schemas import WINDOW
from audit_assets.storage.hours import AN_HOUR

HOURS_IN_WINDOW = WINDOW // AN_HOUR
"""720: so many hours a baseline is made from."""

MISSING_HOURS, EVERY_HOUR, TICKET_VERDICTS = "missing_hours", "every_hour", "ticket_verdicts"
PIPELINE_WATCHDOG, FAILED_RUNS = "pipeline_watchdog", "failed_runs"
SWITCHES = (MISSING_HOURS, EVERY_HOUR, TICKET_VERDICTS, PIPELINE_WATCHDOG, FAILED_RUNS)
"""What a person turns on in Dagster, by its name there."""


@dataclass(frozen=True)
class HourFacts:
    """The hours as Dagster's record has them.

    `newest_due` is the newest hour that should be judged by now. `present`: how many of the `window` hours up to it
    Axiom holds, `judged` how many of them have a summary. `newest_judged` is of all hours, not only of these.
    `never_judged` were pulled and have no summary though they should, and no run is about to judge or load them;
    `failed` are those whose last run failed, `failing` those of them that failed again and again; `overdue` should have
    been done hours ago. `running`: how many runs are queued or under way.
    """

    newest_due: datetime
    present: int
    judged: int
    newest_judged: datetime | None = None
    never_judged: tuple[datetime, ...] = ()
    failed: tuple[datetime, ...] = ()
    failing: tuple[datetime, ...] = ()
    overdue: tuple[datetime, ...] = ()
    running: int = 0
    window: int = HOURS_IN_WINDOW


@dataclass(frozen=True)
class DaemonFacts:
    """Dagster's daemon. `switches`: whether the schedule and each sensor are on, by name; `heartbeat`: when the part
    of it that was silent for longest gave its last sign of life, None if one never did."""

    switches: Mapping[str, bool]
    heartbeat: datetime | None


@dataclass(frozen=True)
class CheckFact:
    """The last completed evaluation of an asset check. `unresolved`: the hours with a warning, by partition key."""

    passed: bool
    description: str = ""
    unresolved: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class LostHours:
    """What Dagster's record has as done and the hour store lacks: how many hours, the first and the last of them, and
    which tables."""

    count: int
    first: datetime | None
    last: datetime | None
    tables: tuple[str, ...]


@dataclass(frozen=True)
class DiskFact:
    """A file system: what lies there, and its room in bytes."""

    what: str
    path: str
    free: int
    total: int


@dataclass(frozen=True)
class VersionFact:
    """An installed package, and the range of versions that this one was made for ("" if any is good)."""

    name: str
    installed: str
    asked_for: str = ""
    fits: bool = True


@dataclass(frozen=True)
class HealthFacts:
    """Everything together. `instance`: where Dagster's record was looked for; `hours` is None if there is none.
    `stored`: how many of the window's hours the hour store has; `lost`: what it should have and lacks. `tickets` and
    `proof`: whether everybody who was flagged has a ticket, and whether Axiom holds every entry. `clock_skew`: how far
    our clock is ahead of a service's, by its name."""

    now: datetime
    instance: str = ""
    hours: HourFacts | None = None
    stored: int | None = None
    lost: LostHours | None = None
    daemon: DaemonFacts | None = None
    tickets: CheckFact | None = None
    proof: CheckFact | None = None
    disks: tuple[DiskFact, ...] = ()
    clock_skew: Mapping[str, timedelta] = field(default_factory=dict)
    versions: tuple[VersionFact, ...] = ()
