"""A pipeline that somebody watches: its record in Dagster, the daemon's signs of life, and who gets alerts."""

from datetime import datetime, timedelta
from pathlib import Path

import dagster as dg

from audit_assets.defs.automation.hour_planner import newest_due_hour
from audit_assets.defs.automation.ledger import REQUESTED_BY
from audit_assets.defs.automation.operator_watch import Look, watch_pipeline
from audit_assets.defs.delivery_resources import ChannelsResource, WebhookResource
from audit_assets.defs.resources import CloudflareResource, LinearResource, StorageResource
from audit_assets.defs.steps.operator_alerts import AlertResources
from audit_assets.storage.hours import key_of
from audit_assets_tests.cli.doctor_world import DagsterRecord
from audit_assets_tests.pipeline import QUIET, Pipeline


class Watched:
    """Lets a pipeline live, and looks at it."""

    def __init__(self, pipeline: Pipeline, home: Path) -> None:
        """`home`: where Dagster's record is kept, since one in memory knows no sensors."""
        self.pipeline = pipeline
        self.record = DagsterRecord(home)
        self.record.turn_on()
        self.instance = self.record.instance

    @property
    def now(self) -> datetime:
        return self.pipeline.clock.now()

    def look(self) -> Look:
        """One look, at the time of the sandbox's clock, while the daemon lives."""
        self.record.beat(self.now)
        return self.look_alone()

    def look_alone(self) -> Look:
        """One look, whatever the daemon does."""
        clock = self.pipeline.clock
        resources = AlertResources(
            StorageResource(clock), LinearResource(clock), WebhookResource(clock), ChannelsResource(clock)
        )
        return watch_pipeline(self.instance, CloudflareResource(clock), resources)

    def wait(self, **time: float) -> None:
        """Let time pass."""
        self.pipeline.clock.sleep(timedelta(**time).total_seconds())

    def judge_newest(self) -> None:
        """The newest hour that is due is done, by a pull of days after its end."""
        self.record.done([newest_due_hour(self.now)])

    def run(self, hour: datetime) -> dg.ExecuteInProcessResult:
        """A run of an hour as the sensor requests it."""
        return self.pipeline.defs.resolve_job_def("hourly_audit").execute_in_process(
            run_config=QUIET,
            instance=self.instance,
            raise_on_error=False,
            partition_key=key_of(hour),
            tags={REQUESTED_BY: "missing_hours"},
        )
