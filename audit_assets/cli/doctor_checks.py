"""The checks of `audit-assets doctor`: what is configured, reachable and permitted, by harmless calls."""

import os
import re
import shlex
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Literal

import polars as pl

from audit_assets.axiom.dataset_health import ENOUGH_RETENTION_DAYS, find_issues
from audit_assets.axiom.limits import AxiomLimits
from audit_assets.config.env_file import NAME as ENV_FILE
from audit_assets.config.errors import AuditAssetsError, SettingError, StoreError
from audit_assets.config.policy import policy, tables
from audit_assets.config.policy_tables import VERDICT_LABELS
from audit_assets.config.settings import (
    SETTINGS,
    check_sources,
    dry_run,
    is_set,
    quiet_time,
    setting,
    sources,
    ticket_max_age,
    tickets_per_hour,
)
from audit_assets.defs.delivery_resources import ChannelsResource
from audit_assets.defs.resources import (
    AxiomResource,
    CloudflareResource,
    LinearResource,
    StorageResource,
    TriageResource,
)
from audit_assets.defs.steps.axiom_record import compare_record
from audit_assets.defs.steps.geography import open_geography
from audit_assets.defs.steps.watch_rules import load_watch_rules
from audit_assets.detection.schemas import WINDOW
from audit_assets.storage.file_modes import readable_by_others
from audit_assets.storage.first_start import first_hour
from audit_assets.storage.hours import AN_HOUR
from audit_assets.storage.pull_history import REPEATS, lateness, pulls_of
from audit_assets.storage.tables import ENTRIES, VERDICTS
from audit_assets.tickets.formatting import pluralize
from audit_assets.tickets.verdict_table import stored_verdicts
from audit_assets.transport.http import HttpLimits

Status = Literal["ok", "advice", "problem"]

DEFAULT_HOME = ".audit_assets"
"""Where `audit-assets` keeps what it stores, unless its options name another folder."""

IMPATIENT = HttpLimits(attempts=1, attempt_seconds=30)
"""A person waits for the answer: a service that is down is reported at once."""


@dataclass(frozen=True)
class CheckResult:
    """One thing that was found. `next_step` is what a person should do about it, if anything."""

    status: Status
    text: str
    next_step: str = ""


def run_checks(now: datetime) -> Iterator[tuple[str, CheckResult]]:
    """Check everything: each result with its subject. A problem of one service does not stop the checks of others."""
    checks: dict[str, Callable[[datetime], Iterator[CheckResult]]] = {
        "Cloudflare": _check_cloudflare,
        "Axiom": _check_axiom,
        "Linear": _check_linear,
        "Storage": _check_storage,
        "Policy": _check_policy,
        "Channels": _check_channels,
        "Geography": _check_geography,
        "Triage": _check_triage,
        "Settings": _check_settings,
        "Files": _check_files,
    }
    for subject, check in checks.items():
        missing = [name for name in SETTINGS if name.startswith(f"{subject.upper()}_") and not is_set(name)]
        for name in missing:
            yield subject, CheckResult("problem", f"{name} is not set", f"Set it to the {SETTINGS[name].meaning}.")
        if missing:
            continue
        try:
            yield from ((subject, result) for result in check(now))
        except SettingError as error:
            yield subject, CheckResult("problem", str(error), "Correct the setting, then run this again.")
        except AuditAssetsError as error:
            yield subject, CheckResult("problem", str(error))


def _check_cloudflare(_: datetime) -> Iterator[CheckResult]:
    resource = CloudflareResource(limits=IMPATIENT)
    streams = resource.streams()
    with closing(resource.client()) as client:
        for stream in streams:
            client.probe(stream)
    yield CheckResult("ok", f"the audit log can be read: {' and '.join(streams)}")


