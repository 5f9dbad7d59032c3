"""A day's findings below the alert threshold are one ticket, opened once the day is whole, and each is on it once."""

import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

import polars as pl
import pytest
from typer.testing import CliRunner

from audit_assets.cli.main import app
from audit_assets.defs.resources import AxiomResource, CloudflareResource, LinearResource
from audit_assets.defs.steps.day_digest import publish_digest
from audit_assets.defs.steps.hour_flags import FLAGGED_ACTORS
from audit_assets.defs.steps.run_inputs import load_run_inputs
from audit_assets.defs.steps.skip_reasons import OpenTickets
from audit_assets.detection.schemas import BASELINE
from audit_assets.sandbox.fault_plan import Fault
from audit_assets.storage.hours import key_of
from audit_assets.storage.tables import BASELINES, DIGESTS, FLAGGED, RENDERED
from audit_assets_tests.pipeline import DAY, HOUR, Pipeline, dagster_failure_of, v2_burst
from audit_assets_tests.pipeline import QUIET as NO_LOGS

MIDNIGHT = datetime(2026, 11, 21, tzinfo=UTC)
LAST = MIDNIGHT + HOUR * 23
FIRST = LAST - HOUR * 2
ACTORS = ("alice@example.com", "bob@example.com", "carol@example.com")
LAST_ASSETS = ("flagged_actor_summary", "daily_digest")
OLDEST_HOURS = LAST + HOUR * 81
WHEN = {
    None: (OpenTickets.always, LAST),
    "never": (OpenTickets.never, LAST),
    "too_old": (OpenTickets.auto, OLDEST_HOURS + HOUR),
    "learning": (OpenTickets.auto, OLDEST_HOURS),
}
"""How a digest is published that opens no tickets for a reason. At OLDEST_HOURS only the last hour is not too old."""
NOTHING_ALERTS = {"tickets_per_day": 0.001}


@pytest.fixture(autouse=True)
def three_hours(monkeypatch: pytest.MonkeyPatch) -> None:
    """The day before has three hours."""
    monkeypatch.setenv("AUDIT_ASSETS_FIRST_HOUR", key_of(FIRST))


def a_quiet_past() -> list[dict[str, Any]]:
    """Two weeks in which everybody did a little each day."""
    days = [FIRST - DAY * day for day in range(1, 15)]
    return [entry for day in days for actor in ACTORS for entry in v2_burst(day, 3, actor=actor)]


def test_a_day_is_one_ticket_once_it_is_whole_and_late_findings_are_a_comment(
    pipeline: Pipeline,
) -> None:
    pipeline.remember(a_quiet_past())
    for number, actor in enumerate(ACTORS):
        new = v2_burst(FIRST + HOUR * number, 5, actor=actor, resource_type="zones")
        pipeline.sandbox.cloudflare.add("v2", new)

    def run(first: datetime, last: datetime | None = None) -> Any:
        return pipeline.run(first, last, flags=NOTHING_ALERTS)

    assert run(FIRST, LAST - HOUR).success
    assert pipeline.tickets() == [], "the last hour is not there yet"
    assert pipeline.store.read_json(DIGESTS, MIDNIGHT) is None

    assert (
        pipeline.defs.resolve_job_def("hourly_audit")
        .execute_in_process(
            run_config={
                **NO_LOGS,
                "ops": {"opened_tickets": {"config": {"dry_run": True}}, "flagged_actors": {"config": NOTHING_ALERTS}},
            },
            instance=pipeline.instance,
            partition_key=key_of(LAST),
        )
        .success
    )
    (rendered,) = pipeline.store.read_json(RENDERED, LAST)["tickets"]
    assert (pipeline.tickets(), pipeline.store.read_json(DIGESTS, MIDNIGHT)) == ([], None), "a dry run opens nothing"

    pipeline.sandbox.faults.add(Fault("linear", "attachmentCreate", "status", times=50, options={"status": 500}))
    failed = run(LAST)
    problem = dagster_failure_of(failed)
    assert problem.startswith("The digest of findings below the alert threshold failed. 2026-11-21: Linear")
    materialized = {asset: len(failed.asset_materializations_for_node(asset)) for asset in LAST_ASSETS}
    assert materialized == {"flagged_actor_summary": 1, "daily_digest": 0}, "the summary is there all the same"
    pipeline.sandbox.faults.clear()

    again = run(LAST)
    assert again.success
    (ticket,) = pipeline.tickets()
    assert ticket["title"] == "Digest of 21 Nov: 3 unusual hours of 3 actors, below the alert threshold"
    assert (ticket["title"], ticket["description"]) == (rendered["title"], rendered["description"])
    assert (len(ticket["comments"]), len(ticket["attachments"])) == (0, 1)
    url = pipeline.store.read_json(DIGESTS, MIDNIGHT)["url"]
    (shown,) = [each.metadata for each in again.asset_materializations_for_node("daily_digest")]
    (summarized,) = [each.metadata for each in again.asset_materializations_for_node("flagged_actor_summary")]
    assert shown["digest"].value == f"2026-11-21: [{ticket['identifier']}]({url}) (published)"
    assert shown["pull_began"] == summarized["pull_began"], "by which the ledger knows that late entries are still due"

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


