"""Two accounts in one instance: each has its own hours and tickets, whatever becomes of the other."""

import json
from datetime import UTC, datetime, timedelta

import dagster as dg
import pytest
from typer.testing import CliRunner

from audit_assets.cli.main import app
from audit_assets.defs.account_keys import EVERY_HOUR_CHECK
from audit_assets.defs.automation.failure_reasons import find_failure_reasons
from audit_assets.defs.automation.ledger import is_of_account
from audit_assets.defs.resources import RunInputsResource
from audit_assets_tests.accounts.two_accounts import LAB, PROD, TwoAccounts
from audit_assets_tests.pipeline import problems_of, v2_burst

JUDGED = datetime(2026, 11, 22, 9, tzinfo=UTC)
DAY = timedelta(days=1)
ALICE = "alice@example.com"
KEY = "2026-11-22-09:00"


def with_a_flagged_actor(two: TwoAccounts, key: str) -> None:
    two.remember(key, [entry for day in range(1, 15) for entry in v2_burst(JUDGED - DAY * day, 3, actor=ALICE)])
    two.of[key].add("v2", v2_burst(JUDGED, 60, actor=ALICE))


def requested(made: dg.SensorResult) -> set[tuple[str | None, str | None]]:
    """The jobs and hours of the runs that a sensor requests."""
    return {(request.job_name, request.partition_key) for request in made.run_requests or []}


def complaints(made: dg.SensorResult) -> dict[str, str | None]:
    """What the check of all hours found, by its asset."""
    found = [event for event in made.asset_events if isinstance(event, dg.AssetCheckEvaluation)]
    return {
        each.asset_key.to_user_string(): each.description for each in found if each.check_name == EVERY_HOUR_CHECK[1]
    }


def test_one_account_goes_on_while_the_others_token_is_refused(two: TwoAccounts) -> None:
    for key in (PROD, LAB):
        with_a_flagged_actor(two, key)
    two.of[LAB].behaviour.token_revoked = True
    refused, judged = two.run(LAB, JUDGED), two.run(PROD, JUDGED)
    assert judged.success, problems_of(judged)
    assert "does not let this token read the audit log of account" in problems_of(refused)[0]
    assert "give CLOUDFLARE_API_TOKEN_LAB the permission" in problems_of(refused)[0]

    (ticket,) = two.sandbox.linear.issues()
    assert ticket["title"].startswith("[Production] ")
    with two.working(PROD) as store:
        summary = store.read_json("flagged_actor_summary", JUDGED)
    assert summary["account"] == {"key": PROD, "name": "Production", "id": two.of[PROD].account_id}

    of_prod, of_lab = two.tick(PROD), two.tick(LAB)
    assert {job for job, _ in requested(of_lab)} <= {"lab_hourly_audit", "lab_history"}
    assert {job for job, _ in requested(of_prod)} <= {"prod_hourly_audit", "prod_history"}
    assert ("prod_hourly_audit", KEY) not in requested(of_prod), "it is done"
    assert [*complaints(of_lab)] == ["lab/flagged_actor_summary"]
    assert "no hour was judged yet" in (complaints(of_lab)["lab/flagged_actor_summary"] or "")
    assert "no hour was judged yet" not in (complaints(of_prod)["prod/flagged_actor_summary"] or "")

    with two.working(LAB):
        (reason,) = find_failure_reasons(two.instance, {JUDGED}, two.clock.now())
        assert reason.kind == "refused raw_audit_entries"
        assert [is_of_account(run) for run in two.instance.get_runs()] == [False, True]
    with two.working(PROD):
        assert find_failure_reasons(two.instance, {JUDGED}, two.clock.now()) == []

    shown = CliRunner().invoke(app, ["summary", "2026-11-22"])
    assert shown.exit_code == 1
    assert "Production: 1 ticket, 2026-11-22" in shown.stdout
    assert "Laboratory: No hour of 2026-11-22 has a summary" in shown.stderr


def test_the_doctor_shows_every_account(two: TwoAccounts, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(two.file.parent)
    two.of[LAB].behaviour.token_revoked = True
    found = CliRunner().invoke(app, ["doctor", "--json"])
    by_account = {key: each["checks"] for key, each in json.loads(found.stdout)["accounts"].items()}
    problems = {
        key: [each["text"] for each in checks if each["subject"] == "cloudflare" and each["status"] == "problem"]
        for key, checks in by_account.items()
    }
    assert found.exit_code == 1
    assert problems[PROD] == []
    assert two.of[LAB].account_id in problems[LAB][0]
    one = json.loads(CliRunner().invoke(app, ["doctor", "--json", "--account", PROD]).stdout)
    assert "accounts" not in one


def test_a_sensor_of_an_account_with_a_wrong_setting_fails_alone(two: TwoAccounts) -> None:
    two.write_file({LAB: {"id": "no id"}})
    assert requested(two.tick(PROD))
    with pytest.raises(dg.Failure, match="account 'lab': id is not 32 hex digits"):
        two.tick(LAB)


def test_what_a_run_loaded_for_one_account_is_not_taken_for_another(two: TwoAccounts) -> None:
    inputs = RunInputsResource()
    roots = []
    for key in (PROD, LAB, PROD):
        with two.working(key):
            loaded = inputs.of_run("a run of the assets of both")
            roots.append((loaded.account_id, loaded.store.root.name))
    assert roots == [(two.of[key].account_id, key) for key in (PROD, LAB, PROD)]
