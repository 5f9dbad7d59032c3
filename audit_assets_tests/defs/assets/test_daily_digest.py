"""A day's findings under the budget are one ticket, opened once the day is whole, and nothing is told on it twice."""

import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

import polars as pl
import pytest
from typer.testing import CliRunner

from audit_assets.cli.main import app
from audit_assets.defs.assets.actor_baselines import BASELINES
from audit_assets.defs.assets.flagged_actors import FLAGGED, FLAGGED_ACTORS
from audit_assets.defs.partitions import key_of
from audit_assets.defs.resources import AxiomResource, CloudflareResource, LinearResource
from audit_assets.defs.steps.day_digests import DIGESTS, tell_digest
from audit_assets.defs.steps.dry_runs import RENDERED
from audit_assets.detection.schemas import BASELINE
from audit_assets.sandbox.faults import Fault
from audit_assets_tests.pipeline import DAY, HOUR, Pipeline, dagster_failure_of, v2_burst

MIDNIGHT = datetime(2026, 11, 21, tzinfo=UTC)
LAST = MIDNIGHT + HOUR * 23
FIRST = LAST - HOUR * 2
ACTORS = ("alice@example.com", "bob@example.com", "carol@example.com")
NOTHING_RINGS = {"tickets_per_day": 0.001}


@pytest.fixture(autouse=True)
def three_hours(monkeypatch: pytest.MonkeyPatch) -> None:
    """The day before has three hours."""
    monkeypatch.setenv("AUDIT_ASSETS_FIRST_HOUR", key_of(FIRST))