def _check_axiom(now: datetime) -> Iterator[CheckResult]:
    resource = AxiomResource(limits=AxiomLimits(attempts=1, read_seconds=30, visibility_seconds=0))
    until = now.replace(minute=0, second=0, microsecond=0)
    problem = None
    with closing(resource.client()) as client:
        facts = client.dataset_facts()
        with suppress(StoreError):  # reported by the check of the storage
            problem = compare_record(StorageResource().open(), client, until - WINDOW, until).problem
    yield CheckResult("ok", f"dataset {resource.dataset()} can be queried; it holds {pluralize(facts.rows, 'row')}")
    if problem:
        yield CheckResult("problem", problem)
    for issue in find_issues(facts.limits, facts.incomplete):
        status: Status = "problem" if issue.kind == "problem" else "advice"
        yield CheckResult(status, issue.what, issue.next_step)
    if (days := facts.limits.retention_days) is not None and days >= ENOUGH_RETENTION_DAYS:
        yield CheckResult("ok", f"entries are kept {days} days")
    yield from _check_findings_dataset(resource, until)
    known = now - facts.oldest if facts.oldest else timedelta(0)
    if known < WINDOW:
        step = "Turn on the sensor `missing_hours` in the Dagster UI: it brings in the last 31 days."
        yield CheckResult("advice", f"the dataset holds {known.days} of {WINDOW.days} days of history", step)
    else:
        yield CheckResult("ok", f"the dataset holds {pluralize(known.days, 'day')} of history")


def _check_findings_dataset(resource: AxiomResource, until: datetime) -> Iterator[CheckResult]:
    """Nothing is written: whether the token may ingest shows with the first finding."""
    try:
        if not (dataset := resource.findings_dataset()):
            return
        with closing(resource.findings_client(dataset)) as client:
            client.entry_ids(until - AN_HOUR, until)
    except AuditAssetsError as error:
        yield CheckResult("problem", str(error))
        return
    text = f"dataset {dataset}, which gets the findings, can be queried; the check findings_are_in_axiom reports "
    yield CheckResult("ok", f"{text}if it can't be written")


def _check_linear(_: datetime) -> Iterator[CheckResult]:
    with closing(LinearResource(limits=IMPATIENT).client()) as client:
        facts = client.check()
        labels = client.verdict_labels()
    yield CheckResult("ok", f"tickets go to team {facts.team} ({facts.team_key}), opened by {facts.who}")
    for problem in facts.problems:
        yield CheckResult("problem", problem)
    for warning in facts.warnings:
        yield CheckResult("advice", warning)
    rows = len(tables().ticket_fields)
    if rows and not facts.problems:
        yield CheckResult("ok", f"all names in {pluralize(rows, 'row')} of ticket_fields exist in Linear")
    for label in (each for each in VERDICT_LABELS if each not in labels):
        text = f"the label {label}, with which people give their verdict on a ticket, does not exist"
        yield CheckResult("advice", text, f"Create it by hand, for the team {facts.team_key} or the workspace.")


