"""A look at the pipeline from outside of its hours: what is wrong with it, for whoever gets alerts.

It judges as the doctor and the check `every_hour_is_done` do (reports/health_problems.py), and adds why runs failed and
when the token ends. It is taken by sensors and, since those end with Dagster's daemon, by `audit-assets watchdog`.
"""

from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import chain

import dagster as dg

from audit_assets.config.accounts import chosen_account
from audit_assets.config.accounts_file import all_accounts
from audit_assets.config.errors import SettingError, StoreError
from audit_assets.config.settings import setting, variable_of
from audit_assets.config.settings_table import STORAGE
from audit_assets.defs.automation.failure_reasons import find_failure_reasons
from audit_assets.defs.automation.lost_hours import describe_lost, find_lost
from audit_assets.defs.automation.pipeline_health import collect_disks, collect_health
from audit_assets.defs.checks.every_hour_is_done import has_found_lost
from audit_assets.defs.resources import CloudflareResource, StorageResource
from audit_assets.defs.steps.operator_alerts import AlertResources, send_alerts
from audit_assets.defs.steps.token_record import load_token_facts
from audit_assets.reports.alert_state import AlertState, Found
from audit_assets.reports.health_facts import MISSING_HOURS, PIPELINE_WATCHDOG, DaemonFacts, HealthFacts, HourFacts
from audit_assets.reports.health_problems import judge_health
from audit_assets.reports.token_expiry import judge_token
from audit_assets.storage.hour_store import open_store

UNALERTED = frozenset({"coverage"})
"""What the doctor calls an error and nobody is woken for: `audit-assets start` loads history at any time of day."""


SHARED = frozenset({"daemon", "disk"})
"""What is wrong with the machine and with Dagster, and so with every account."""


@dataclass(frozen=True)
class Look:
    """What a look found, and what was remembered after it was sent; None if another process was sending."""

    found: list[Found]
    state: AlertState | None


def watch_pipeline(instance: dg.DagsterInstance, cloudflare: CloudflareResource, resources: AlertResources) -> Look:
    """Look, and send what is new."""
    found = find_problems(instance, cloudflare, resources.storage)
    return Look(found, send_alerts(found, resources))


def find_problems(
    instance: dg.DagsterInstance, cloudflare: CloudflareResource, storage: StorageResource
) -> list[Found]:
    """What is wrong by Dagster's record, on this machine and with the token, one of each kind."""
    now = storage.now()
    of_token = judge_token(load_token_facts(cloudflare, storage, now), now, variable_of("CLOUDFLARE_API_TOKEN"))
    try:
        return [*alerting_problems(instance, collect_facts(instance, now)), *of_token]
    except SettingError as error:
        return [Found("settings", str(error), "Correct the setting: until then no hour is pulled."), *of_token]


def collect_facts(instance: dg.DagsterInstance, now: datetime) -> HealthFacts:
    """What Dagster's record and this machine show. Raises `SettingError`."""
    disks = collect_disks({**_stores(), "Dagster's record": instance.root_directory})
    facts = replace(collect_health(instance, now), disks=disks)
    if not has_found_lost(instance):  # the sensor looks into the store, and a look costs requests
        return facts
    with suppress(StoreError):  # a store that can't be listed is what the runs report
        facts = replace(facts, lost=describe_lost(find_lost(instance, open_store(), now)))
    return facts


def _stores() -> dict[str, str]:
    """Where this account's hours lie, and those of others in a place of their own, which may be another disk."""
    chosen = chosen_account()
    others = [account for account in all_accounts() if account != chosen and STORAGE in account.texts]
    named = {f"the stored hours of {account.name}": account.texts[STORAGE] for account in others}
    return {"the stored hours": setting(STORAGE), **named}


def alerting_problems(instance: dg.DagsterInstance, facts: HealthFacts) -> list[Found]:
    """What is wrong by these facts and by the reasons of failed runs."""
    now, shared = facts.now, frozenset() if answers_for_all(instance) else SHARED
    if facts.hours is None or not _is_live(facts.hours, facts.daemon):
        return []
    reasons = find_failure_reasons(instance, facts.hours.failed, now)
    judged = [
        Found(problem.kind, problem.sentence, problem.next_step)
        for problem in judge_health(facts)
        if problem.severity == "error"
        and problem.kind not in UNALERTED | shared
        and not _is_under_way(facts, problem.kind)
    ]
    return [*{each.kind: each for each in (*judged, *reasons)}.values()]


def answers_for_all(instance: dg.DagsterInstance | None) -> bool:
    """Whether this account's look reports what all accounts share, Dagster's daemon and the disks, so that it is one
    alert and not one of each account: the first one's does that is watched, which nobody does whose sensors are off.
    `instance`: None if it can't be read."""
    accounts = all_accounts()
    usable = [account for account in accounts if not account.problem]
    on = {state.instigator_name for state in instance.all_instigator_state() if state.is_running} if instance else set()
    by_sensor = [[each for each in usable if each.named(sensor) in on] for sensor in (PIPELINE_WATCHDOG, MISSING_HOURS)]
    return chosen_account() in (None, next(chain(*by_sensor, usable, accounts)))


def _is_live(hours: HourFacts, daemon: DaemonFacts | None) -> bool:
    """Whether somebody relies on it: before, as while `audit-assets start` loads the history, all is off on purpose."""
    return hours.newest_judged is not None or daemon is None or any(daemon.switches.values())


def _is_under_way(facts: HealthFacts, kind: str) -> bool:
    """Whether it is only that the first history is being brought in, before any hour is judged. What prevents it is
    another problem: a run that failed, a daemon that is silent."""
    hours = facts.hours
    return kind == "stale" and hours is not None and hours.newest_judged is None and not (hours.failed or hours.failing)
