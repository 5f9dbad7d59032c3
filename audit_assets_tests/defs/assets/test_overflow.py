"""Ten thousand findings in an hour do not bury one: at most 21 tickets, and everybody is on one of them."""

import time
from datetime import UTC, datetime
from typing import Any

import dagster as dg
import polars as pl
import pytest

from audit_assets.defs.partitions import key_of
from audit_assets.defs.steps.hour_flags import FLAGGED_ACTORS
from audit_assets.sandbox.fault_plan import Fault
from audit_assets.storage.tables import ENTRIES, FLAGGED, TICKETS
from audit_assets_tests.pipeline import Pipeline, check_of, dagster_failure_of, v2_burst

JUDGED = datetime(2026, 11, 22, 9, tzinfo=UTC)
PRIVILEGED = f"{10_000:032x}"


def store_flagged_actors(pipeline: Pipeline, count: int) -> None:
    """An hour as the pipeline leaves it, but with so many flagged actors, of two entries each, and a privileged one who
    did nothing severe: its assets before the tickets are not run 10,000 times over."""
    pipeline.sandbox.cloudflare.add("v2", v2_burst(JUDGED, 2))
    assert pipeline.run(JUDGED).success
    keys = [f"{number:032x}" for number in range(count)] + [PRIVILEGED]
    actors = pl.DataFrame({"actor_key": keys}).with_columns(actor=pl.format("{}@example.com", pl.col("actor_key")))
    entry = pipeline.store.require(ENTRIES, JUDGED)
    made = entry.drop("actor_key", "actor").join(actors, how="cross").select(entry.columns)
    pipeline.store.write(ENTRIES, JUDGED, made, pipeline.store.metadata(ENTRIES, JUDGED))
    is_privileged = pl.col("actor_key") == PRIVILEGED
    known: dict[str, Any] = {"kind": "volume", "disposition": "ticket", "actor_type": "user", "judged_against": "actor"}
    flagged = actors.with_columns(
        hour=pl.lit(JUDGED).cast(FLAGGED_ACTORS["hour"]),
        severity=pl.when(is_privileged).then(pl.lit("medium")).otherwise(pl.lit("urgent")),
        severity_because=pl.when(is_privileged).then(pl.lit(["API tokens and keys"])),
        changes=pl.lit(500),
        baseline_mean=pl.lit(3.0),
        axiom_url=pl.format("https://app.axiom.co/acme/query?{}", pl.col("actor_key")),
        **{name: pl.lit(value) for name, value in known.items()},
    )
    frame = pl.concat([pl.DataFrame(schema=FLAGGED_ACTORS), flagged], how="diagonal_relaxed")
    pipeline.store.write(FLAGGED, JUDGED, frame.cast(FLAGGED_ACTORS))


def run_from_tickets(pipeline: Pipeline) -> dg.ExecuteInProcessResult:
    """Run the assets from the tickets on."""
    return pipeline.defs.resolve_job_def("hourly_audit").execute_in_process(
        run_config={
            "loggers": {"console": {"config": {"log_level": "CRITICAL"}}},
            "ops": {"opened_tickets": {"config": {"open_tickets": "always"}}},
        },
        instance=pipeline.instance,
        partition_key=key_of(JUDGED),
        asset_selection=[dg.AssetKey("opened_tickets"), dg.AssetKey("flagged_actor_summary")],
        raise_on_error=False,
    )