def _check_storage(now: datetime) -> Iterator[CheckResult]:
    store = StorageResource().open()
    store.check()
    yield CheckResult("ok", f"hours are stored in {store.root}")
    verdicts = stored_verdicts(store.read(VERDICTS, None))
    if not verdicts.is_empty():
        counts = dict(verdicts.group_by("verdict").agg(pl.struct("actor_key", "hour").n_unique()).iter_rows())
        text = (
            f"verdicts on {pluralize(verdicts['ticket_id'].n_unique(), 'ticket')} in Linear: "
            f"{pluralize(counts.get('confirmed', 0), 'hour')} of an actor confirmed, "
            f"{counts.get('dismissed', 0):,} dismissed"
        )
        yield CheckResult("ok", text)
    newest = now.replace(minute=0, second=0, microsecond=0) - AN_HOUR
    late: Counter[timedelta] = Counter()
    stored = 0
    for hour in (newest - AN_HOUR * back for back in range(WINDOW // AN_HOUR)):
        pulls = pulls_of(store.metadata(ENTRIES, hour) or {})
        late += lateness(hour, pulls)
        stored += bool(pulls)
    if stored:
        later = ", ".join(f"{late[delay]:,} {delay // AN_HOUR} h after its end" for delay in REPEATS)
        span = f"{pluralize(stored, 'hour')} of the last {WINDOW.days} days stored"
        by_pull = f"entries by the pull that found them: {late[timedelta(0)]:,} the hour's first, {later}"
        yield CheckResult("ok", f"{span}; {by_pull}")


def _check_policy(now: datetime) -> Iterator[CheckResult]:
    in_force = policy()
    plain = in_force.plain
    alerts = f"about {in_force.tickets_a_day:g} {'ticket' if in_force.tickets_a_day == 1 else 'tickets'} a day"
    if in_force.preset == "plain":
        alerts = f"alerts from {plain.ratio:g} times the usual and {plain.minimum:g} changes on, and on every new type"
    yield CheckResult("ok", f"preset {in_force.preset}: {alerts}")
    rules = load_watch_rules()
    yield CheckResult("ok", f"{len(rules.enabled):,} of {pluralize(len(rules.rule), 'watch rule')} are enabled")
    if ended := [each for each in in_force.allowances if each.until < now.date()]:
        text = f"{len(ended)} of {pluralize(len(in_force.allowances), 'allowance')} ended, the first: {ended[0].reason}"
        yield CheckResult("advice", text, "Remove them from the policy file, or extend them.")
    named = [each.actor for each in in_force.allowances if each.actor]
    if unknown := [actor for actor in named if "@" not in actor and not re.fullmatch("[0-9a-f]{32}", actor)]:
        text = f"{len(unknown)} of {pluralize(len(named), 'allowance')} of an actor names neither an actor key nor an "
        text += f"e-mail address, and allows nothing, the first: {unknown[0]}"
        yield CheckResult("advice", text, "Name the actor's key, which its ticket and the summary show.")


def _check_channels(_: datetime) -> Iterator[CheckResult]:
    resource = ChannelsResource()
    for channel in tables().channels:
        try:
            service = resource.check(channel.name)
        except AuditAssetsError as error:
            yield CheckResult("problem", f"channel {channel.name}: {error}")
        else:
            text = f"channel {channel.name} gets findings of severity {', '.join(channel.severities)} by {service}; "
            yield CheckResult("ok", f"{text}nothing was sent now")


def _check_geography(_: datetime) -> Iterator[CheckResult]:
    if geography := open_geography():
        yield CheckResult("ok", f"networks of addresses are autonomous systems: {geography.edition}")


def _check_triage(_: datetime) -> Iterator[CheckResult]:
    model = TriageResource().model()
    if model is None:
        return
    model.close()
    name = setting("AUDIT_ASSETS_TRIAGE_MODEL")
    yield CheckResult("ok", f"the model {name} writes a note on each new ticket; it was not called now")


def _check_settings(_: datetime) -> Iterator[CheckResult]:
    for source, names in sources().items():
        yield CheckResult("ok", f"from {source}: {', '.join(names)}")
    check_sources()
    if dry_run():
        text = "LINEAR_DRY_RUN is set: every run renders its tickets and opens none"
        yield CheckResult("advice", text, "Unset it once the tickets look right.")
    age = ticket_max_age() / timedelta(hours=1)
    first = f"{first_hour():%Y-%m-%d-%H:%M}"
    yield CheckResult("ok", f"first hour {first}; an hour opens tickets for {age:g} h after its end")
    quiet = quiet_time() / timedelta(days=1)
    text = (
        f"at most {pluralize(tickets_per_hour(), 'ticket')} an hour, and one more for all other actors; after people "
        f"dismiss a ticket, its actor opens none for {quiet:g} days"
    )
    yield CheckResult("ok", text)


def _check_files(_: datetime) -> Iterator[CheckResult]:
    """What other users of this machine can read of what is stored here, and of the settings."""
    storage = setting("AUDIT_ASSETS_STORAGE")
    homes = [os.environ.get("DAGSTER_HOME"), DEFAULT_HOME, None if "://" in storage else storage, ENV_FILE]
    kept = [path for path in dict.fromkeys(Path(home).absolute() for home in homes if home) if path.exists()]
    for path in kept:
        if found := [*readable_by_others(path)]:
            text = f"other users of this machine can read {pluralize(len(found), 'file')} in {path}"
            text = f"other users of this machine can read {path}" if path.is_file() else text
            yield CheckResult("problem", text, f"Make it private: chmod -R go= {shlex.quote(str(path))}")
        else:
            yield CheckResult("ok", f"nobody else on this machine can read {path}")
