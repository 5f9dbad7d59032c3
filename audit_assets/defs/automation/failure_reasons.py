"""Why the last runs of failed hours failed, as far as a person has to know at once: something was refused, which no
other try helps, or tickets could not be opened.

Other failures are tried again by themselves, and are a problem only once they go on (reports/health_problems.py).
"""

from collections.abc import Collection, Iterator
from datetime import datetime, timedelta

import dagster as dg
from dagster import DagsterEventType

from audit_assets.defs.account_keys import asset_key
from audit_assets.defs.automation.ledger import can_judge, hours_of
from audit_assets.defs.dagster_failures import PERMANENT
from audit_assets.reports.alert_state import Found
from audit_assets.storage.hours import key_of

OPENS_TICKETS = ("opened_tickets", "daily_digest")

MOST_RUNS = 20
"""The newest failed runs that are looked at: the reasons of older ones are the same or gone. A judgement."""

LOOKED_BACK = timedelta(days=3)


def find_failure_reasons(instance: dg.DagsterInstance, failed: Collection[datetime], now: datetime) -> list[Found]:
    """A problem for each asset whose failure in these hours, the failed ones, a person has to know of."""
    if not failed:
        return []
    recent = dg.RunsFilter(statuses=[dg.DagsterRunStatus.FAILURE], updated_after=now - LOOKED_BACK)
    found: dict[str, Found] = {}
    seen: set[datetime] = set()
    for run in instance.get_runs(recent, limit=MOST_RUNS):
        hours = {*hours_of(run)} & {*failed} - seen
        if can_judge(run) and hours:
            seen |= hours
            for problem in _reasons(instance, run, min(hours)):
                found.setdefault(problem.kind, problem)
    return [*found.values()]


def _reasons(instance: dg.DagsterInstance, run: dg.DagsterRun, hour: datetime) -> Iterator[Found]:
    own = asset_key("").to_python_identifier()
    for entry in instance.all_logs(run.run_id, of_type=DagsterEventType.STEP_FAILURE):
        event = entry.dagster_event
        failure = event.step_failure_data.user_failure_data if event else None
        if event is None or failure is None or not failure.description:
            continue
        if not event.node_name.startswith(own):
            continue
        asset = event.node_name.removeprefix(own)
        if asset in OPENS_TICKETS:
            sentence = f"tickets of {key_of(hour)} could not be opened: {failure.description}"
            yield Found("tickets", sentence, "Its run is tried again by itself; what it asks for has to be done first.")
        elif PERMANENT in failure.metadata:
            sentence = f"{key_of(hour)} failed, and another try can't help: {failure.description}"
            yield Found(f"refused {asset}", sentence, "Do what it asks for; the hours are then run by themselves.")
