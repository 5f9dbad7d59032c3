"""What is configured, reachable and permitted, asked of each service by a harmless call, and what to do next."""

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

import polars as pl

from audit_assets.axiom.dataset_health import ENOUGH_RETENTION_DAYS, doubts
from audit_assets.axiom.limits import Bounds
from audit_assets.config.errors import AuditAssetsError, SettingError
from audit_assets.config.policy import policy, tables
from audit_assets.config.settings import (
    SETTINGS,
    dry_run,
    first_hour,
    is_set,
    quiet_time,
    setting,
    ticket_max_age,
    tickets_per_hour,
)
from audit_assets.defs.resources import (
    AxiomResource,
    CloudflareResource,
    LinearResource,
    StorageResource,
    TriageResource,
)
from audit_assets.detection.schemas import WINDOW
from audit_assets.storage.hour_store import HourStore
from audit_assets.storage.hours import AN_HOUR
from audit_assets.storage.pull_history import REPEATS, lateness, pulls_of
from audit_assets.storage.tables import ENTRIES
from audit_assets.tickets.formatting import pluralize
from audit_assets.tickets.lifecycle import VERDICT_LABELS
from audit_assets.tickets.verdict_table import TABLE, stored_verdicts
from audit_assets.transport.http import HttpLimits

Verdict = Literal["ok", "advice", "problem"]

