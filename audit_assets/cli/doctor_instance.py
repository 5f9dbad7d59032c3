"""The doctor's check of Dagster's instance, as the dagster.yaml in DAGSTER_HOME configures it: what does not fit ends
in a queue that stalls, a run that nobody tries again, or hours that are lost with a container."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from audit_assets.cli.dagster_record import RecordError, has_record, opened_record
from audit_assets.cli.doctor_results import CheckResult, DoctorRun
from audit_assets.config.settings import setting
from audit_assets.tickets.formatting import duration_name

if TYPE_CHECKING:
    from dagster import DagsterInstance

TICKETS_POOL = "linear_tickets"
LONGEST_HANG = timedelta(hours=1)
SLOWEST_LOOK = timedelta(minutes=2)
"""How long a run may hang, and a dead one go unnoticed, before the hours behind it come late. Judgements."""

OF_THE_CODE_SERVER = {"DefaultRunLauncher": False, "CodeServerRunLauncher": True}
"""Launchers whose runs are processes of the code server, and whether run monitoring can ask them for a run."""

WRITTEN_OUT = "as the dagster.yaml has it that `audit-assets deploy` writes"


@dataclass(frozen=True)
class InstanceFacts:
    """What the instance is configured to do. `mounted`: the folders of a run's container that outlive it, as Docker's
    launcher has them; `pool_limit`: of the tickets' pool by name, `default_limit`: of pools that have none; None where
    there is none."""

    storage: str
    launcher: str
    mounted: tuple[str, ...]
    pool_limit: int | None
    default_limit: int | None
    by_run: bool
    most_runs: int | None
    monitored: bool
    look_every: timedelta
    longest_run: timedelta
    frees_slots: bool
    retries: int
    retries_failures: bool
    executor: str

    @property
    def in_containers(self) -> bool:
        """Whether each run is a container of its own, with files of its own."""
        return self.launcher not in OF_THE_CODE_SERVER


def launcher_name(instance: "DagsterInstance") -> str:
    """The class that starts runs. It is not made: one of Kubernetes needs its cluster for that."""
    launcher = instance.get_ref().run_launcher_data
    return launcher.class_name if launcher else "DefaultRunLauncher"


def check_instance(_: DoctorRun) -> Iterator[CheckResult]:
    """Storage, launcher, monitoring, retries, the pool of tickets and the executor. Nothing where Dagster was not used
    yet, or can't be read: the check of the pipeline's health reports that."""
    if not has_record():
        return
    try:
        with opened_record() as instance:
            facts = read_instance(instance)
    except RecordError:
        return
    yield from judge_instance(facts, setting("AUDIT_ASSETS_STORAGE"))


def read_instance(instance: "DagsterInstance") -> InstanceFacts:
    """The facts, from Dagster itself: whatever wrote its configuration."""
    from audit_assets.definitions import defs

    pools = {pool.name: pool for pool in instance.event_log_storage.get_pool_limits()}
    own = pools.get(TICKETS_POOL)
    concurrency = instance.get_concurrency_config()
    pool, queue = concurrency.pool_config, concurrency.run_queue_config
    executor = defs.resolve_job_def("hourly_audit").executor_def.name
    return InstanceFacts(
        storage=type(instance.event_log_storage).__name__.removesuffix("EventLogStorage"),
        launcher=launcher_name(instance),
        mounted=_mounted(instance),
        pool_limit=own.limit if own and not own.from_default else None,
        default_limit=pool.default_pool_limit,
        by_run=pool.pool_granularity is not None and pool.pool_granularity.value == "run",
        most_runs=queue.max_concurrent_runs if queue else None,
        monitored=instance.run_monitoring_enabled,
        look_every=timedelta(seconds=instance.run_monitoring_poll_interval_seconds),
        longest_run=timedelta(seconds=instance.run_monitoring_max_runtime_seconds),
        frees_slots=instance.run_monitoring_settings.get("free_slots_after_run_end_seconds", 0) > 0,
        retries=instance.run_retries_max_retries if instance.run_retries_enabled else 0,
        retries_failures=instance.run_retries_retry_on_asset_or_op_failure,
        executor=executor,
    )


def _mounted(instance: "DagsterInstance") -> tuple[str, ...]:
    launcher = instance.get_ref().run_launcher_data
    created = (launcher.config_dict if launcher else {}).get("container_kwargs") or {}
    volumes = created.get("volumes") or ()
    if isinstance(volumes, dict):  # docker-py's other form
        return tuple(each["bind"] for each in volumes.values())
    return tuple(each.split(":")[1] for each in volumes if ":" in each)


def judge_instance(facts: InstanceFacts, storage: str) -> Iterator[CheckResult]:
    """A line for each thing that does not fit, with the remedy, or one for each that does. `storage`: where the hours
    are stored, as AUDIT_ASSETS_STORAGE has it."""
    yield _storage(facts)
    yield _hours(facts, storage)
    yield _monitoring(facts)
    yield _retries(facts)
    yield _pool(facts)
    yield _executor(facts)


def _storage(facts: InstanceFacts) -> CheckResult:
    if facts.storage == "Sqlite" and facts.in_containers:
        text = f"Dagster's storage is SQLite, which the runs of {facts.launcher} in their containers can't reach"
        return CheckResult("instance_storage", "problem", text, f"Set storage to PostgreSQL, {WRITTEN_OUT}.")
    name = {"Sqlite": "SQLite", "Postgres": "PostgreSQL"}.get(facts.storage, facts.storage)
    return CheckResult("instance_storage", "ok", f"Dagster's storage is {name}; runs are started by {facts.launcher}")


def _hours(facts: InstanceFacts, storage: str) -> CheckResult:
    shared = "://" in storage or any(PurePosixPath(storage).is_relative_to(each) for each in facts.mounted)
    if facts.in_containers and not shared:
        text = f"hours are stored in a folder, and each run of {facts.launcher} has files of its own"
        step = "Set AUDIT_ASSETS_STORAGE to the URL of an object store, or mount one volume there in every container."
        return CheckResult("instance_hours", "advice", text, step)
    return CheckResult("instance_hours", "ok", "every process that runs hours reaches where they are stored")


def _monitoring(facts: InstanceFacts) -> CheckResult:
    if not facts.monitored:
        text = "run monitoring is off: a run whose process is gone holds up all others until a person cancels it"
        return CheckResult("run_monitoring", "problem", text, f"Set run_monitoring.enabled, {WRITTEN_OUT}.")
    wrong = []
    if not OF_THE_CODE_SERVER.get(facts.launcher, True):
        wrong.append(f"{facts.launcher} can't be asked whether a run's process is alive: take CodeServerRunLauncher")
    if not facts.longest_run or facts.longest_run > LONGEST_HANG:
        longest = f"{duration_name(facts.longest_run)}" if facts.longest_run else "for ever"
        wrong.append(f"a run that hangs holds up the others {longest}: set max_runtime_seconds to 1800")
    if facts.look_every > SLOWEST_LOOK:
        wrong.append(f"it looks only every {duration_name(facts.look_every)}: set poll_interval_seconds to 15")
    if not facts.frees_slots:
        wrong.append("a killed run holds its slot of the pool for ever: set free_slots_after_run_end_seconds to 30")
    if wrong:
        text = "run monitoring finds a run that is stuck too late, or never"
        return CheckResult("run_monitoring", "advice", text, f"{'; '.join(wrong)}; {WRITTEN_OUT}.")
    text = (
        f"a run whose process is gone is found within {duration_name(facts.look_every)}, one that hangs is ended after "
    )
    return CheckResult("run_monitoring", "ok", f"{text}{duration_name(facts.longest_run)}")


def _retries(facts: InstanceFacts) -> CheckResult:
    if not facts.retries:
        text = "a run whose process died is not started again: its hours wait for the sensor"
        return CheckResult("run_retries", "advice", text, f"Set run_retries.enabled and max_retries: 2, {WRITTEN_OUT}.")
    if facts.retries_failures:
        text = "Dagster tries failed assets again at once, beside the sensor, which does so after a pause"
        step = f"Set run_retries.retry_on_asset_or_op_failure to false, {WRITTEN_OUT}."
        return CheckResult("run_retries", "advice", text, step)
    return CheckResult("run_retries", "ok", f"a run whose process died is started again, {facts.retries} times at most")


def _pool(facts: InstanceFacts) -> CheckResult:
    if not facts.by_run:
        text = "pools are kept by op: a run that waits for a slot uses a whole core meanwhile"
        return CheckResult("pool", "advice", text, f"Set concurrency.pools.granularity to run, {WRITTEN_OUT}.")
    one_run = facts.most_runs == 1
    if not one_run and facts.pool_limit != 1:
        most = "any number of" if facts.most_runs in (None, -1) else f"{facts.most_runs:,}"
        text = (
            f"{most} runs go at once, and more than one of them may open tickets: the pool {TICKETS_POOL} has no limit "
        )
        step = (
            f"Run `dagster instance concurrency set {TICKETS_POOL} 1`; the default limit lets the first runs through."
        )
        return CheckResult("pool", "advice", f"{text}of its own", step)
    why = "one run goes at a time" if one_run else f"the pool {TICKETS_POOL} takes one run at a time"
    return CheckResult("pool", "ok", f"at most one run opens tickets: {why}")


def _executor(facts: InstanceFacts) -> CheckResult:
    if facts.executor != "in_process":
        text = f"runs use the executor {facts.executor}: a process an asset, which makes an hour about six times slower"
        step = "Take the in-process one, or limit it by max_concurrent in its config."
        return CheckResult("executor", "advice", text, step)
    return CheckResult("executor", "ok", "the assets of a run share a process, one after the other")