Publish = Callable[..., Any]


@pytest.fixture
def publish(pipeline: Pipeline) -> Publish:
    """Publishes the digest of the day before, after these actors' findings were added, by hour."""

    def made(found: Mapping[datetime, pl.DataFrame], reason: str | None = None) -> Any:
        for hour, actors in found.items():
            flags = pl.concat([pl.DataFrame(schema=FLAGGED_ACTORS), actors], how="diagonal_relaxed")
            pipeline.store.write(FLAGGED, hour, flags.with_columns(hour=pl.lit(hour)).cast(FLAGGED_ACTORS))
            pipeline.store.write(BASELINES, hour, pl.DataFrame(schema=BASELINE))
        return publish_digest(
            load_run_inputs(CloudflareResource().account_id(), pipeline.store),
            MIDNIGHT,
            *WHEN[reason],
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


def test_the_run_config_of_the_digest_is_its_own(pipeline: Pipeline) -> None:
    pipeline.remember(a_quiet_past())
    pipeline.sandbox.cloudflare.add("v2", v2_burst(FIRST, 5, actor=ACTORS[0], resource_type="zones"))
    result = pipeline.run(FIRST, LAST, flags=NOTHING_ALERTS, open_tickets="never")
    assert result.success
    assert pipeline.store.read_json(DIGESTS, MIDNIGHT)["outcome"] == "never"


QUIET = below_threshold(0)
HOURS = [FIRST + HOUR * step for step in range(3)]


def test_a_day_of_100_000_findings_is_one_ticket_in_seconds(pipeline: Pipeline, publish: Publish) -> None:
    flood = {hour: below_threshold(50_000 if at else 0, first=50_000 * at) for at, hour in enumerate(HOURS)}
    started = time.monotonic()
    assert publish(flood)["findings"] == 100_000
    assert time.monotonic() - started < 10
    (ticket,) = pipeline.tickets()
    assert ticket["title"] == "Digest of 21 Nov: 100,000 unusual hours of 100,000 actors, below the alert threshold"
    assert len(ticket["description"]) <= 20_000
    assert ticket["comments"] == []
    asked = pipeline.sandbox.shared.call_counts().total()
    assert publish({})["identifier"] == ticket["identifier"]
    assert pipeline.sandbox.shared.call_counts().total() == asked + 1


def test_whether_a_digest_is_opened_is_decided_as_for_the_tickets_of_the_last_hour(
    pipeline: Pipeline, publish: Publish
) -> None:
    day = dict.fromkeys(HOURS, below_threshold(2))
    for reason in ("too_old", "learning", "never"):
        assert publish(day, reason)["outcome"] == reason
    assert pipeline.tickets() == []
    opened = publish(day)
    assert publish({HOURS[1]: below_threshold(3)}, "too_old")["identifier"] == opened["identifier"], (
        "it is not forgotten"
    )
    (ticket,) = pipeline.tickets()
    assert ticket["comments"] == []


def test_a_digest_that_failed_in_time_is_still_due(pipeline: Pipeline, publish: Publish) -> None:
    pipeline.sandbox.faults.add(Fault("linear", "issueCreate", "forbidden"))
    failed = publish(dict.fromkeys(HOURS, below_threshold(2)))
    assert (failed["outcome"], failed["problem"][:26]) == ("failed", "Linear does not allow this")
    assert publish({}, "too_old")["outcome"] == "published"


@pytest.mark.parametrize("lacks", [0, 2])
def test_a_day_that_lacks_any_of_its_hours_has_no_digest(publish: Publish, lacks: int) -> None:
    assert publish({hour: below_threshold(2) for at, hour in enumerate(HOURS) if at != lacks}) is None
    assert publish({HOURS[lacks]: QUIET})["outcome"] == "published", "whichever hour came last"


def test_what_has_a_ticket_is_allowed_or_is_the_organisation_s_is_not_in_it(
    pipeline: Pipeline, publish: Publish
) -> None:
    others = [
        below_threshold(number + 1).with_columns(disposition=pl.lit(disposition))
        for number, disposition in enumerate(("ticket", "allowed", "organisation"))
    ]
    day = {**dict.fromkeys(HOURS, QUIET), FIRST: pl.concat(others)}
    assert publish(day) is None
    assert publish({LAST: below_threshold(1)})["findings"] == 1
    (ticket,) = pipeline.tickets()
    others_named = "Not counted here: 2 that the policy allows and 3 that are part of a finding of the organisation."
    assert others_named in ticket["description"]
