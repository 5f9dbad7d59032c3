"""Collects the facts about the pipeline's own health: from Dagster's record, the hour store and this machine.

Reads only, and judges nothing: that is done in reports/health_problems.py. What a service would have to be asked for is
left to whoever has a client of it.
"""

import shutil
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path

import dagster as dg
from packaging.requirements import Requirement

from audit_assets.defs.account_keys import LAST_ASSETS, PULLED, asset_key, check_key, name_of
from audit_assets.defs.automation.hour_planner import Plan, newest_due_hour
from audit_assets.defs.automation.ledger import IN_PROGRESS, hours_under_way, is_of_account, plan_requests
from audit_assets.defs.materialized_hours import ingested_hours
from audit_assets.defs.unresolved_warnings import unresolved_warnings
from audit_assets.reports.health_facts import (
    HOURS_IN_WINDOW,
    SWITCHES,
    CheckFact,
    DaemonFacts,
    DiskFact,
    HealthFacts,
    HourFacts,
    VersionFact,
)
from audit_assets.storage.hours import AN_HOUR, hour_of

PACKAGE = "audit-assets"

TICKETS_CHECK = ("opened_tickets", "every_flagged_actor_has_a_ticket")
PROOF_CHECK = ("axiom_ingest", "axiom_holds_every_entry")

NEEDED_DAEMONS = frozenset({"SENSOR", "SCHEDULER", "QUEUED_RUN_COORDINATOR"})
"""Dagster's names of the parts of its daemon without which no hour is pulled."""


def collect_health(instance: dg.DagsterInstance, now: datetime) -> HealthFacts:
    """All that Dagster's record knows. Raises `SettingError` for a first hour that can't be understood."""
    return HealthFacts(
        now=now,
        hours=collect_hours(instance, plan_requests(instance, now), now),
        daemon=_collect_daemon(instance),
        tickets=_collect_check(instance, check_key(TICKETS_CHECK)),
        proof=_collect_check(instance, check_key(PROOF_CHECK)),
    )


def collect_hours(instance: dg.DagsterInstance, plan: Plan, now: datetime) -> HourFacts:
    """The hours alone, as a plan of now found them."""
    newest_due = newest_due_hour(now)
    window = {newest_due - AN_HOUR * back for back in range(HOURS_IN_WINDOW)}
    judged = set.intersection(*(_materialized_hours(instance, asset_key(name)) for name in LAST_ASSETS))
    ingested = ingested_hours(instance)
    pulled = (ingested | _materialized_hours(instance, asset_key(PULLED))) - hours_under_way(instance)
    return HourFacts(
        newest_due=newest_due,
        present=len(window & ingested),
        judged=len(window & judged),
        newest_judged=max(judged, default=None),
        never_judged=tuple(hour for hour in plan.missing if hour in pulled),
        failed=plan.failed,
        failing=plan.failing,
        overdue=plan.overdue,
        window=HOURS_IN_WINDOW,
        running=sum(map(is_of_account, instance.get_runs(dg.RunsFilter(statuses=IN_PROGRESS)))),
    )


def collect_disks(places: dict[str, str]) -> tuple[DiskFact, ...]:
    """The room of the file systems on which these folders lie, by what is in them; a URL is left out, and a folder that
    does not exist yet counts as the one above it."""
    found = []
    for what, place in places.items():
        if "://" in place:
            continue
        path = Path(place).absolute()
        existing = next(each for each in (path, *path.parents) if each.exists())
        usage = shutil.disk_usage(existing)
        if usage.total:  # others hold no files, such as /proc
            found.append(DiskFact(what, str(path), usage.free, usage.total))
    return tuple(found)


def collect_versions() -> tuple[VersionFact, ...]:
    """This package and what it needs, as installed; nothing if it runs from a checkout that was never installed."""
    if (own := _installed_version(PACKAGE)) is None:
        return ()
    needed = [Requirement(text) for text in metadata.requires(PACKAGE) or []]
    required = [each for each in needed if each.marker is None or each.marker.evaluate({"extra": ""})]
    return (VersionFact(PACKAGE, own), *map(_version_fact, required))


def _version_fact(required: Requirement) -> VersionFact:
    installed = _installed_version(required.name)
    fits = installed is not None and required.specifier.contains(installed, prereleases=True)
    return VersionFact(required.name, installed or "no version", str(required.specifier), fits)


def _installed_version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def _materialized_hours(instance: dg.DagsterInstance, asset: dg.AssetKey) -> set[datetime]:
    return {hour_of(key) for key in instance.get_materialized_partitions(asset)}


def _collect_daemon(instance: dg.DagsterInstance) -> DaemonFacts:
    """A sensor that was never turned on is not in Dagster's record."""
    on = {state.instigator_name for state in instance.all_instigator_state() if state.is_running}
    needed = NEEDED_DAEMONS.intersection(instance.get_required_daemon_types())
    beats = instance.get_daemon_heartbeats()
    last = [datetime.fromtimestamp(beats[name].timestamp, UTC) for name in needed if name in beats]
    return DaemonFacts(
        switches={name: name_of(name) in on for name in SWITCHES},
        heartbeat=min(last) if last and len(last) == len(needed) else None,
    )


def _collect_check(instance: dg.DagsterInstance, key: dg.AssetCheckKey) -> CheckFact | None:
    """The last completed evaluation; None before the first."""
    last = instance.event_log_storage.get_asset_check_summary_records([key])[key].last_completed_check_execution_record
    if last is None or last.evaluation is None:
        return None
    evaluation = last.evaluation
    return CheckFact(evaluation.passed, evaluation.description or "", unresolved_warnings(evaluation))
