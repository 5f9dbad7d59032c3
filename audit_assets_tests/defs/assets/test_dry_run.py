"""A dry run shows what a run would do, as a preview does; it opens nothing, and the next run forgets it."""

import json
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from typer.testing import CliRunner

from audit_assets.cli.main import app
from audit_assets.defs.partitions import key_of
from audit_assets.sandbox.fault_plan import Fault
from audit_assets.storage.tables import DELIVERIES, RENDERED, TICKETS
from audit_assets_tests.defs.assets.test_hour import a_quiet_fortnight
from audit_assets_tests.pipeline import DAY, HOUR, QUIET, Pipeline, check_of, dagster_failure_of, v2_burst

JUDGED = datetime(2026, 11, 22, 9, tzinfo=UTC)
WRITES = {"issueCreate", "issueUpdate", "commentCreate", "attachmentCreate", "issueRelationCreate"}


@pytest.fixture
def judged(pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch) -> Pipeline:
    """Alice did far more than usual, and a dry run was made of it, with a webhook that nothing answers."""
    monkeypatch.setenv("AUDIT_ASSETS_WEBHOOK_URL", "http://127.0.0.1:9/hook")
    monkeypatch.setenv("LINEAR_DRY_RUN", "1")
    pipeline.remember(a_quiet_fortnight())
    pipeline.sandbox.cloudflare.add("v2", v2_burst(JUDGED, 45, action="delete"))
    assert pipeline.run(JUDGED).success
    monkeypatch.delenv("AUDIT_ASSETS_WEBHOOK_URL")
    return pipeline


def again(pipeline: Pipeline, **config: Any) -> dg.ExecuteInProcessResult:
    """Run the assets from the tickets on."""
    return pipeline.defs.resolve_job_def("hourly_audit").execute_in_process(
        run_config={**QUIET, "ops": {"opened_tickets": {"config": config}}},
        instance=pipeline.instance,
        partition_key=key_of(JUDGED),
        asset_selection=[dg.AssetKey("opened_tickets"), dg.AssetKey("flagged_actor_summary")],
        raise_on_error=False,
    )


def rows(pipeline: Pipeline) -> list[Any]:
    """The rows of OPENED_TICKETS for the hour."""
    return pipeline.store.require(TICKETS, JUDGED).select("outcome", "identifier", "ticket_id", "planned_action").rows()


def writes(pipeline: Pipeline) -> int:
    """How many writes Linear was asked for."""
    return sum(count for (_, call), count in pipeline.sandbox.shared.call_counts().items() if call in WRITES)


def without_run(text: str) -> str:
    """The text of a ticket, whichever run of Dagster's wrote it and wherever its chart lies."""
    return re.sub(r"\n- Dagster run `[^`]*`|(?<=\]\()[^)]*(?:/storage/assets/|dry-run\.invalid/)[^)]*", "", text)


def preview(*arguments: str, command: str = "preview") -> str:
    """What `audit-assets preview` prints."""
    result = CliRunner().invoke(app, [command, *arguments], env={"COLUMNS": "80"})
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code == 0
    return result.stdout