def test_a_day_is_one_ticket_once_it_is_whole_and_late_findings_are_a_comment(
    pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    past = [burst for day in range(1, 15) for actor in ACTORS for burst in v2_burst(FIRST - DAY * day, 3, actor=actor)]
    pipeline.remember(past)
    for number, actor in enumerate(ACTORS):
        new = v2_burst(FIRST + HOUR * number, 5, actor=actor, resource_type="zones")
        pipeline.sandbox.cloudflare.add("v2", new)

    def run(first: datetime, last: datetime | None = None) -> Any:
        return pipeline.run(first, last, flags=NOTHING_RINGS)

    assert run(FIRST, LAST - HOUR).success
    assert pipeline.tickets() == [], "the last hour is not there yet"
    assert pipeline.store.read_json(DIGESTS, MIDNIGHT) is None

    with monkeypatch.context() as patched:
        patched.setenv("LINEAR_DRY_RUN", "1")
        assert run(LAST).success
    (rendered,) = pipeline.store.read_json(RENDERED, LAST)["tickets"]
    assert (pipeline.tickets(), pipeline.store.read_json(DIGESTS, MIDNIGHT)) == ([], None), "a dry run opens nothing"

    pipeline.sandbox.faults.add(Fault("linear", "attachmentCreate", "status", times=50, options={"status": 500}))
    told = dagster_failure_of(run(LAST))
    assert told.startswith("The digest of findings under the budget failed, of 2026-11-21: Linear")
    assert pipeline.summary(LAST)["flagged"] == [], "the summary is there all the same"
    pipeline.sandbox.faults.clear()

    again = run(LAST)
    assert again.success
    (ticket,) = pipeline.tickets()
    assert ticket["title"] == "Digest of 21 Nov: 3 unusual hours of 3 actors, under the ticket budget"
    assert (ticket["title"], ticket["description"]) == (rendered["title"], rendered["description"])
    assert (len(ticket["comments"]), len(ticket["attachments"])) == (0, 1)
    url = pipeline.store.read_json(DIGESTS, MIDNIGHT)["url"]
    (shown,) = [each.metadata for each in again.asset_materializations_for_node("opened_tickets")]
    assert shown["digest"].value == f"2026-11-21: [{ticket['identifier']}]({url}) (told)"

    late = v2_burst(FIRST, 2, actor="bob@example.com", resource_type="api_tokens")
    pipeline.sandbox.cloudflare.add("v2", late)
    for _ in range(2):
        assert run(FIRST).success
        (ticket,) = pipeline.tickets()
        (comment,) = ticket["comments"]
        assert comment["body"].startswith("In the hour 2026-11-21 21:00 UTC, which was run again, there are now 2 ")

    shown = " ".join(CliRunner().invoke(app, ["summary", "2026-11-21"]).output.split())
    digest = "daily digest of 2026-11-21, 4 hours below the alert threshold"
    assert f"{ticket['identifier']}, {digest}: {url}" in shown
    assert "2026-11-21-21:00 bob@example.com: first change to api_tokens" in shown


Tell = Callable[..., Any]


@pytest.fixture
def tell(pipeline: Pipeline) -> Tell:
    """Tells the day before of these actors' findings, by hour."""

    def made(found: Mapping[datetime, pl.DataFrame], reason: str | None = None) -> Any:
        for hour, actors in found.items():
            flags = pl.concat([pl.DataFrame(schema=FLAGGED_ACTORS), actors], how="diagonal_relaxed")
            pipeline.store.write(FLAGGED, hour, flags.with_columns(hour=pl.lit(hour)).cast(FLAGGED_ACTORS))
            pipeline.store.write(BASELINES, hour, pl.DataFrame(schema=BASELINE))
        return tell_digest(
            pipeline.store,
            MIDNIGHT,
            CloudflareResource().account_id(),
            lambda hour, _: reason if hour == LAST else "another hour than the last was asked about",
            AxiomResource(pipeline.clock),
            LinearResource(pipeline.clock),
        )

    return made


def below_threshold(count: int, first: int = 0) -> pl.DataFrame:
    """So many actors who made 50 changes."""
    numbers = pl.DataFrame({"number": range(first, first + count)})
    return numbers.select(
        actor_key=pl.format("{}", pl.col("number")).str.zfill(32),
        actor=pl.format("actor-{}@example.com", "number"),
        actor_type=pl.lit("user"),
        kind=pl.lit("volume"),
        severity=pl.lit("low"),
        disposition=pl.lit("below_threshold"),
        changes=pl.lit(50),
        baseline_mean=pl.lit(3.0),
        tickets_a_day=pl.lit(2.0) + pl.col("number"),
    )


QUIET = below_threshold(0)
HOURS = [FIRST + HOUR * step for step in range(3)]


def test_a_day_of_100_000_findings_is_one_ticket_in_seconds(pipeline: Pipeline, tell: Tell) -> None:
    flood = {hour: below_threshold(50_000 if at else 0, first=50_000 * at) for at, hour in enumerate(HOURS)}
    started = time.monotonic()
    assert tell(flood)["findings"] == 100_000
    assert time.monotonic() - started < 10
    (ticket,) = pipeline.tickets()
    assert ticket["title"] == "Digest of 21 Nov: 100,000 unusual hours of 100,000 actors, under the ticket budget"
    assert len(ticket["description"]) <= 20_000
    assert ticket["comments"] == []
    asked = pipeline.sandbox.stage.count().total()
    assert tell({})["identifier"] == ticket["identifier"]
    assert pipeline.sandbox.stage.count().total() == asked + 1


def test_whether_a_digest_is_opened_is_decided_as_for_the_tickets_of_the_last_hour(
    pipeline: Pipeline, tell: Tell
) -> None:
    day = dict.fromkeys(HOURS, below_threshold(2))
    for reason in ("too_old", "learning", "never"):
        assert tell(day, reason)["outcome"] == reason
    assert pipeline.tickets() == []
    opened = tell(day)
    assert tell({HOURS[1]: below_threshold(3)}, "too_old")["identifier"] == opened["identifier"], "it is not forgotten"
    (ticket,) = pipeline.tickets()
    assert ticket["comments"] == []


def test_a_digest_that_failed_in_time_is_owed(pipeline: Pipeline, tell: Tell) -> None:
    pipeline.sandbox.faults.add(Fault("linear", "issueCreate", "forbidden"))
    failed = tell(dict.fromkeys(HOURS, below_threshold(2)))
    assert (failed["outcome"], failed["problem"][:26]) == ("failed", "Linear does not allow this")
    assert tell({}, "too_old")["outcome"] == "told"


@pytest.mark.parametrize("lacks", [0, 2])
def test_a_day_that_lacks_any_of_its_hours_has_no_digest(tell: Tell, lacks: int) -> None:
    assert tell({hour: below_threshold(2) for at, hour in enumerate(HOURS) if at != lacks}) is None
    assert tell({HOURS[lacks]: QUIET})["outcome"] == "told", "whichever hour came last"


def test_what_rings_is_allowed_or_is_the_organisation_s_is_not_in_it(pipeline: Pipeline, tell: Tell) -> None:
    others = [
        below_threshold(number + 1).with_columns(disposition=pl.lit(disposition))
        for number, disposition in enumerate(("ticket", "allowed", "organisation"))
    ]
    day = {**dict.fromkeys(HOURS, QUIET), FIRST: pl.concat(others)}
    assert tell(day) is None
    assert tell({LAST: below_threshold(1)})["findings"] == 1
    (ticket,) = pipeline.tickets()
    told = "Not counted here: 2 that the policy allows and 3 told in a finding of the organisation."
    assert told in ticket["description"]
