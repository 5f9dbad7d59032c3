"""Every run shows its hours in Dagster's list of runs, whoever started it."""

from datetime import UTC, datetime
from pathlib import Path

import dagster as dg

from audit_assets.defs.automation.hour_planner import Request
from audit_assets.defs.automation.sensors import _run_request
from audit_assets.defs.build import build_defs
from audit_assets.defs.partitions import HOURS_TAG, pulled_again, pulled_again_tag
from audit_assets_tests.pipeline import HOUR, Pipeline

FIRST = datetime(2026, 11, 22, 8, tzinfo=UTC)


def tags_of(pipeline: Pipeline, result: dg.ExecuteInProcessResult) -> str:
    run = pipeline.instance.get_run_by_id(result.run_id)
    assert run is not None
    return run.tags[HOURS_TAG]


def test_a_run_that_a_person_starts_is_tagged_with_its_hours(pipeline: Pipeline) -> None:
    assert tags_of(pipeline, pipeline.run(FIRST)) == "2026-11-22-08:00"
    both = pipeline.run(FIRST, FIRST + HOUR, job="history")
    assert tags_of(pipeline, both) == "2026-11-22-08:00 to 2026-11-22-09:00"


def test_a_tag_of_hours_to_pull_again_that_a_person_wrote_wrong_names_none() -> None:
    assert pulled_again({"audit/pulled_again": "yesterday 2026-11-22-08:00 2026-11-22"}) == [FIRST]
    assert pulled_again(pulled_again_tag([FIRST + HOUR, FIRST])) == [FIRST, FIRST + HOUR]


def test_the_sensor_and_the_schedule_request_runs_with_the_tag(tmp_path: Path) -> None:
    one, two = (_run_request(Request(FIRST, last, 1, "missing")) for last in (FIRST, FIRST + HOUR))
    assert one.tags[HOURS_TAG] == "2026-11-22-08:00"
    assert two.tags[HOURS_TAG] == "2026-11-22-08:00 to 2026-11-22-09:00"
    defs, at = build_defs(), datetime(2026, 11, 22, 10, 16, tzinfo=UTC)
    with dg.DagsterInstance.local_temp(str(tmp_path)) as instance:  # a schedule gets no instance in memory
        made = dg.build_schedule_context(
            instance=instance, repository_def=defs.get_repository_def(), scheduled_execution_time=at
        )
        with made as context:
            (request,) = defs.resolve_schedule_def("every_hour").evaluate_tick(context).run_requests or []
    assert request.tags[HOURS_TAG] == "2026-11-22-09:00"
