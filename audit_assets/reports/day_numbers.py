"""The last 24 hours that were judged in numbers, as far as the hour store has them: for metrics."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from audit_assets.config.policy_tables import SEVERITIES
from audit_assets.reports.stored_summaries import load_hours
from audit_assets.reports.summary import HourSummary
from audit_assets.storage.hour_store import HourStore
from audit_assets.storage.hours import A_DAY, AN_HOUR, hours_between
from audit_assets.storage.pull_history import pulls_of
from audit_assets.storage.tables import ENTRIES, SUMMARY

STREAMS = ("v1", "v2", "organization")


@dataclass(frozen=True)
class DayNumbers:
    """`findings` and `tickets` by severity, a ticket by the most severe of its findings. `late`: entries that came with
    a later pull than the first. `pull_seconds`: how long the newest pull of each stream took, by stream."""

    entries: int = 0
    changes: int = 0
    quarantined: int = 0
    late: int = 0
    findings: Mapping[str, int] = field(default_factory=dict)
    tickets: Mapping[str, int] = field(default_factory=dict)
    pull_seconds: Mapping[str, float] = field(default_factory=dict)


def load_day_numbers(store: HourStore) -> DayNumbers | None:
    """Of the 24 hours up to the newest one with a summary; None if there is none. Raises `StoreError`."""
    newest = store.newest(SUMMARY)
    if newest is None:
        return None
    hours = hours_between(newest - A_DAY + AN_HOUR, newest)
    summaries = [summary for summary in load_hours(store, hours).values() if summary]
    return DayNumbers(
        entries=sum(each["entries"]["pulled"] for each in summaries),
        changes=sum(each["entries"]["changes"] for each in summaries),
        quarantined=sum(each["entries"]["quarantined"] for each in summaries),
        late=sum(pull.added for hour in hours for pull in pulls_of(store.metadata(ENTRIES, hour) or {})[1:]),
        findings=_by_severity(actor["severity"] for each in summaries for actor in each["flagged"]),
        tickets=_by_severity(_severity_of_tickets(summaries).values()),
        pull_seconds=_pull_seconds(store, newest),
    )


def _severity_of_tickets(summaries: Iterable[HourSummary]) -> dict[str, str]:
    found: dict[str, str] = {}
    for actor in (actor for summary in summaries for actor in summary["flagged"]):
        if identifier := actor["ticket"]["identifier"]:
            found[identifier] = max(actor["severity"], found.get(identifier, SEVERITIES[0]), key=SEVERITIES.index)
    return found


def _by_severity(severities: Iterable[str]) -> dict[str, int]:
    counts = Counter(severities)
    return {severity: counts[severity] for severity in SEVERITIES}


def _pull_seconds(store: HourStore, hour: datetime) -> dict[str, float]:
    """Nothing of a pull that an earlier version stored."""
    history = store.metadata(ENTRIES, hour) or {}
    return {stream: history[stream]["seconds"] for stream in STREAMS if history.get(stream, {}).get("seconds")}
