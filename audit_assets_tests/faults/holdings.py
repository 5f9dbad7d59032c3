"""What many hours left behind, as others see it: Parquet hours, what Axiom answers, flags, and tickets in Linear."""

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
from audit_assets_tests.faults.verdict import LONG_ENOUGH
from audit_assets_tests.pipeline import HOUR

HELD = """['{dataset}'] | where isnotempty(entry_id) | summarize copies = count() by entry_id | limit 50000"""
MOST_HELD = 50_000

HOURS_A_DAY = 24
WITHHELD = frozenset({"too_old", "learning"})

OPEN_STATES = frozenset({"triage", "backlog", "unstarted", "started"})

DOT = "·"
"""Stands for one in titles, so that nobody's address becomes a link."""

DIGEST = "Digest of "
"""How the title of a day's digest begins."""

Told = tuple[str, str]
"""Whom a ticket is about, and an hour that stands on it."""


@dataclass
class Holdings:
    """Of some hours."""

    entries: dict[datetime, Counter[str]] = field(default_factory=dict)
    """Of the Parquet hours: entry ids."""

    quarantined: dict[datetime, Counter[str]] = field(default_factory=dict)
    held: dict[str, int] = field(default_factory=dict)
    """The entry ids in Axiom, with the number of physical copies."""

    flags: dict[datetime, str] = field(default_factory=dict)
    ringing: set[Told] = field(default_factory=set)
    """Who was flagged in which hour, by the summaries."""

    open_tickets: Counter[str] = field(default_factory=Counter)
    tickets: Counter[str] = field(default_factory=Counter)
    """Of an actor, or of a day: then it is a digest."""

    held_back: dict[str, set[str]] = field(default_factory=dict)
    """Of days that are whole, as digests call them: who has findings under the budget."""

    digests: dict[str, str] = field(default_factory=dict)
    """By day: all that its digest says, with its comments."""

    skip_reason: set[str] = field(default_factory=set)
    """Days whose digest was not to be opened, by then."""

    told: Counter[Told] = field(default_factory=Counter)
    comments: Counter[tuple[str, str]] = field(default_factory=Counter)

    def untold(self) -> list[str]:
        """Who stands in no digest, though he should."""
        due = [(day, who) for day, actors in self.held_back.items() for who in actors if day not in self.skip_reason]
        return [f"{who}, {day}" for day, who in due if who not in self.digests.get(day, "")]

    def digests_twice(self) -> int:
        """How many digests are too many."""
        return twice(count for about, count in self.tickets.items() if about.startswith(DIGEST))

    def all_entries(self) -> Counter[str]:
        """Of all hours together."""
        return sum(self.entries.values(), Counter())


def holdings(daemon: Daemon, hours: Sequence[datetime], *, in_axiom: bool = True) -> Holdings:
    """Look at everything; into Axiom once all that it took is visible, for which time passes."""
    store, found = HourStore(str(daemon.hours)), Holdings()
    for hour in hours:
        entries, doubtful, flags = (store.read(table, hour) for table in (ENTRIES, QUARANTINE, FLAGGED))
        if entries is not None:
            found.entries[hour] = Counter(entries["entry_id"])
        if doubtful is not None:
            found.quarantined[hour] = Counter(json.dumps(row) for row in doubtful.select("stream", "raw").iter_rows())
        if flags is not None:
            found.flags[hour] = _anywhere(flags.write_json())
        for actor in (store.read_json(SUMMARY, hour) or {}).get("flagged", []):
            found.ringing.add((actor["actor"], hour.isoformat()))
    _look_for_what_did_not_ring(store, hours, found)
    if in_axiom:
        found.held = _held(daemon.sandbox, hours)
    _look_into_linear(daemon.sandbox, found)
    return found


def _look_for_what_did_not_ring(store: HourStore, hours: Sequence[datetime], found: Holdings) -> None:
    """On the days of these hours that are whole, whichever of their hours were asked for."""
    for midnight in {hour.replace(hour=0) for hour in hours}:
        of_day = (store.read(FLAGGED, midnight + HOUR * step) for step in range(HOURS_A_DAY))
        flags = [known for known in of_day if known is not None]
        day = f"{DIGEST}{midnight.day} {midnight:%b}"
        if len(flags) == HOURS_A_DAY:
            found.held_back[day] = set(pl.concat(flags).filter(pl.col("disposition") == "below_threshold")["actor"])
        if (store.read_json(DIGESTS, midnight) or {}).get("outcome") in WITHHELD:
            found.skip_reason.add(day)


def _look_into_linear(sandbox: Sandbox, found: Holdings) -> None:
    about = {}
    store = sandbox.linear.store
    kinds = {state["id"]: state["type"] for state in store.all("WorkflowState")}
    for issue in store.all("Issue"):
        about[issue["id"]] = actor = issue["title"].split(":")[0].replace(DOT, ".")
        found.tickets[actor] += 1
        if actor.startswith(DIGEST):
            found.digests[actor] = issue["description"].replace("[.]", ".")
        found.open_tickets[actor] += kinds[issue["stateId"]] in OPEN_STATES
    for attachment in store.all("Attachment"):
        if hour := attachment["metadata"].get("hour"):
            found.told[about[attachment["issueId"]], hour] += 1
    for comment in store.all("Comment"):
        if (day := about[comment["issueId"]]) in found.digests:
            found.digests[day] += comment["body"].replace("[.]", ".")
        found.comments[comment["issueId"], _anywhere(comment["body"])] += 1


def _anywhere(text: str) -> str:
    """Without the port, which each world has for itself."""
    return re.sub(r"127\.0\.0\.1:\d+", "sandbox", text)


def _held(sandbox: Sandbox, hours: Sequence[datetime]) -> dict[str, int]:
    sandbox.stage.clock.advance(LONG_ENOUGH)
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
    sandbox.stage.calls.clear()
    table = answer.json()["tables"][0]
    columns = dict(zip((each["name"] for each in table["fields"]), table["columns"], strict=True))
    assert len(columns["entry_id"]) < MOST_HELD
    return dict(zip(columns["entry_id"], columns["copies"], strict=True))


def twice(counts: Iterable[int]) -> int:
    """How many are there too often."""
    return sum(count - 1 for count in counts if count > 1)
