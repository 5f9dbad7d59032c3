"""What people do to tickets in Linear changes what alerts next, the whole way through the assets."""

from contextlib import closing
from datetime import datetime, timedelta
from typing import Any

import dagster as dg
import polars as pl
import pytest
from typer.testing import CliRunner

from audit_assets.cli.main import app
from audit_assets.defs.automation.sensors import new_verdicts
from audit_assets.defs.resources import AxiomResource, LinearResource, StorageResource
from audit_assets.defs.steps.verdicts import read_verdicts
from audit_assets.reports.backtest import backtest_policy, run_backtest
from audit_assets.reports.backtest_input import read_axiom
from audit_assets.sandbox.fault_plan import Fault
from audit_assets.storage.tables import PRECISION, SCORES_BEFORE
from audit_assets.storage.tables import VERDICTS as TABLE
from audit_assets_tests.defs.assets.test_flagged_actors import COLLEAGUES, JUDGED, three_weeks
from audit_assets_tests.pipeline import DAY, HOUR, Pipeline, dagster_failure_of, v2_burst

BOB, ERIN = "bob@example.com", "erin@example.com"
SECOND, THIRD = (JUDGED + (DAY + HOUR * 2) * number for number in (1, 2))
"""Within a day an hour as extreme as an earlier one is a mere repeat."""
MORE_EXTREME = THIRD + HOUR


def run_hour(pipeline: Pipeline, hour: datetime, **changes: int) -> dict[str, list[dict[str, Any]]]:
    """Run an hour of Bob's and Erin's once it is over: what is flagged of each."""
    pipeline.clock.sleep(max(0.0, (hour + timedelta(minutes=80) - pipeline.clock.now()).total_seconds()))
    for name, count in changes.items():
        pipeline.sandbox.cloudflare.add("v2", v2_burst(hour, count, actor=f"{name}@example.com"))
    assert pipeline.run(hour).success
    flagged = pipeline.store.require("flagged_actors", hour)
    return {name: flagged.filter(actor=f"{name}@example.com").to_dicts() for name in changes}


def table_of(pipeline: Pipeline) -> pl.DataFrame:
    table = pipeline.store.read(TABLE, None)
    assert table is not None
    return table


def verdicts(pipeline: Pipeline) -> dict[tuple[str, datetime], str]:
    """What is kept of each hour, by the ticket."""
    table = table_of(pipeline)
    return {(row["identifier"], row["hour"]): row["verdict"] for row in table.to_dicts()}


def metadata(pipeline: Pipeline, asset: str) -> dict[str, Any]:
    event = pipeline.instance.get_latest_materialization_event(dg.AssetKey(asset))
    assert event
    assert event.asset_materialization
    return {name: value.value for name, value in event.asset_materialization.metadata.items()}


class Sensor:
    """The sensor, tick by tick; as the daemon does, it keeps the cursor."""

    def __init__(self, pipeline: Pipeline) -> None:
        self.pipeline = pipeline
        self.cursor: str | None = None

    def tick(self) -> list[str] | str:
        """The keys of the runs that are asked for, or why there was no look."""
        pipeline = self.pipeline
        context = dg.build_sensor_context(instance=pipeline.instance, definitions=pipeline.defs, cursor=self.cursor)
        made = new_verdicts(context, linear=LinearResource(pipeline.clock), storage=StorageResource(pipeline.clock))
        if isinstance(made, dg.SkipReason):
            return str(made.skip_message)
        assert isinstance(made, dg.SensorResult)
        self.cursor = made.cursor
        return [str(request.run_key) for request in made.run_requests or []]


