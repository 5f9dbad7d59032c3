"""What many hours left behind: Parquet hours, what Axiom answers, flags, and tickets in Linear."""

import json
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

import httpx
import polars as pl

from audit_assets.sandbox.server import Sandbox
from audit_assets.storage.hour_store import HourStore
from audit_assets.storage.tables import DIGESTS, ENTRIES, FLAGGED, QUARANTINE, SUMMARY
from audit_assets_tests.faults.daemon import Daemon
from audit_assets_tests.faults.end_state import AXIOM_SETTLED
from audit_assets_tests.pipeline import HOUR

HELD = """['{dataset}'] | where isnotempty(entry_id) | summarize copies = count() by entry_id | limit 50000"""
MOST_HELD = 50_000

HOURS_A_DAY = 24
SKIP_REASONS = frozenset({"too_old", "thin_history", "learning"})

OPEN_STATES = frozenset({"triage", "backlog", "unstarted", "started"})

DOT = "·"
"""In place of a dot in titles, so that no address becomes a link."""

DIGEST = "Digest of "
"""How the title of a day's digest begins."""

HourOnTicket = tuple[str, str]
"""The actor of a ticket, and an hour that is on it."""


@dataclass
class Holdings:
    """Of some hours."""

    entries: dict[datetime, Counter[str]] = field(default_factory=dict)
    """Of the Parquet hours: entry ids."""

    quarantined: dict[datetime, Counter[str]] = field(default_factory=dict)
    held: dict[str, int] = field(default_factory=dict)
    """The entry ids in Axiom, with the number of physical copies."""

    flags: dict[datetime, str] = field(default_factory=dict)
    alerting: set[HourOnTicket] = field(default_factory=set)
    """Who was flagged in which hour, by the summaries."""

    open_tickets: Counter[str] = field(default_factory=Counter)
    tickets: Counter[str] = field(default_factory=Counter)
    """Of an actor, or of a day: then it is a digest."""

    below_threshold: dict[str, set[str]] = field(default_factory=dict)
    """By day (of those with all their hours), as digests call it: who has findings below the threshold."""

    digests: dict[str, str] = field(default_factory=dict)
    """By day: the text of its digest with its comments."""

    skipped_days: set[str] = field(default_factory=set)
    """Days whose digest was skipped."""

    hours_on_tickets: Counter[HourOnTicket] = field(default_factory=Counter)
    comments: Counter[tuple[str, str]] = field(default_factory=Counter)

    def missing_from_digests(self) -> list[str]:
        """Who is in no digest, but should be."""
        due = [
            (day, who) for day, actors in self.below_threshold.items() for who in actors if day not in self.skipped_days
        ]
        return [f"{who}, {day}" for day, who in due if who not in self.digests.get(day, "")]

    def digests_twice(self) -> int:
        """How many digests are too many."""
        return twice(count for about, count in self.tickets.items() if about.startswith(DIGEST))

    def all_entries(self) -> Counter[str]:
        """Of all hours together."""
        return sum(self.entries.values(), Counter())


def read_holdings(daemon: Daemon, hours: Sequence[datetime], *, in_axiom: bool = True) -> Holdings:
    """Read everything; Axiom only once all that it accepted is visible, for which time passes."""
    store, found = HourStore(str(daemon.hours)), Holdings()
    for hour in hours:
        entries, quarantined, flags = (store.read(table, hour) for table in (ENTRIES, QUARANTINE, FLAGGED))
        if entries is not None:
            found.entries[hour] = Counter(entries["entry_id"])
        if quarantined is not None:
            found.quarantined[hour] = Counter(
                json.dumps(row) for row in quarantined.select("stream", "raw").iter_rows()
            )
        if flags is not None:
            found.flags[hour] = _anywhere(flags.write_json())
        for actor in (store.read_json(SUMMARY, hour) or {}).get("flagged", []):
            found.alerting.add((actor["actor"], hour.isoformat()))
    _read_findings_below_threshold(store, hours, found)
    if in_axiom:
        found.held = _held(daemon.sandbox, hours)
    _read_linear(daemon.sandbox, found)
    return found


def _read_findings_below_threshold(store: HourStore, hours: Sequence[datetime], found: Holdings) -> None:
    """On the days of these hours that have all their hours, whichever hours were requested."""
    for midnight in {hour.replace(hour=0) for hour in hours}:
        of_day = (store.read(FLAGGED, midnight + HOUR * step) for step in range(HOURS_A_DAY))
        flags = [known for known in of_day if known is not None]
        day = f"{DIGEST}{midnight.day} {midnight:%b}"
        if len(flags) == HOURS_A_DAY:
            found.below_threshold[day] = set(
                pl.concat(flags).filter(pl.col("disposition") == "below_threshold")["actor"]
            )
        if (store.read_json(DIGESTS, midnight) or {}).get("outcome") in SKIP_REASONS:
            found.skipped_days.add(day)


def _read_linear(sandbox: Sandbox, found: Holdings) -> None:
    about = {}
    store = sandbox.linear.store
    kinds = {state["id"]: state["type"] for state in store.all("WorkflowState")}
    for issue in store.all("Issue"):
        about[issue["id"]] = actor = issue["title"].rpartition(": ")[2].replace(DOT, ".")
        found.tickets[actor] += 1
        if actor.startswith(DIGEST):
            found.digests[actor] = issue["description"].replace("[.]", ".")
        found.open_tickets[actor] += kinds[issue["stateId"]] in OPEN_STATES
    for attachment in store.all("Attachment"):
        if hour := attachment["metadata"].get("hour"):
            found.hours_on_tickets[about[attachment["issueId"]], hour] += 1
    for comment in store.all("Comment"):
        if (day := about[comment["issueId"]]) in found.digests:
            found.digests[day] += comment["body"].replace("[.]", ".")
        found.comments[comment["issueId"], _anywhere(comment["body"])] += 1


def _anywhere(text: str) -> str:
    """Without the port, which each world has for itself."""
    return re.sub(r"127\.0\.0\.1:\d+", "sandbox", text)


def _held(sandbox: Sandbox, hours: Sequence[datetime]) -> dict[str, int]:
    sandbox.shared.clock.advance(AXIOM_SETTLED)
    settings = sandbox.axiom.environment(sandbox.url)
    answer = httpx.post(
        f"{settings['AXIOM_URL']}/v1/datasets/_apl?format=tabular",
        headers={"Authorization": f"Bearer {settings['AXIOM_TOKEN']}"},
        json={
            "apl": HELD.format(dataset=settings["AXIOM_DATASET"]),
            "startTime": hours[0].isoformat(),
            "endTime": (hours[-1] + HOUR).isoformat(),
        },
        trust_env=False,
        timeout=60,
    ).raise_for_status()
    sandbox.shared.calls.clear()
    table = answer.json()["tables"][0]
    columns = dict(zip((each["name"] for each in table["fields"]), table["columns"], strict=True))
    assert len(columns["entry_id"]) < MOST_HELD
    return dict(zip(columns["entry_id"], columns["copies"], strict=True))


def twice(counts: Iterable[int]) -> int:
    """How many are too many."""
    return sum(count - 1 for count in counts if count > 1)
