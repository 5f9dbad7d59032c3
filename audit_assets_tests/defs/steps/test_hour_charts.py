"""The charts of an hour take a bounded time and are in no ticket's way."""

from dataclasses import dataclass, field

import polars as pl
import pytest

from audit_assets.config.errors import AuditAssetsError, Incomplete, Refused, Unavailable
from audit_assets.defs.steps import hour_charts
from audit_assets.defs.steps.hour_charts import HourCharts
from audit_assets_tests.support import JumpingClock
from audit_assets_tests.tickets.sample_findings import ALICE, HOUR, finding

ACTIVITY = pl.DataFrame(
    {"finding": [ALICE, "0" * 32], "hour": [HOUR] * 2, "resource_type": "zones", "changes": [7, 900]}
)


@dataclass
class Storage:
    """Takes its time, or fails; notes for how long it was asked at most."""

    clock: JumpingClock = field(default_factory=JumpingClock)
    takes: float = 0.0
    fails: AuditAssetsError | None = None
    allowed: list[float] = field(default_factory=list)

    def __call__(self, name: str, content_type: str, content: bytes, *, seconds: float) -> str:
        assert (name, content_type, content) == ("changes-2026-11-22T10.png", "image/png", b"drawn")
        self.allowed.append(round(seconds))
        self.clock.sleep(min(self.takes, seconds))
        if self.fails:
            raise self.fails
        return "https://uploads.example/1"


@pytest.fixture(autouse=True)
def undrawn(monkeypatch: pytest.MonkeyPatch) -> None:
    """A drawing that takes no time."""
    monkeypatch.setattr(hour_charts, "draw_png", lambda _: b"drawn")


def charts_of(storage: Storage) -> HourCharts:
    return HourCharts(lambda: ACTIVITY, None, storage.clock)


def test_a_chart_is_of_the_finding_s_own_actors() -> None:
    charts = charts_of(storage := Storage())
    chart = charts.charted(finding(), storage).chart
    assert chart
    assert chart.url == "https://uploads.example/1"
    assert "UTC: 7 in that hour, none before" in chart.shows
    assert (charts.made, charts.errors) == (1, [])


def test_a_ticket_has_20_seconds_and_an_hour_60() -> None:
    charts = charts_of(storage := Storage(takes=25.0, fails=Unavailable("No answer. Run the hour again later.")))
    assert [charts.charted(finding(), storage) for _ in range(20)] == [finding()] * 20
    assert storage.allowed == [20, 20, 20]
    assert charts.errors == ["No answer.", "There was no time left for more of them in this hour."]


def test_the_activity_is_asked_for_once_and_its_time_counts() -> None:
    storage, asked = Storage(), []

    def slowly() -> pl.DataFrame:
        asked.append(storage.clock.sleep(45.0))
        return ACTIVITY

    charts = HourCharts(slowly, None, storage.clock)
    assert asked == []
    for _ in range(3):
        charts.charted(finding(), storage)
    assert (len(asked), charts.made, storage.allowed) == (1, 3, [1, 15, 15])


@pytest.mark.parametrize("failure", [Refused("Not allowed."), RuntimeError("no font")])
def test_what_can_not_get_better_ends_the_charts_of_the_hour(
    failure: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried: list[object] = []

    def failing(activity: object) -> bytes:
        tried.append(activity)
        raise failure

    monkeypatch.setattr(hour_charts, "draw_png", failing)
    charts = charts_of(storage := Storage())
    assert [charts.charted(finding(), storage).chart for _ in range(5)] == [None] * 5
    (found,) = charts.errors
    assert len(tried) == 1
    assert found in ("Not allowed.", "They could not be drawn (RuntimeError: no font).")


def test_an_error_that_comes_again_is_reported_once_and_the_next_ticket_may_have_a_chart() -> None:
    charts = charts_of(storage := Storage(fails=Incomplete("nonsense")))
    for _ in range(3):
        assert charts.charted(finding(), storage).chart is None
    storage.fails = None
    assert charts.charted(finding(), storage).chart
    assert (charts.errors, charts.made) == (["nonsense"], 1)