def test_peoples_verdicts_decide_what_alerts_next(pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch) -> None:
    linear, sensor = pipeline.sandbox.linear, Sensor(pipeline)
    pipeline.remember(three_weeks(*COLLEAGUES))
    assert sensor.tick() == []
    found = run_hour(pipeline, JUDGED, bob=80, erin=80)
    assert [each["disposition"] for rows in found.values() for each in rows] == ["ticket"] * 2
    tickets = {issue["title"].rpartition(": ")[2].split("@")[0]: issue["identifier"] for issue in linear.issues()}
    bobs, erins = tickets["bob"], tickets["erin"]
    before = run_hour(pipeline, SECOND, bob=80, erin=80)
    assert [each["disposition"] for rows in before.values() for each in rows] == ["ticket"] * 2, "usual by itself"

    (new_tickets,) = sensor.tick()
    assert sensor.tick() == [], "it is asked for"
    pipeline.clock.sleep(3_700)
    (tried_again,) = sensor.tick()
    assert tried_again != new_tickets
    assert pipeline.read_verdicts().success
    assert set(verdicts(pipeline).values()) == {"open"}
    assert sensor.tick() == []

    linear.cancel(bobs)
    linear.complete(erins)
    linear.label(erins, "confirmed-incident")
    assert len(sensor.tick()) == 1
    assert pipeline.read_verdicts().success
    expected = {(bobs, hour): "dismissed" for hour in (JUDGED, SECOND)}
    expected |= {(erins, hour): "confirmed" for hour in (JUDGED, SECOND)}
    assert verdicts(pipeline) == expected

    after = run_hour(pipeline, THIRD, bob=80, erin=80)
    assert after["bob"] == [], "neither rule finds anything, and no ticket's quiet is needed for it"
    (again,) = after["erin"]
    assert again["disposition"] == "ticket"
    assert again["baseline_mean"] < before["erin"][0]["baseline_mean"]
    counted, evidence = metadata(pipeline, "actor_baselines"), pipeline.store.metadata(SCORES_BEFORE, day_of(THIRD))
    assert (counted["confirmed_hours"], counted["dismissed_hours"]) == (2, 2)
    assert evidence
    assert (evidence["confirmed_hours"], evidence["dismissed_hours"]) == (2, 2)
    baselines = pipeline.store.require("actor_baselines", THIRD).drop_nulls("actor_key")
    assert baselines["dismissed"].drop_nulls().to_list() == [80], "and so the plain rule knows"
    pipeline.remember(v2_burst(MORE_EXTREME, 800, actor=BOB))
    with closing(AxiomResource(pipeline.clock).client()) as client:
        known = read_verdicts(pipeline.store)
        data = read_axiom(client, THIRD, MORE_EXTREME + HOUR, now=pipeline.clock.now(), verdicts=known)
    tested = run_backtest(data, backtest_policy(None, None)).scores
    alerting = tested.select("actor", "changes", "flagged").sort("changes", "actor").rows()
    assert alerting == [(BOB, 80, False), (ERIN, 80, True), (BOB, 800, True)]

    months = {
        "2026-11": {"opened": 2, "confirmed": 1, "dismissed": 1, "completed": 0, "still_open": 0, "unreadable": 0}
    }
    assert pipeline.store.read_json(PRECISION, None) == {"2026-11": {**months["2026-11"], "precision": 0.5}}
    shown = metadata(pipeline, "ticket_verdicts")["precision"].splitlines()
    assert shown[2] == "| `2026-11` | `2` | `1` | `1` | `0` | `0` | `0` | 0.5 |"
    printed = CliRunner().invoke(app, ["summary", "2026-11"], env={"COLUMNS": "200"}).output
    assert (
        "2 tickets opened: 1 confirmed, 1 dismissed, 0 completed without a verdict, 0 still open; precision 50%"
        in " ".join(printed.split())
    )

    assert pipeline.read_verdicts().success
    kept = table_of(pipeline)
    assert_it_is_reported_and_nothing_is_forgotten(pipeline, sensor, kept, "its rate limit is reached", "rate_limited")
    monkeypatch.setenv("LINEAR_API_KEY", "lin_api_wrong")
    assert_it_is_reported_and_nothing_is_forgotten(pipeline, sensor, kept, "LINEAR_API_KEY was refused by Linear")


def day_of(hour: datetime) -> datetime:
    return hour.replace(hour=0)


def assert_it_is_reported_and_nothing_is_forgotten(
    pipeline: Pipeline, sensor: Sensor, kept: pl.DataFrame, why: str, fault: str | None = None
) -> None:
    """Of tickets that can't be read."""
    if fault:
        pipeline.sandbox.faults.add(Fault("linear", "issues", fault, times=100))
    assert why in dagster_failure_of(pipeline.read_verdicts())
    assert str(sensor.tick()).startswith("The tickets could not be read, so the verdicts known so far are kept. ")
    assert why in str(sensor.tick())
    assert table_of(pipeline).equals(kept)
    pipeline.sandbox.faults.clear()
