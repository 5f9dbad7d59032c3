"""What Dagster's pages show of an hour: times with their date, rounded numbers, and one number under one name."""

from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest

from audit_assets.defs.markdown_tables import markdown_table
from audit_assets.storage.tables import ENTRIES
from audit_assets_tests.defs.conftest import pipeline, sandbox
from audit_assets_tests.pipeline import HOUR, Pipeline, check_of, dagster_failure_of, v2_burst

__all__ = ["pipeline", "sandbox"]

JUDGED = datetime(2026, 11, 22, 9, tzinfo=UTC)


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (datetime(2026, 11, 22, 9, 0, 7, tzinfo=UTC), "2026-11-22 09:00:07"),
        (1 / 3, "0.333"),
        (0.1 + 0.2, "0.3"),
        (2.0, "2"),
        (0.0000123456, "1.23e-05"),
        (123.456, "123"),
        (1234567.891, "1,234,568"),
        (-1234.5, "-1,234"),
        (float("inf"), "inf"),
        (float("nan"), "nan"),
        (45, "`45`"),
    ],
)
def test_a_cell_has_its_date_and_no_digits_that_nobody_reads(value: object, shown: str) -> None:
    assert markdown_table(pl.DataFrame({"value": [value]})).splitlines()[-1] == f"| {shown} |"


def test_an_hour_can_be_pulled_when_its_error_says_so(pipeline: Pipeline) -> None:
    failure = dagster_failure_of(pipeline.run(JUDGED + HOUR))
    assert failure.endswith("has not ended: it can be pulled from 2026-11-22 11:15 UTC on.")
    pipeline.clock.sleep(54 * 60 + 30)
    early = check_of(pipeline.run(JUDGED + HOUR), "hour_is_complete")
    assert (early.passed, "run it again from 2026-11-22 11:15 UTC on" in (early.description or "")) == (False, True)
    pipeline.clock.sleep(60)
    assert check_of(pipeline.run(JUDGED + HOUR), "hour_is_complete").passed


def test_what_a_policy_leaves_out_has_another_name_than_what_counts(
    pipeline: Pipeline, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "policy.toml").write_text('counted.without_actions = ["delete"]')
    monkeypatch.setenv("AUDIT_ASSETS_POLICY", str(tmp_path / "policy.toml"))
    pipeline.sandbox.cloudflare.add("v2", v2_burst(JUDGED, 45) + v2_burst(JUDGED, 5, action="delete", actor="bob@b.c"))
    result = pipeline.run(JUDGED)
    assert result.success
    (pulled,) = [
        event.step_materialization_data.materialization.metadata
        for event in result.get_asset_materialization_events()
        if event.asset_key and event.asset_key.path[-1] == ENTRIES
    ]
    assert (pulled["changes_before_policy"].value, "changes" in pulled) == (50, False)
    assert pipeline.summary(JUDGED)["entries"]["changes"] == 45
