"""What Prometheus is given about the pipeline: the facts of its health and the last 24 hours, as metrics. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta

from audit_assets.cloudflare.token_verification import TokenFacts
from audit_assets.reports.alert_state import Found
from audit_assets.reports.day_numbers import DayNumbers
from audit_assets.reports.health_facts import DaemonFacts, HealthFacts, HourFacts
from audit_assets.reports.open_metrics import Gauge, gauge, labelled
from audit_assets.storage.hours import AN_HOUR

DAY = "of the last 24 hours that were judged"


def health_metrics(
    facts: HealthFacts, problems: Sequence[Found], token: TokenFacts | None, versions: Mapping[str, str]
) -> Iterator[Gauge]:
    """The pipeline's health. `versions`: what runs, by label."""
    yield Gauge("build_info", "The versions that run.", ((versions, 1),))
    yield from _hour_metrics(facts.hours, facts.now) if facts.hours else ()
    yield from _daemon_metrics(facts.daemon, facts.now) if facts.daemon else ()
    free = {disk.what: disk.free for disk in facts.disks}
    yield labelled("disk_free_bytes", "Room where each thing lies.", "place", free)
    yield from problem_metrics(problems)
    expires = token.expires if token else None
    yield gauge("cloudflare_token_expiry_timestamp_seconds", "End of Cloudflare's token.", _seconds(expires))


def problem_metrics(problems: Sequence[Found]) -> Iterator[Gauge]:
    """What is wrong with it."""
    yield gauge("problems", "Problems that an operator is alerted of.", len(problems))
    yield labelled("problem", "1 for each of these problems.", "kind", {each.kind: 1 for each in problems})


def _hour_metrics(hours: HourFacts, now: datetime) -> Iterator[Gauge]:
    newest = hours.newest_judged + AN_HOUR if hours.newest_judged else None
    coverage = hours.present / hours.window
    yield gauge("coverage_ratio", "Of the hours of the 30-day window, the part that Axiom holds.", coverage)
    yield gauge("present_hours", "Hours of the 30-day window that Axiom holds.", hours.present)
    yield gauge("judged_hours", "Hours of the 30-day window that were judged.", hours.judged)
    yield gauge("failed_hours", "Hours whose last run failed.", len(hours.failed))
    yield gauge("failing_hours", "Hours whose runs failed again and again.", len(hours.failing))
    yield gauge(
        "overdue_hours", "Hours that have been due for hours, for their first pull or for another.", len(hours.overdue)
    )
    yield gauge("running_runs", "Runs that are queued or under way.", hours.running)
    yield gauge("newest_judged_hour_end_timestamp_seconds", "End of the newest judged hour.", _seconds(newest))
    yield gauge("newest_judged_hour_age_seconds", "Time since the end of the newest judged hour.", _age(now, newest))


def _daemon_metrics(daemon: DaemonFacts, now: datetime) -> Iterator[Gauge]:
    beat, of_whom = daemon.heartbeat, "of the part of Dagster's daemon that was silent for longest"
    yield gauge("daemon_heartbeat_timestamp_seconds", f"Last sign of life {of_whom}.", _seconds(beat))
    yield gauge("daemon_heartbeat_age_seconds", f"Time since the last sign of life {of_whom}.", _age(now, beat))
    switches = {name: float(is_on) for name, is_on in daemon.switches.items()}
    yield labelled("automation_on", "1 for each schedule and sensor that is on, else 0.", "name", switches)


def day_metrics(day: DayNumbers) -> Iterator[Gauge]:
    """The last 24 hours that were judged."""
    yield gauge("day_entries", f"Audit entries {DAY}.", day.entries)
    yield gauge("day_changes", f"Entries that count as changes {DAY}.", day.changes)
    yield gauge("day_quarantined_entries", f"Entries that could not be read {DAY}.", day.quarantined)
    yield gauge("day_late_entries", f"Entries that came after the first pull of their hour, {DAY}.", day.late)
    yield labelled("day_findings", f"Flagged actors {DAY}.", "severity", day.findings)
    yield labelled("day_tickets", f"Tickets that flagged actors {DAY} are on.", "severity", day.tickets)
    yield labelled("last_pull_duration_seconds", "Time that the newest pull took.", "stream", day.pull_seconds)


def _seconds(time: datetime | None) -> float | None:
    return time.timestamp() if time else None


def _age(now: datetime, time: datetime | None) -> float | None:
    return (now - time) / timedelta(seconds=1) if time else None