IMPATIENT = HttpLimits(attempts=1, attempt_seconds=30)
"""A person waits for the answer: a service that is not there now is told at once."""


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at. `next_step` is what a person should do about it, if anything."""

    about: str
    verdict: Verdict
    what: str
    next_step: str = ""


def examine(now: datetime) -> list[Finding]:
    """Look at everything. A problem of one service keeps nobody from looking at the others."""
    looks: dict[str, Callable[[datetime], Iterator[Finding]]] = {
        "Cloudflare": _cloudflare,
        "Axiom": _axiom,
        "Linear": _linear,
        "Storage": _storage,
        "Policy": _policy,
        "Triage": _triage,
        "Settings": _tuning,
    }
    findings: list[Finding] = []
    for about, look in looks.items():
        if absent := [name for name in SETTINGS if name.startswith(f"{about.upper()}_") and not is_set(name)]:
            findings += [
                Finding(about, "problem", f"{name} is not set", f"Set it to the {SETTINGS[name].meaning}.")
                for name in absent
            ]
            continue
        try:
            findings += list(look(now))
        except SettingError as error:
            findings.append(Finding(about, "problem", str(error), "Correct the setting, then run this again."))
        except AuditAssetsError as error:
            findings.append(Finding(about, "problem", str(error)))
    return findings


def _cloudflare(_: datetime) -> Iterator[Finding]:
    resource = CloudflareResource(limits=IMPATIENT)
    streams = resource.streams()
    with closing(resource.client()) as client:
        for stream in streams:
            client.probe(stream)
    yield Finding("Cloudflare", "ok", f"the audit log can be read: {' and '.join(streams)}")


def _axiom(now: datetime) -> Iterator[Finding]:
    with closing(AxiomResource(bounds=Bounds(tries=1, read_seconds=30, visibility_seconds=0)).client()) as client:
        facts = client.dataset_facts()
    yield Finding("Axiom", "ok", f"dataset {facts.name} can be queried; it holds {facts.rows:,} rows")
    for doubt in doubts(facts.limits, facts.incomplete):
        verdict: Verdict = "problem" if doubt.kind == "problem" else "advice"
        yield Finding("Axiom", verdict, doubt.what, doubt.next_step)
    if (days := facts.limits.retention_days) is not None and days >= ENOUGH_RETENTION_DAYS:
        yield Finding("Axiom", "ok", f"entries are kept {days} days")
    known = now - facts.oldest if facts.oldest else timedelta(0)
    if known < WINDOW:
        yield Finding(
            "Axiom",
            "advice",
            f"{known.days} of {WINDOW.days} days of history are there",
            "Turn on the sensor `missing_hours` in the Dagster UI: it brings in the last 31 days.",
        )
    else:
        yield Finding("Axiom", "ok", f"{known.days} days of history are there")


def _linear(_: datetime) -> Iterator[Finding]:
    with closing(LinearResource(limits=IMPATIENT).client()) as client:
        facts = client.check()
        labels = client.verdict_labels()
    yield Finding("Linear", "ok", f"tickets go to team {facts.team} ({facts.team_key}), opened by {facts.who}")
    for problem in facts.problems:
        yield Finding("Linear", "problem", problem)
    for doubt in facts.doubts:
        yield Finding("Linear", "advice", doubt)
    rows = len(tables().ticket_fields)
    if rows and not facts.problems:
        yield Finding("Linear", "ok", f"of {pluralize(rows, 'row')} of ticket_fields all names are known to Linear")
    for label in (each for each in VERDICT_LABELS if each not in labels):
        told = f"there is no label {label}, with which people say on a ticket what it was"
        yield Finding("Linear", "advice", told, f"Create it by hand, for the team {facts.team_key} or the workspace.")


def _storage(now: datetime) -> Iterator[Finding]:
    store: HourStore = StorageResource().open()
    store.check()
    yield Finding("Storage", "ok", f"hours are kept in {store.root}")
    said = stored_verdicts(store.read(TABLE, None))
    if not said.is_empty():
        counts = dict(said.group_by("verdict").agg(pl.struct("actor_key", "hour").n_unique()).iter_rows())
        told = (
            f"{counts.get('confirmed', 0):,} hours of actors were confirmed in Linear, {counts.get('dismissed', 0):,}"
        )
        yield Finding("Storage", "ok", f"{told} dismissed, on {said['ticket_id'].n_unique():,} tickets")
    newest = now.replace(minute=0, second=0, microsecond=0) - AN_HOUR
    late: Counter[timedelta] = Counter()
    known = 0
    for hour in (newest - AN_HOUR * back for back in range(WINDOW // AN_HOUR)):
        pulls = pulls_of(store.metadata(ENTRIES, hour) or {})
        late += lateness(hour, pulls)
        known += bool(pulls)
    if known:
        came = ", ".join(f"{late[step]:,} with that of {step // AN_HOUR} h after its end" for step in REPEATS)
        told = f"of the last {WINDOW.days} days {known} hours are stored: {late[timedelta(0)]:,} entries came with the "
        yield Finding("Storage", "ok", f"{told}hour's first pull, {came}")


def _policy(now: datetime) -> Iterator[Finding]:
    in_force = policy()
    plain, rung = in_force.plain, f"about {in_force.tickets_a_day:g} tickets a day"
    if in_force.preset == "plain":
        rung = f"every hour of {plain.ratio:g} times the usual, from {plain.minimum:g} changes on, and every new type"
    yield Finding("Policy", "ok", f"preset {in_force.preset}: {rung}")
    over = [each for each in in_force.allowances if each.until < now.date()]
    if over:
        ended = f"{len(over)} of {len(in_force.allowances)} allowances have ended, the first: {over[0].reason}"
        yield Finding("Policy", "advice", ended, "Take them out of the policy file, or give them a later day.")


def _triage(_: datetime) -> Iterator[Finding]:
    model = TriageResource().model()
    if model is None:
        return
    model.close()
    told = f"the model {setting('AUDIT_ASSETS_TRIAGE_MODEL')} writes a note on each new ticket; it was not asked now"
    yield Finding("Triage", "ok", told)


def _tuning(_: datetime) -> Iterator[Finding]:
    if dry_run():
        rendered = "LINEAR_DRY_RUN is set: every run renders its tickets and opens none"
        yield Finding("Settings", "advice", rendered, "Take it out once the tickets look right.")
    age = ticket_max_age() / timedelta(hours=1)
    yield Finding("Settings", "ok", f"hours from {first_hour():%Y-%m-%d-%H:%M} on; tickets for {age:g} h")
    quiet = quiet_time() / timedelta(days=1)
    said = (
        f"{tickets_per_hour()} tickets an hour at most, then one for all others; quiet for {quiet:g} days if dismissed"
    )
    yield Finding("Settings", "ok", said)
