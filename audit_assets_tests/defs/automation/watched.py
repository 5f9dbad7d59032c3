"""A pipeline that somebody watches: its record in Dagster, the daemon's signs of life, and who gets alerts."""

from datetime import datetime, timedelta

import dagster as dg
from dagster._core.definitions.run_request import InstigatorType
from dagster._core.remote_origin import RegisteredCodeLocationOrigin, RemoteInstigatorOrigin, RemoteRepositoryOrigin
from dagster._core.scheduler.instigation import InstigatorState, InstigatorStatus, SensorInstigatorData
from dagster._daemon.types import DaemonHeartbeat

from audit_assets.defs.automation.hour_planner import newest_due_hour
from audit_assets.defs.automation.jobs import LAST_ASSETS
from audit_assets.defs.automation.ledger import REQUESTED_BY
from audit_assets.defs.automation.operator_watch import Look, watch_pipeline
from audit_assets.defs.delivery_resources import ChannelsResource, WebhookResource
from audit_assets.defs.resources import CloudflareResource, LinearResource, StorageResource
from audit_assets.defs.steps.operator_alerts import AlertResources
from audit_assets.storage.hours import key_of
from audit_assets_tests.pipeline import HOUR, QUIET, Pipeline

SENSORS = ("missing_hours", "ticket_verdicts")


class Watched:
    """Lets a pipeline live, and looks at it."""

    def __init__(self, pipeline: Pipeline, instance: dg.DagsterInstance) -> None:
        """`instance`: a stored one, since that in memory knows no sensors."""
        self.pipeline = pipeline
        self.instance = instance
        origin = RemoteRepositoryOrigin(RegisteredCodeLocationOrigin("audit_assets"), "__repository__")
        for name in SENSORS:
            made = RemoteInstigatorOrigin(origin, name)
            is_on = InstigatorState(made, InstigatorType.SENSOR, InstigatorStatus.RUNNING, SensorInstigatorData())
            self.instance.add_instigator_state(is_on)

    @property
    def now(self) -> datetime:
        return self.pipeline.clock.now()

    def look(self) -> Look:
        """One look, at the time of the sandbox's clock, while the daemon lives."""
        self.beat()
        return self.look_alone()

    def look_alone(self) -> Look:
        """One look, whatever the daemon does."""
        clock = self.pipeline.clock
        resources = AlertResources(
            StorageResource(clock), LinearResource(clock), WebhookResource(clock), ChannelsResource(clock)
        )
        return watch_pipeline(self.instance, CloudflareResource(clock), resources)

    def beat(self) -> None:
        """A sign of life of each part of the daemon, now."""
        self.beat_at(self.now)

    def beat_at(self, time: datetime) -> None:
        """The last sign of life of each part of the daemon."""
        for kind in self.instance.get_required_daemon_types():
            self.instance.add_daemon_heartbeat(DaemonHeartbeat(time.timestamp(), kind, "a daemon", []))

    def wait(self, **time: float) -> None:
        """Let time pass."""
        self.pipeline.clock.sleep(timedelta(**time).total_seconds())

    def judge_newest(self) -> None:
        """The newest hour that is due is done, by a pull of days after its end."""
        hour = newest_due_hour(self.now)
        began = {"pull_began": dg.MetadataValue.timestamp(hour + HOUR * 97)}
        for asset in LAST_ASSETS:
            made = dg.AssetMaterialization(asset, partition=key_of(hour), metadata=began)
            self.instance.report_runless_asset_event(made)

    def run(self, hour: datetime) -> dg.ExecuteInProcessResult:
        """A run of an hour as the sensor requests it."""
        return self.pipeline.defs.resolve_job_def("hourly_audit").execute_in_process(
            run_config=QUIET,
            instance=self.instance,
            raise_on_error=False,
            partition_key=key_of(hour),
            tags={REQUESTED_BY: "missing_hours"},
        )
