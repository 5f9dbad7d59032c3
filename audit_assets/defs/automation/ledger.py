"""What Dagster knows of the hours: which are done and from which pull, which are running, and what failed.

Dagster's materialisations are the ledger; ticks and cursors are not, since they forget what happened while the daemon
was down (docs/facts/dagster.md, B2). An hour is done when its last assets are materialised, and their metadata names
the pull that they are based on: what a later pull brought and no run carried on to both is still to be done.
"""

import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

import dagster as dg

from audit_assets.config.settings import ticket_max_age
from audit_assets.defs.account_keys import (
    HISTORY,
    HOURLY_AUDIT,
    INGEST,
    JOBS,
    LAST_ASSETS,
    asset_key,
    check_key,
    name_of,
)
from audit_assets.defs.automation.hour_planner import NO_RUNS, History, LateEntries, Plan, RunHistory, plan_hours
from audit_assets.defs.hourly_asset import CONTENT, CONTENT_SINCE, PULL_BEGAN, text_in, time_in
from audit_assets.defs.materialized_hours import (
    ingested_hours,
    newest_materializations,
    read_newest_materializations,
    read_newest_pulls_again,
)
from audit_assets.defs.partitions import RANGE_END, RANGE_START, pulled_again
from audit_assets.defs.steps.history_coverage import HOURS_PRESENT
from audit_assets.defs.unresolved_warnings import MENDED_BY_A_RUN, last_unresolved
from audit_assets.detection.schemas import WINDOW
from audit_assets.storage.first_start import first_hour
from audit_assets.storage.hours import AN_HOUR, hour_of, hours_between
from audit_assets.storage.pull_history import newest_settled_hour
from audit_assets.storage.tables import TABLES_OF

LOOKED_BACK = WINDOW + timedelta(days=1)
"""Older hours are in no baseline any more; they are there for whoever backfills them."""

REQUESTED_BY = "audit/requested_by"
PARTITION = "dagster/partition"
RUN_KEY = "dagster/run_key"

IN_PROGRESS = [
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
]

ENDED = [dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED]

ANY_ASSETS = "__ASSET_JOB"
"""Dagster's name for runs that a person starts from an asset's page."""


class Done(NamedTuple):
    """When an hour was done, by our clock, when the pull began that it is based on, by Cloudflare's, how many of the
    hours before it were there, and what it held, since when.

    Of several assets each is the lesser one: a run that materialised only some of them has not completed the hour.
    """

    at: datetime
    pull_began: datetime | None
    hours_present: int | None
    content: str | None = None
    content_since: datetime | None = None


def plan_requests(instance: dg.DagsterInstance, now: datetime) -> Plan:
    """What is to be requested now, of the hours looked back on. Raises `SettingError`."""
    begins = first_hour()
    first = max(begins, newest_settled_hour(now) - LOOKED_BACK)
    done = _done(instance, first, now)
    again = _pulled_again(instance, done)
    loaded, loading = loaded_hours(instance), [*_loading_runs(instance)]
    return plan_hours(
        now=now,
        first=first,
        done={hour: again.began.get(hour, known.pull_began) for hour, known in done.items()},
        running={hour for run in _runs(instance, IN_PROGRESS) for hour in hours_of(run)},
        past=_run_histories(instance, first, done),
        history=History(
            loaded=loaded,
            loading={hour for run in loading for hour in hours_of(run)},
            runs=len(loading),
            past=_loading_histories(instance, first, loaded),
            judged_on={hour: known.hours_present for hour, known in done.items() if known.hours_present is not None},
            begins=begins,
            judged_within=ticket_max_age(),
        ),
        late=LateEntries(
            found=again.found,
            to_run=judged_before_their_history_changed(done)
            | last_unresolved(instance, [*map(check_key, MENDED_BY_A_RUN)]).keys(),
            under_way={hour for run in _runs(instance, IN_PROGRESS) for hour in pulled_again(run.tags)},
        ),
    )


class PulledAgain(NamedTuple):
    """Of hours that were pulled again in passing: when the last such pull began that brought nothing which was not
    judged (`began`), or one that did (`found`)."""

    began: dict[datetime, datetime]
    found: dict[datetime, datetime]


def _pulled_again(instance: dg.DagsterInstance, done: Mapping[datetime, Done]) -> PulledAgain:
    again = PulledAgain({}, {})
    for hour, pull in read_newest_pulls_again(instance, done).items():
        judged = done[hour]
        if judged.pull_began and pull.began > judged.pull_began:
            is_new = judged.content is None or pull.content != judged.content
            (again.found if is_new else again.began)[hour] = pull.began
    return again


def judged_before_their_history_changed(done: Mapping[datetime, Done]) -> set[datetime]:
    """The hours that were judged before an earlier one got the entries that it holds now."""
    found: set[datetime] = set()
    changed: datetime | None = None
    for hour, known in sorted(done.items()):
        if changed and known.pull_began and known.pull_began < changed:
            found.add(hour)
        changed = max(filter(None, (changed, known.content_since)), default=None)
    return found


def loaded_hours(instance: dg.DagsterInstance) -> set[datetime]:
    """The hours that Axiom holds, as far as the run that brought them in did not fail afterwards: then it was not
    proved."""
    failed = instance.get_runs(
        dg.RunsFilter(job_name=name_of(HISTORY), statuses=[dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED])
    )
    ids = {run.run_id for run in failed}
    in_question = {hour for run in failed for hour in hours_of(run)}
    newest = newest_materializations(instance, asset_key(INGEST), in_question)
    return ingested_hours(instance) - {
        hour_of(each.partition_key or "") for each in newest if each.event_log_entry.run_id in ids
    }


