"""Going live: whatever is turned on first, the tickets are those that the same hours open with all of their history."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from datetime import datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest

from audit_assets.defs.automation.sensors import missing_hours
from audit_assets.defs.resources import StorageResource
from audit_assets.defs.steps.history_coverage import ENOUGH_HOURS, stored_hours_present
from audit_assets.sandbox.fault_plan import Fault
from audit_assets.sandbox.sandbox_clock import SandboxClock
from audit_assets.sandbox.server import Sandbox, serve_sandbox
from audit_assets.storage.hours import hours_between, key_of
from audit_assets.storage.pull_history import newest_settled_hour
from audit_assets.storage.tables import FLAGGED, TICKETS
from audit_assets_tests.pipeline import DAY, HOUR, Pipeline, environment_of
from audit_assets_tests.support import JumpingClock

MOST_LOOKS = 60
FIRST_PAUSE = timedelta(minutes=6)

NEWEST = newest_settled_hour(SandboxClock().now())
FIRST = NEWEST - DAY * 28
"""Three days later than by itself, and tickets for a day: so a day's hours are judged, not four. Each costs seconds."""


@pytest.fixture
def open_world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator["OpenWorld"]:
    """Makes pipelines on the invented organisation: the same entries, but an Axiom and a Linear of its own for each."""
    monkeypatch.setenv("AUDIT_ASSETS_FIRST_HOUR", key_of(FIRST))
    monkeypatch.setenv("AUDIT_ASSETS_TICKET_MAX_AGE_HOURS", "24")
    with ExitStack() as stack:
        yield OpenWorld(stack, tmp_path, monkeypatch)


class OpenWorld:
    def __init__(self, stack: ExitStack, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self._stack, self._folder, self._monkeypatch = stack, folder, monkeypatch

    def __call__(self, name: str, now: datetime | None = None) -> Pipeline:
        sandbox = self._stack.enter_context(serve_sandbox(Sandbox(self._folder / name, clock=SandboxClock(now))))
        sandbox.cloudflare.load_organisation(seed=1, until=NEWEST + HOUR, days=40)
        for setting, value in environment_of(sandbox, self._folder / f"hours of {name}").items():
            self._monkeypatch.setenv(setting, value)
        pipeline = Pipeline(sandbox, JumpingClock(sandbox.shared.clock), self._folder / f"hours of {name}")
        self._stack.enter_context(pipeline.instance)
        return pipeline


def go_live_by_the_sensor(pipeline: Pipeline) -> list[tuple[str, bool]]:
    """Turn the sensor on and carry out what it requests, in the order of Dagster's queue, until nothing is left, not
    even after a pause. Returns why each run was requested and whether it succeeded."""
    runs: list[tuple[str, bool]] = []
    has_paused = False
    for _ in range(MOST_LOOKS):
        context = dg.build_sensor_context(instance=pipeline.instance, definitions=pipeline.defs)
        made = missing_hours(context, storage=StorageResource(pipeline.clock))
        assert isinstance(made, dg.SensorResult)
        if not made.run_requests:
            if has_paused:
                return runs
            pipeline.sandbox.shared.clock.advance(FIRST_PAUSE)
            has_paused = True
            continue
        has_paused = False
        for request in sorted(made.run_requests, key=lambda each: -int(each.tags["dagster/priority"])):
            runs.append((request.tags["audit/reason"], pipeline.carry_out(request).success))
    raise AssertionError(f"still requested after {MOST_LOOKS} looks: {runs[-5:]}")


def judged_hours(pipeline: Pipeline) -> list[datetime]:
    hours = hours_between(FIRST, newest_settled_hour(pipeline.clock.now()))
    return [hour for hour in hours if pipeline.store.read(FLAGGED, hour, ["hour"]) is not None]


def judge(pipeline: Pipeline, hours: Sequence[datetime]) -> None:
    """These hours, with all history before them, a UTC day at a time."""
    assert pipeline.run(FIRST, hours[0] - HOUR, job="history").success
    for day in sorted({hour.date() for hour in hours}):
        of_day = [hour for hour in hours if hour.date() == day]
        assert pipeline.run(of_day[0], of_day[-1]).success


def on_tickets(pipeline: Pipeline) -> set[tuple[str, datetime]]:
    """Which hours are on which tickets. A ticket's id follows from the account and its actor."""
    stored = [pipeline.store.require(TICKETS, hour) for hour in judged_hours(pipeline)]
    named = {
        (ticket, hour) for rows in stored for ticket, hour in rows.drop_nulls("url").select("ticket_id", "hour").rows()
    }
    assert {ticket for ticket, _ in named} <= {issue["id"] for issue in pipeline.tickets()}
    return named


def test_the_tickets_of_going_live_are_those_of_a_full_history(open_world: OpenWorld) -> None:
    """The sensor is on at once; Cloudflare's answer about one day of the history is wrong at first."""
    live = open_world("live")
    live.sandbox.faults.add(Fault("cloudflare", "v2", "wrong_count", at=9))
    runs = go_live_by_the_sensor(live)

    assert runs[0] == ("newest", True), "what is always dangerous waits for no history"
    reasons = [reason for reason, _ in runs]
    assert runs.count(("history", False)) == 1
    assert reasons.index("missing") > reasons.index("history") + 20, "most of the history comes first"
    assert "thin_history" in reasons
    judged = judged_hours(live)
    assert judged[-1] >= NEWEST
    assert judged[0] == FIRST + HOUR * ENOUGH_HOURS
    assert all((stored_hours_present(live.store, hour) or 0) >= ENOUGH_HOURS for hour in judged)
    assert stored_hours_present(live.store, judged[-1]) == (judged[-1] - FIRST) // HOUR, "28 days, or an hour more"

    full = open_world("full", live.clock.now())  # else the newest hour may not be settled there
    judge(full, judged)
    assert on_tickets(live) == on_tickets(full)
    assert len(on_tickets(live)) >= 4, "one for each incident at least"
    withdrawn = [each["body"] for issue in live.tickets() for each in issue["comments"] if "No longer" in each["body"]]
    assert withdrawn == []
