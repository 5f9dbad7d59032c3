"""The whole job on this machine: the sandbox up, its history pulled and ingested, the last hours judged.

It runs the very assets, with settings that point to the sandbox; nothing here knows how an hour is audited. What
Dagster reads at import (the first hour) is imported only once the settings are made.
"""

import os
import shutil
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, nullcontext
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg

from audit_assets.cli.dagster_home import instance_home
from audit_assets.config.errors import AuditAssetsError
from audit_assets.config.settings import HOUR_FORMAT, SETTINGS
from audit_assets.sandbox.server import Sandbox, free_port, running
from audit_assets.sandbox.world import CannotServe, World, furnish

AN_HOUR = timedelta(hours=1)

TICKETS_A_DAY = "3"
"""Unless the settings say otherwise: whoever tries it out sees a little more than the one of the preset."""

MARK = ".audit-assets-demo"
"""Only a folder with this file in it is emptied."""

SERVICES = ("CLOUDFLARE_", "AXIOM_", "LINEAR_")


class DemoError(AuditAssetsError):
    """The demo could not do its job."""


@dataclass(frozen=True)
class DemoRequest:
    """What to show: `entries` serves a file in place of the invented organisation of `seed`."""

    history_days: int
    judge_hours: int
    seed: int
    home: Path
    entries: Path | None = None


Step = Callable[[str, Callable[[], Counter[tuple[str, str]]]], AbstractContextManager[None]]
"""Shows a person that a long step is under way; the second argument tells the requests so far, by service and call."""


def run_demo(request: DemoRequest, step: Step | None = None) -> dict[str, Any]:
    """Do the whole job once. Returns the object that `audit-assets demo --json` prints.

    Raises `AuditAssetsError` with one sentence if it can't. Changes this process's environment.
    """
    shown = step or (lambda _text, _requests: nullcontext())
    _empty(request.home)
    with ExitStack() as stack:
        with shown("Starting the sandbox", Counter):
            sandbox, world = _sandbox(request)
        stack.enter_context(running(sandbox, free_port()))
        use(sandbox.environment(), request.home, world.first)
        instance = stack.enter_context(dg.DagsterInstance.get())
        judged = _hours(max(world.first, world.until - AN_HOUR * request.judge_hours), world.until)
        history = _hours(world.first, judged[0])
        results = []
        if history:
            with shown(f"Pulling and ingesting {len(history):,} hours of history", sandbox.stage.count):
                results.append(_run("history", history, instance))
        with shown(f"Judging the last {len(judged)} hours", sandbox.stage.count):
            always = {"config": {"open_tickets": "always"}}
            config = {"ops": {"opened_tickets": always, "daily_digest": always}}
            results.append(_run("hourly_audit", judged, instance, config))
        return _summary(world, history, judged, results, instance)


def _sandbox(request: DemoRequest) -> tuple[Sandbox, World]:
    """With a day more than asked for, so that the first judged hour has all its history."""
    days = request.history_days + 1
    try:
        return furnish(request.home / "sandbox", seed=request.seed, days=days, entries=request.entries)
    except CannotServe as error:
        raise DemoError(f"The sandbox can't start: {error}.") from None


def use(settings: Mapping[str, str], home: Path, first: datetime) -> None:
    """Make these settings this process's own, and everything that is kept lie in `home`.

    Other settings of the three services are taken away: a demo must not reach a real account by mistake.
    """
    for name in SETTINGS:
        if name.startswith(SERVICES):
            os.environ.pop(name, None)
    os.environ.update(settings)
    os.environ.setdefault("AUDIT_ASSETS_TICKETS_PER_DAY", TICKETS_A_DAY)
    os.environ["AUDIT_ASSETS_FIRST_HOUR"] = first.strftime(HOUR_FORMAT)
    os.environ["AUDIT_ASSETS_STORAGE"] = str((home / "hours").absolute())
    os.environ["DAGSTER_HOME"] = str(instance_home(home))
    # One planned event for all hours of a run instead of one for each: half the demo's time (docs/facts/dagster.md).
    os.environ["DAGSTER_EMIT_PARTITION_SUBSET_IN_PLANNED_EVENTS"] = "1"


def _empty(home: Path) -> None:
    """An empty folder for a demo. Refuses to empty one that no demo made."""
    try:
        if home.exists() and any(home.iterdir()) and not (home / MARK).exists():
            raise DemoError(f"{home} is not empty and was not made by a demo: name another folder with --home.")
        shutil.rmtree(home, ignore_errors=True)
        home.mkdir(parents=True)
        (home / MARK).touch()
    except OSError as error:
        raise DemoError(f"{home} can't be used: {error.strerror}. Name another folder with --home.") from None