def test_ten_thousand_and_one_privileged_actor_are_21_tickets_in_a_minute(pipeline: Pipeline) -> None:
    store_flagged_actors(pipeline, 10_000)
    asked = pipeline.sandbox.shared.call_counts().total()
    pipeline.clock.waits.clear()
    started = time.monotonic()
    result = run_from_tickets(pipeline)
    assert result.success
    assert time.monotonic() - started < 60
    assert pipeline.sandbox.shared.call_counts().total() - asked < 200
    assert pipeline.clock.waits == []
    tickets = pipeline.tickets()
    assert len(tickets) == 21
    (privileged,) = [ticket for ticket in tickets if PRIVILEGED in ticket["title"]]
    assert "this is about API tokens and keys" in privileged["description"]
    *_, shared = tickets
    assert shared["title"] == "9,981 more actors deviated, too many for a ticket each (09:00 UTC, 22 Nov)"
    assert shared["priority"] == 1
    summary = pipeline.summary(JUDGED)
    assert len(summary["flagged"]) == 10_001
    outcomes = pl.Series(actor["ticket"]["outcome"] for actor in summary["flagged"]).value_counts()
    assert dict(outcomes.iter_rows()) == {"opened": 20, "on_shared_ticket": 9_981}
    assert "`audit-assets summary 2026-11-22-09:00 --json`" in shared["description"]
    (materialized,) = result.asset_materializations_for_node("flagged_actor_summary")
    assert len(str(materialized.metadata)) < 500_000


def test_an_overflow_that_is_run_again_changes_nothing(pipeline: Pipeline) -> None:
    store_flagged_actors(pipeline, 40)
    assert run_from_tickets(pipeline).success
    before, rows = pipeline.tickets(), pipeline.store.require(TICKETS, JUDGED)
    result = run_from_tickets(pipeline)
    assert result.success
    assert check_of(result, "every_flagged_actor_has_a_ticket").passed
    assert pipeline.tickets() == before
    after = pipeline.store.require(TICKETS, JUDGED)
    assert after.drop("outcome").equals(rows.drop("outcome"))
    assert dict(after.group_by("outcome").len().iter_rows()) == {"already_on_ticket": 20, "on_shared_ticket": 21}


def test_how_many_get_a_ticket_of_their_own_is_a_setting(pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AUDIT_ASSETS_TICKETS_PER_HOUR", "3")
    store_flagged_actors(pipeline, 5)
    assert run_from_tickets(pipeline).success
    assert len(pipeline.tickets()) == 4
    assert any(PRIVILEGED in ticket["title"] for ticket in pipeline.tickets())


def test_an_overflow_whose_ticket_fails_is_reported_and_still_due(pipeline: Pipeline) -> None:
    store_flagged_actors(pipeline, 40)
    pipeline.sandbox.faults.add(Fault("linear", "issueCreate", "forbidden", at=21))
    assert dagster_failure_of(run_from_tickets(pipeline)).startswith(
        "21 flagged actors got no ticket. First: Linear does not allow this"
    )
    rows = pipeline.store.require(TICKETS, JUDGED)
    assert dict(rows.group_by("outcome").len().iter_rows()) == {"opened": 20, "failed": 21}
    assert run_from_tickets(pipeline).success
    assert len(pipeline.tickets()) == 21


def test_a_shared_ticket_may_hold_nothing_but_a_finding_of_several(pipeline: Pipeline) -> None:
    store_flagged_actors(pipeline, 20)
    flagged, members = pipeline.store.require(FLAGGED, JUDGED), [f"{number:032x}" for number in (1, 2)]
    several = {"actor_key": "organisation", "actor": "the organisation", "kind": "organisation", "severity": "low"}
    last = pl.col("actor_key") == PRIVILEGED
    changed = flagged.with_columns(
        *(pl.when(last).then(pl.lit(value)).otherwise(name).alias(name) for name, value in several.items()),
        pl.when(last).then(pl.lit("dns_record")).otherwise("resource_type").alias("resource_type"),
        pl.when(last).then(pl.lit(members)).otherwise("members").alias("members"),
        severity_because=pl.lit(None, flagged.schema["severity_because"]),
    )
    pipeline.store.write(FLAGGED, JUDGED, changed.cast(FLAGGED_ACTORS))
    result = run_from_tickets(pipeline)
    assert result.success
    *singles, shared = pipeline.tickets()
    assert len(singles) == 20
    assert "the organisation · 2 actors at once: unusual changes to dns_record" in shared["description"]
