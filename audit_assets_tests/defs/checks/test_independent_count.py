"""Cloudflare's own count: which stream it counts is found out, a difference is named, and nothing is blocked."""

from datetime import UTC, datetime, timedelta
from typing import Any

import dagster as dg
import pytest

from audit_assets.sandbox.fault_plan import Fault
from audit_assets_tests.pipeline import DAY, HOUR, QUIET, Pipeline, check_of, v1_entry, v2_burst

FIRST, SECOND = datetime(2026, 11, 17, tzinfo=UTC), datetime(2026, 11, 18, tzinfo=UTC)
"""Their hours had their last pull by now, 22 November."""


@pytest.fixture
def two_days(pipeline: Pipeline) -> Pipeline:
    """Both streams have entries on both days, of which all were pulled."""
    for day in (FIRST, SECOND):
        pipeline.sandbox.cloudflare.add("v2", v2_burst(day + HOUR * 9, 12))
        pipeline.sandbox.cloudflare.add("v2", v2_burst(day + HOUR * 23, 5, action="delete", resource_type="zones"))
        pipeline.sandbox.cloudflare.add(
            "v1", [v1_entry(day + HOUR * 11 + timedelta(seconds=number), number=number) for number in range(7)]
        )
        assert pipeline.run(day, day + DAY - HOUR, job="history").success
    return pipeline


def count(pipeline: Pipeline) -> dg.AssetCheckEvaluation:
    """The evaluation of a day."""
    job = pipeline.defs.resolve_job_def("independent_count")
    result = job.execute_in_process(run_config=QUIET, instance=pipeline.instance, raise_on_error=False)
    assert result.success
    return check_of(result, "cloudflare_counts_the_same")


def metadata(evaluation: dg.AssetCheckEvaluation) -> dict[str, Any]:
    return {name: value.value for name, value in evaluation.metadata.items()}


@pytest.mark.parametrize(("counted", "name"), [("v2", "v2"), ("v1", "v1"), ("both", "v2 and v1 together")])
def test_what_is_counted_is_found_out(two_days: Pipeline, counted: Any, name: str) -> None:
    two_days.sandbox.cloudflare.behaviour.counted = counted
    evaluation = count(two_days)
    assert evaluation.passed
    assert (evaluation.description or "").startswith(f"Cloudflare counts {name} (days and action types agree to ")
    assert "2 days from 2026-11-17 to 2026-11-18" in (evaluation.description or "")
    assert metadata(evaluation)["counted"] == name


def test_action_types_are_compared_without_regard_to_capitals(two_days: Pipeline) -> None:
    two_days.sandbox.cloudflare.behaviour.count_capitals = True
    assert metadata(count(two_days))["counted"] == "v2"


@pytest.mark.parametrize("counted", ["v2", "v1"])
def test_a_difference_names_day_and_action_type_and_blocks_nothing(two_days: Pipeline, counted: Any) -> None:
    two_days.sandbox.cloudflare.behaviour.counted = counted
    late = SECOND + HOUR * 13
    two_days.sandbox.cloudflare.add("v2", v2_burst(late, 3, action="delete", resource_type="members"))
    two_days.sandbox.cloudflare.add("v1", [v1_entry(late, number=1)])
    evaluation = count(two_days)
    assert (evaluation.passed, evaluation.severity, evaluation.blocking) == (False, dg.AssetCheckSeverity.WARN, False)
    differs = {"v2": "2026-11-18 delete: 8 counted, 5 pulled", "v1": "2026-11-18 deploy_script: 8 counted, 7 pulled"}
    assert f"It differs in {differs[counted]}." in (evaluation.description or "")
    assert "2026-11-18" in metadata(evaluation)["differences"]
    assert two_days.run(datetime(2026, 11, 22, 9, tzinfo=UTC)).success


def test_a_stream_once_found_out_is_remembered_when_much_is_missing(two_days: Pipeline) -> None:
    assert metadata(count(two_days))["counted"] == "v2"
    for day in (FIRST, SECOND):
        for action, hour in (("create", 1), ("delete", 2)):
            two_days.sandbox.cloudflare.add("v2", v2_burst(day + HOUR * hour, 4, action=action, resource_type="late"))
    evaluation = count(two_days)
    assert not evaluation.passed
    assert "Cloudflare counts v2" in (evaluation.description or "")


def test_what_agrees_with_no_stream_is_reported_and_no_warning(two_days: Pipeline) -> None:
    for day in (FIRST, SECOND):
        for action, hour in (("create", 1), ("delete", 2), ("update", 3)):
            two_days.sandbox.cloudflare.add("v2", v2_burst(day + HOUR * hour, 4, action=action, resource_type="late"))
    evaluation = count(two_days)
    assert evaluation.passed
    assert "it can't be seen which stream Cloudflare counts. Days and action types agree to" in (
        evaluation.description or ""
    )
    assert "counted" not in metadata(evaluation)


@pytest.mark.parametrize("refusal", ["status", "errors"])
def test_a_token_that_may_not_read_it_is_advised_about_once_and_no_failure(two_days: Pipeline, refusal: Any) -> None:
    behaviour = two_days.sandbox.cloudflare.behaviour
    assert metadata(count(two_days))["counted"] == "v2"
    behaviour.counts_are_readable, behaviour.count_refusal = False, refusal
    first, second = count(two_days), count(two_days)
    assert first.passed
    assert second.passed
    assert "give CLOUDFLARE_API_TOKEN the permission 'Account Analytics Read'" in (first.description or "")
    assert second.description == "Not compared: the token may not read Cloudflare's own count."
    behaviour.counts_are_readable = True
    assert "Nothing differs" in (count(two_days).description or "")


def test_days_without_their_last_pull_are_not_compared(pipeline: Pipeline) -> None:
    evaluation = count(pipeline)
    assert evaluation.passed
    assert evaluation.description == "No day was compared: none of the last ones is whole and had its last pull."


@pytest.mark.parametrize(
    "options",
    [
        {"status": 500},
        {"status": 400, "body": '{"data":null,"errors":[{"message":"query time range is too large"}]}'},
        {"status": 200, "body": "<html>"},
        {"status": 200, "body": '{"data":{"viewer":{"accounts":[]}},"errors":null}'},
        {"status": 200, "body": '{"data":{"viewer":{"accounts":[{"auditLogsGroups":[{"count":"x"}]}]}}}'},
    ],
)
def test_an_answer_that_can_not_be_used_leaves_the_check_unevaluated(
    two_days: Pipeline, options: dict[str, Any]
) -> None:
    two_days.sandbox.faults.add(Fault("cloudflare", "count", "status", times=100, options=options))
    job = two_days.defs.resolve_job_def("independent_count")
    result = job.execute_in_process(run_config=QUIET, instance=two_days.instance, raise_on_error=False)
    assert result.success
    assert result.get_asset_check_evaluations() == []


def test_no_hour_counts(pipeline: Pipeline) -> None:
    for job in ("hourly_audit", "history"):
        names = {node.name for node in pipeline.defs.resolve_job_def(job).nodes}
        assert not any("cloudflare_counts" in name for name in names)
    pipeline.sandbox.cloudflare.add("v2", v2_burst(datetime(2026, 11, 22, 9, tzinfo=UTC), 3))
    assert pipeline.run(datetime(2026, 11, 22, 9, tzinfo=UTC)).success
    assert pipeline.sandbox.shared.call_counts()["cloudflare", "count"] == 0