def _hours(first: datetime, end: datetime) -> list[datetime]:
    return [first + AN_HOUR * step for step in range((end - first) // AN_HOUR)]


def _run(
    job: str, hours: Sequence[datetime], instance: dg.DagsterInstance, config: Mapping[str, Any] | None = None
) -> dg.ExecuteInProcessResult:
    """One run over all these hours. A failure becomes the sentence that Dagster holds of it."""
    from audit_assets.definitions import defs
    from audit_assets.defs.partitions import range_tags

    quiet = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
    result = defs.resolve_job_def(job).execute_in_process(
        run_config={**quiet, **(config or {})},
        tags=range_tags(hours[0], hours[-1]),
        instance=instance,
        raise_on_error=False,
    )
    if not result.success:
        raise DemoError("; ".join(_sentences(result)))
    return result


def _sentences(result: dg.ExecuteInProcessResult) -> Iterator[str]:
    """Why a run failed, as far as its steps say it."""
    for event in result.all_events:
        if event.is_step_failure:
            data = event.step_failure_data
            told = data.user_failure_data.description if data.user_failure_data else None
            yield told or f"{event.step_key} failed: {data.error.message.strip() if data.error else 'no reason given'}"
    for check in result.get_asset_check_evaluations():
        if not check.passed and check.blocking:
            yield f"The check {check.check_name} failed: {check.description}"


def _summary(
    world: World,
    history: Sequence[datetime],
    judged: Sequence[datetime],
    results: Sequence[dg.ExecuteInProcessResult],
    instance: dg.DagsterInstance,
) -> dict[str, Any]:
    from audit_assets.defs.assets.axiom_ingest import axiom_ingest
    from audit_assets.defs.resources import StorageResource
    from audit_assets.storage.hours import days_of, hour_of
    from audit_assets.storage.tables import DIGESTS, ENTRIES, QUARANTINE, SUMMARY

    store = StorageResource().open()
    summaries = [store.read_json(SUMMARY, hour) for hour in judged]
    everything = [*history, *judged]
    ingested = [hour_of(key) for key in instance.get_materialized_partitions(axiom_ingest.key)]
    return {
        "hours": [summary["hour"] for summary in summaries],
        "history_hours": len(history),
        "entries": {
            "pulled": sum(store.counts(ENTRIES, everything).values()),
            "ingested": sum(store.counts(ENTRIES, ingested).values()),
            "quarantined": sum(store.counts(QUARANTINE, everything).values()),
            "unreadable": world.unreadable,
            "changes_judged": sum(summary["entries"]["changes"] for summary in summaries),
        },
        "flagged": _actors(summaries, "flagged"),
        "below_threshold": _actors(summaries, "below_threshold"),
        "digests": [digest for day in days_of(judged) if (digest := store.read_json(DIGESTS, day))],
        "proof": _proof(results),
        "warnings": [*_warnings(results), *_unlearned(summaries)],
    }


def _actors(summaries: Sequence[Mapping[str, Any]], field: str) -> list[dict[str, Any]]:
    return [{"hour": summary["hour"], **actor} for summary in summaries for actor in summary[field]]


def _warnings(results: Sequence[dg.ExecuteInProcessResult]) -> Iterator[str]:
    for result in results:
        for check in result.get_asset_check_evaluations():
            if not check.passed:
                yield f"{check.check_name}: {check.description}"


def _unlearned(summaries: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    if learning := [summary["hour"] for summary in summaries if summary["learning"]]:
        yield f"less than a week of history lies before {learning[0]}: what is usual is hardly known yet"
    for piece, words in summaries[-1]["still_learning"].items():
        yield f"still learning ({piece}): {words}"


def _proof(results: Sequence[dg.ExecuteInProcessResult]) -> dict[str, Any]:
    """What the runs' checks saw in Axiom, added up."""
    seen = [
        check.metadata
        for result in results
        for check in result.get_asset_check_evaluations()
        if check.check_name == "axiom_holds_every_entry"
    ]
    total = {name: sum(_count(one[name]) for one in seen) for name in ("expected", "found", "missing", "rows")}
    return {**total, "holds": total["missing"] == 0}


def _count(told: dg.MetadataValue) -> int:
    return told.value if isinstance(told.value, int) else 0