def _done(instance: dg.DagsterInstance, first: datetime, now: datetime) -> dict[datetime, Done]:
    """The hours whose last assets are all there, by the newest materialisation of each."""
    ended = hours_between(first, now - AN_HOUR)
    made = [read_newest_materializations(instance, asset, ended, _as_done) for asset in map(asset_key, LAST_ASSETS)]
    return {hour: _earlier([of_asset[hour] for of_asset in made]) for hour in set(made[0]).intersection(*made[1:])}


def _earlier(made: Sequence[Done]) -> Done:
    """Of one hour's assets. What is unknown of any of them is unknown."""
    pulls = [each.pull_began for each in made if each.pull_began]
    present = [each.hours_present for each in made if each.hours_present is not None]
    contents = {each.content for each in made}
    return Done(
        min(each.at for each in made),
        min(pulls) if len(pulls) == len(made) else None,
        min(present) if len(present) == len(made) else None,
        contents.pop() if len(contents) == 1 else None,
        max((each.content_since for each in made if each.content_since), default=None),
    )


def _as_done(record: dg.EventLogRecord) -> Done:
    made = record.asset_materialization
    present = made.metadata.get(HOURS_PRESENT) if made else None
    return Done(
        datetime.fromtimestamp(record.timestamp, UTC),
        time_in(made, PULL_BEGAN),
        present.value if isinstance(present, dg.IntMetadataValue) else None,
        text_in(made, CONTENT),
        time_in(made, CONTENT_SINCE),
    )


def _run_histories(
    instance: dg.DagsterInstance, since: datetime, done: Mapping[datetime, Done]
) -> dict[datetime, RunHistory]:
    """The ended runs that the sensor requested, by hour, and those of their failures that nothing has made up for."""
    return _count_runs(
        instance, name_of(HOURLY_AUDIT), since, lambda hour, ended: not (hour in done and ended < done[hour].at)
    )


def _loading_histories(
    instance: dg.DagsterInstance, since: datetime, loaded: Collection[datetime]
) -> dict[datetime, RunHistory]:
    """The same of the runs that were to load history."""
    return _count_runs(instance, name_of(HISTORY), since, lambda hour, _: hour not in loaded)


def _count_runs(
    instance: dg.DagsterInstance, job: str, since: datetime, counts: Callable[[datetime, datetime], bool]
) -> dict[datetime, RunHistory]:
    """`counts`: whether a failure counts that ended then. A run that a person cancelled is no failure."""
    past: dict[datetime, RunHistory] = {}
    for record in instance.get_run_records(
        dg.RunsFilter(job_name=job, statuses=ENDED, tags={REQUESTED_BY: "missing_hours"}, created_after=since)
    ):
        failed = record.dagster_run.status is dg.DagsterRunStatus.FAILURE
        ended = record.update_timestamp
        attempt = _attempt_of(record.dagster_run)
        for hour in hours_of(record.dagster_run):
            known, count = past.get(hour, NO_RUNS), failed and counts(hour, ended)
            last = max(filter(None, (known.failed_at, ended if count else None)), default=None)
            past[hour] = RunHistory(max(known.runs, attempt), known.failures + count, last)
    return past


def hours_under_way(instance: dg.DagsterInstance) -> set[datetime]:
    """The hours that a run is about to complete or to load."""
    runs = (*_runs(instance, IN_PROGRESS), *_loading_runs(instance))
    return {hour for run in runs for hour in hours_of(run)}


def _attempt_of(run: dg.DagsterRun) -> int:
    """As the run's key names it: counting runs would name a key twice once some are deleted."""
    numbered = re.search(r"/attempt-(\d+)$", run.tags.get(RUN_KEY, ""))
    return int(numbered[1]) if numbered else 1


def _loading_runs(instance: dg.DagsterInstance) -> Iterator[dg.DagsterRun]:
    """Runs under way that bring hours in and judge none."""
    for run in instance.get_runs(filters=dg.RunsFilter(statuses=IN_PROGRESS)):
        chosen = run.asset_selection
        is_partial = chosen and asset_key(INGEST) in chosen and chosen.isdisjoint(map(asset_key, LAST_ASSETS))
        if run.job_name == name_of(HISTORY) or (run.job_name == ANY_ASSETS and is_partial):
            yield run


def _runs(instance: dg.DagsterInstance, statuses: Sequence[dg.DagsterRunStatus]) -> Iterator[dg.DagsterRun]:
    """Runs that can complete hours: those of another pipeline, or of our earlier assets alone, can't."""
    for run in instance.get_runs(filters=dg.RunsFilter(statuses=[*statuses])):
        is_whole = run.asset_selection is None or not run.asset_selection.isdisjoint(map(asset_key, LAST_ASSETS))
        if can_judge(run) and is_whole:
            yield run


def is_of_account(run: dg.DagsterRun) -> bool:
    """Whether a run is of a job of this account, or of some of its assets alone."""
    if run.job_name == ANY_ASSETS:
        chosen = run.asset_selection
        return not chosen or not chosen.isdisjoint(map(asset_key, TABLES_OF))
    return run.job_name in map(name_of, JOBS)


def can_judge(run: dg.DagsterRun) -> bool:
    """Whether a run is of a job that can complete hours of this account."""
    return run.job_name in (name_of(HOURLY_AUDIT), ANY_ASSETS)


def hours_of(run: dg.DagsterRun) -> Iterator[datetime]:
    """The hours that a run is of; none if it is of no hour."""
    start = run.tags.get(RANGE_START) or run.tags.get(PARTITION)
    end = run.tags.get(RANGE_END) or start
    if start and end:
        yield from hours_between(hour_of(start), hour_of(end))