def test_a_dry_run_opens_nothing_and_the_run_after_it_opens_what_was_rendered(
    judged: Pipeline, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert (judged.tickets(), writes(judged)) == ([], 0)
    assert rows(judged) == [("dry_run", None, None, "would open a ticket")]
    summary = judged.summary(JUDGED)
    assert summary["dry_run"]
    assert summary["flagged"][0]["ticket"]["planned_action"] == "would open a ticket"
    assert "dry run: would open a ticket" in preview(key_of(JUDGED), command="summary")
    assert judged.store.read_json(DELIVERIES, JUDGED) is None, "a dry run is delivered to no webhook"
    (rendered,) = judged.store.read_json(RENDERED, JUDGED)["tickets"]
    assert_a_preview_shows_it(rendered, tmp_path / "page.html")
    with monkeypatch.context() as patched:
        patched.delenv("LINEAR_API_KEY")
        assert_rendered_without_a_key_although_nothing_is_to_be_opened(judged)

    assert again(judged, dry_run=False).success
    (ticket,) = judged.tickets()
    assert ticket["title"] == rendered["title"]
    assert without_run(ticket["description"]) == without_run(rendered["description"])
    assert (ticket["priority"], ticket["state"]) == (rendered["priority"], rendered["fields"]["state"])
    assert "dry_run" not in judged.summary(JUDGED)

    opened, wrote = rows(judged), writes(judged)
    result = again(judged)
    assert result.success
    assert rows(judged) == opened, "a dry run takes nothing back"
    assert (judged.tickets(), writes(judged)) == ([ticket], wrote)
    assert judged.store.read_json(RENDERED, JUDGED)["tickets"][0]["planned_action"] == "is on SEC-1 already"
    assert check_of(result, "every_flagged_actor_has_a_ticket").description is None


def assert_a_preview_shows_it(rendered: dict[str, Any], page: Path) -> None:
    """The same ticket, in an hour that is too old by the time of day."""
    shown = json.loads(preview(key_of(JUDGED), "--json"))
    assert shown["skip_reason"] == "too_old"
    (ticket,) = shown["tickets"]
    assert without_run(ticket["description"]) == without_run(rendered["description"])
    assert {**ticket, "description": ""} == {**rendered, "description": ""}
    printed = re.sub(r"\s+", " ", preview(key_of(JUDGED), "--html", str(page)))
    for text in (printed, page.read_text()):
        assert "A run would open nothing: the hour ended longer ago than AUDIT_ASSETS_TICKET_MAX_AGE_HOURS." in text
        assert "Deleted 45 DNS records in zone example·com: alice@example·com" in text


def assert_rendered_without_a_key_although_nothing_is_to_be_opened(judged: Pipeline) -> None:
    """A team that has no key yet, in an hour that opens nothing anyway. Dagster shows it, and no check complains."""
    asked = judged.sandbox.shared.call_counts()["linear", "query"]
    result = again(judged, open_tickets="never")
    assert judged.sandbox.shared.call_counts()["linear", "query"] == asked
    remarks = [
        "A run would open nothing: the run config has `open_tickets: never`.",
        "Linear was not read, as LINEAR_API_KEY is not set: every ticket is shown as a new one.",
    ]
    assert judged.store.read_json(RENDERED, JUDGED)["remarks"] == remarks
    assert rows(judged)[0][3] == "would open a ticket, but the run config has `open_tickets: never`"
    check = check_of(result, "every_flagged_actor_has_a_ticket")
    assert (check.passed, check.description) == (True, "a dry run: nothing was opened for 1 flagged actor")
    (materialized,) = result.asset_materializations_for_node("opened_tickets")
    shown = str(materialized.metadata["rendered"].value)
    for part in ("**Dry run: nothing was opened.**", *remarks, "it would open a ticket · team `SEC`", "| What |"):
        assert part in shown
    assert "+++" not in shown


def test_a_dry_run_that_fails_owes_nothing_and_one_after_a_failure_settles_nothing(
    judged: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        patched.setenv("LINEAR_API_KEY", "lin_api_revoked")
        assert "1 flagged actors could not be rendered. First: LINEAR_API_KEY was" in dagster_failure_of(again(judged))
    assert rows(judged) == [("dry_run", None, None, None)]
    judged.sandbox.faults.add(Fault("linear", "issueCreate", "forbidden"))
    assert "got no ticket" in dagster_failure_of(again(judged, dry_run=False))
    assert again(judged).success
    assert rows(judged)[0][0] == "failed"
    judged.clock.sleep((DAY * 10).total_seconds())
    assert again(judged, dry_run=False).success
    assert len(judged.tickets()) == 1, "it was due in time"


def test_an_hour_without_a_flagged_actor_and_one_that_was_not_judged_are_shown_as_such(pipeline: Pipeline) -> None:
    assert pipeline.run(JUDGED).success
    assert "No actor was flagged." in preview(key_of(JUDGED))
    for name, why in {
        key_of(JUDGED - HOUR): r"has no flagged actors of 2026-11-22-08:00: materialise `flagged_actors`",
        "2026-11-22-09:30": r"'2026-11-22-09:30' is not an hour: give one \(UTC\) such as 2026-11-22-09:00",
        "2026-11": "'2026-11' is not an hour",
    }.items():
        with pytest.raises(Exception, match=why):
            preview(name)
