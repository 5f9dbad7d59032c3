"""What is called how: without a file of accounts everything as ever, with one each account's own."""

from importlib.resources import files
from pathlib import Path

import dagster as dg
import pytest

from audit_assets.cli.automation_state import automation_that_is_off
from audit_assets.config.accounts import ENVIRONMENT, working_for
from audit_assets.config.accounts_file import FIELDS, OTHERS, all_accounts
from audit_assets.config.errors import SettingError
from audit_assets.config.settings import environment_value, setting
from audit_assets.config.settings_table import BY_ACCOUNT
from audit_assets.defs.build import build_defs

JOBS = {"hourly_audit", "history", "independent_count", "verdicts", "retention"}
SENSORS = {"missing_hours", "ticket_verdicts", "pipeline_watchdog", "failed_runs"}
SCHEDULES = {"every_hour", "every_day", "daily_retention"}
FILE = """
[account.old]
name = "The first"
existing = true
id = "11111111111111111111111111111111"
token = "CLOUDFLARE_API_TOKEN"
dataset = "cloudflare-audit"

[account.eu_west]
id = "22222222222222222222222222222222"
dataset = "cloudflare-audit-eu"
team = "EU"
"""


@pytest.fixture
def several(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file of the account of before and another."""
    file = tmp_path / "accounts.toml"
    file.write_text(FILE)
    monkeypatch.setenv("AUDIT_ASSETS_ACCOUNTS", str(file))
    monkeypatch.setenv("AUDIT_ASSETS_STORAGE", str(tmp_path / "hours"))
    return file


def names_of(definitions: dg.Definitions) -> dict[str, set[str]]:
    repository = definitions.get_repository_def()
    ops = {node.definition.name for job in repository.get_all_jobs() for node in job.graph.nodes}
    pools = {pool for job in repository.get_all_jobs() for node in job.graph.nodes for pool in node.definition.pools}
    return {
        "jobs": {*repository.job_names} - {"__ASSET_JOB"},
        "sensors": {sensor.name for sensor in repository.sensor_defs},
        "schedules": {schedule.name for schedule in repository.schedule_defs},
        "assets": {key.to_user_string() for key in repository.asset_graph.get_all_asset_keys()},
        "ops": {op for op in ops if op.endswith("opened_tickets")},
        "pools": pools,
        "groups": {node.group_name for node in repository.asset_graph.asset_nodes},
    }


def test_one_account_is_called_as_ever(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AUDIT_ASSETS_ACCOUNTS", raising=False)
    monkeypatch.setenv("AUDIT_ASSETS_STORAGE", str(tmp_path / "hours"))
    found = names_of(build_defs())
    assert found.pop("assets") == {
        *("raw_audit_entries", "axiom_ingest", "organisation_history", "actor_baselines", "flagged_actors"),
        *("opened_tickets", "daily_digest", "flagged_actor_summary", "ticket_verdicts"),
    }
    assert found == {
        "jobs": JOBS,
        "sensors": SENSORS,
        "schedules": SCHEDULES,
        "ops": {"opened_tickets"},
        "pools": {"linear_tickets"},
        "groups": {"audit_log"},
    }
    assert all_accounts() == (ENVIRONMENT,)
    with working_for(ENVIRONMENT):
        assert setting("AUDIT_ASSETS_STORAGE") == str(tmp_path / "hours")


def test_the_account_of_before_keeps_its_names_and_another_has_its_own(several: Path) -> None:
    found = names_of(build_defs())
    for kind, names in (("jobs", JOBS), ("sensors", SENSORS), ("schedules", SCHEDULES)):
        assert found[kind] == names | {f"eu_west_{name}" for name in names}
    assert {"raw_audit_entries", "eu_west/raw_audit_entries"} < found["assets"]
    assert found["ops"] == {"opened_tickets", "eu_west__opened_tickets"}
    assert found["pools"] == {"linear_tickets", "eu_west_linear_tickets"}
    assert found["groups"] == {"audit_log", "eu_west_audit_log"}
    hours = several.parent / "hours"
    stores = {}
    for account in all_accounts():
        with working_for(account):
            stores[account.key] = setting("AUDIT_ASSETS_STORAGE")
    assert stores == {"old": str(hours), "eu_west": str(hours / "accounts" / "eu_west")}


def test_who_names_no_account_reads_no_setting_of_any(several: Path) -> None:
    with pytest.raises(SettingError, match=r"AXIOM_DATASET is each account's own.*name one with --account KEY"):
        setting("AXIOM_DATASET")
    assert setting("AUDIT_ASSETS_PRESET") == "balanced"


def test_an_account_never_has_what_is_anothers(several: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLOUDFLARE_API_TOKEN", "of the first")
    monkeypatch.setenv("LINEAR_TEAM_KEY", "SEC")
    monkeypatch.setenv("LINEAR_LABEL", "cloudflare-audit")
    old, eu = all_accounts()
    with working_for(old):
        assert setting("CLOUDFLARE_API_TOKEN") == "of the first"
        assert setting("LINEAR_TEAM_KEY") == "SEC"
    with working_for(eu):
        assert (setting("LINEAR_TEAM_KEY"), setting("LINEAR_LABEL")) == ("EU", "cloudflare-audit")
        with pytest.raises(SettingError, match=r"CLOUDFLARE_API_TOKEN_EU_WEST is not set: .* of account 'eu_west'"):
            setting("CLOUDFLARE_API_TOKEN")


def test_an_env_file_gets_no_accounts_token_that_it_does_not_hold(
    several: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".env").write_text("CLOUDFLARE_API_URL=https://elsewhere.example\n")
    monkeypatch.setenv("CLOUDFLARE_API_URL", "https://elsewhere.example")
    monkeypatch.setenv("CLOUDFLARE_API_TOKEN_EU_WEST", "of the environment")
    with working_for(all_accounts()[1]), pytest.raises(SettingError, match="but CLOUDFLARE_API_TOKEN_EU_WEST from the"):
        environment_value("CLOUDFLARE_API_URL")


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("[account", "is no TOML"),
        ("", "must hold a table .account.KEY. for each account"),
        ("[accounts.one]\nid = 1", "must hold a table .account.KEY. for each account"),
        ('[account."A B"]\nid = "1"', "account 'A B': write its key in small letters"),
        ("account.one = 3", "account 'one' is no table"),
    ],
)
def test_a_file_that_names_no_accounts_is_one_sentence(several: Path, text: str, problem: str) -> None:
    several.write_text(text)
    with pytest.raises(SettingError, match=problem) as raised:
        build_defs()
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("colour = 'red'", "nothing is called 'colour': it may hold name, existing, id"),
        ("streams = ['v2']", "streams is .'v2'.: write a text"),
        ("streams = 'v7'", "streams is 'v7': set it to v2, v1 or v2,v1"),
        ("token = 'LINEAR_API_KEY'", "must begin with CLOUDFLARE_API_TOKEN"),
        ("first_hour = 'yesterday'", "first_hour is 'yesterday': set it to a full hour"),
        ("name = '[x](y)'", "name is .*write at most 40 letters"),
        ("existing = true", "accounts 'old' and 'eu_west' are both `existing`"),
    ],
)
def test_what_is_wrong_with_one_account_is_its_own_problem(several: Path, line: str, problem: str) -> None:
    several.write_text(f"{FILE}{line}\n")
    assert len(names_of(build_defs())["jobs"]) in (len(JOBS), 2 * len(JOBS))
    old, eu = all_accounts()
    with working_for(eu), pytest.raises(SettingError, match=problem):
        setting("AXIOM_DATASET")
    if "existing" not in line:
        with working_for(old):
            assert setting("AXIOM_DATASET") == "cloudflare-audit"


def test_the_example_is_right(monkeypatch: pytest.MonkeyPatch) -> None:
    example = files("audit_assets.config") / "accounts_example.toml"
    monkeypatch.setenv("AUDIT_ASSETS_ACCOUNTS", str(example))
    production, staging = all_accounts()
    assert (production.problem, staging.problem) == ("", "")
    assert (production.prefix, staging.prefix) == ((), ("staging",))


def test_what_an_account_may_have_is_read_for_an_account_alone() -> None:
    assert {field.setting for field in FIELDS.values()} == BY_ACCOUNT


def test_every_field_is_documented() -> None:
    page = (files("audit_assets") / "docs" / "accounts.md").read_text(encoding="utf-8")
    rows = [row.split("|")[1] for row in page.splitlines() if row.startswith("| `")]
    assert {*FIELDS, *OTHERS} <= {name for row in rows for name in row.replace("`", "").replace(",", " ").split()}


def test_what_is_off_is_named_as_it_is_in_dagster(several: Path) -> None:
    with dg.DagsterInstance.local_temp() as instance:
        off = automation_that_is_off(instance)
    assert len(off) == 12
    assert "the sensor eu_west_missing_hours (brings in what is missing)" in off
    assert "the sensor missing_hours (brings in what is missing)" in off
