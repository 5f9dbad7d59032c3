"""The doctor checks each service by a harmless call and shows the next step."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import polars as pl
import pytest
from typer.testing import CliRunner

from audit_assets.cli.main import app
from audit_assets.config.settings_table import SETTINGS
from audit_assets.sandbox.fault_plan import Fault
from audit_assets.sandbox.server import Sandbox
from audit_assets.storage.hour_store import HourStore
from audit_assets.storage.hours import key_of
from audit_assets.storage.pull_history import newest_settled_hour
from audit_assets.tickets.verdict_table import TABLE, TICKET_VERDICTS
from audit_assets_tests.pipeline import DAY, HOUR, environment_of, remember, v2_burst
from audit_assets_tests.support import JumpingClock

runner = CliRunner()

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)


@pytest.fixture(autouse=True)
def somewhere_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No settings, and no .env, but those of the test."""
    monkeypatch.chdir(tmp_path)
    for name in (*SETTINGS, "DAGSTER_HOME"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def connected(sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Sandbox:
    for name, value in environment_of(sandbox, tmp_path / "hours").items():
        monkeypatch.setenv(name, value)
    return sandbox


def doctor() -> tuple[int, str]:
    result = runner.invoke(app, ["doctor"], env={"COLUMNS": "250"})
    return result.exit_code, " ".join(result.output.split())


def test_without_any_setting_each_is_named_with_what_to_set_it_to() -> None:
    code, text = doctor()
    assert code == 1
    for name in ("CLOUDFLARE_API_TOKEN", "CLOUDFLARE_ACCOUNT_ID", "AXIOM_TOKEN", "LINEAR_API_KEY", "LINEAR_TEAM_KEY"):
        assert f"problem {name} is not set → Set it to the " in text


def test_a_dry_run_that_is_always_on_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LINEAR_DRY_RUN", "1")
    assert "advice LINEAR_DRY_RUN is set: every run renders its tickets and opens none → Unset it" in doctor()[1]


def test_settings_are_read_from_the_env_file(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("CLOUDFLARE_STREAMS=v7\nCLOUDFLARE_API_TOKEN=t\nCLOUDFLARE_ACCOUNT_ID=" + "0" * 32)
    assert "CLOUDFLARE_STREAMS is 'v7'" in doctor()[1]


def test_how_late_entries_came_is_reported(connected: Sandbox, tmp_path: Path) -> None:
    store = HourStore(str(tmp_path / "hours"))
    hour = newest_settled_hour(connected.shared.clock.now()) - DAY * 3
    minutes = {15: 1_200, 64: 3, 24 * 60 + 4: 1}
    pulls = [
        {"began": (hour + HOUR + timedelta(minutes=after)).isoformat(), "added": added, "no_longer_listed": 0}
        for after, added in minutes.items()
    ]
    store.write("raw_audit_entries", hour, pl.DataFrame({"entry_id": ["a"]}), {"pulls": pulls})
    assert (
        "ok 1 hour of the last 30 days stored; entries by the pull that found them: 1,200 the hour's first, "
        "3 1 h after its end, 0 6 h after its end, 1 24 h after its end, 0 72 h after its end"
    ) in doctor()[1]


@pytest.mark.usefixtures("connected")
def test_all_is_well_for_a_new_user_who_learns_the_next_step() -> None:
    code, text = doctor()
    assert code == 0
    assert "Cloudflare ok the audit log can be read: v2 and v1" in text
    assert "Linear ok tickets go to team Security (SEC)" in text
    assert "Health advice no hour was pulled yet → Once nothing is in the way: `audit-assets start` loads" in text


def test_a_dataset_that_holds_other_events_than_were_pulled_is_a_problem(connected: Sandbox, tmp_path: Path) -> None:
    hour = newest_settled_hour(datetime.now(UTC)) - DAY
    remember(HourStore(str(tmp_path / "hours")), v2_burst(hour, 3), JumpingClock(connected.shared.clock))
    assert "than were pulled" not in doctor()[1]
    known = connected.axiom.environment(connected.url)
    httpx.post(
        f"{connected.url}/v1/datasets/cloudflare-audit/ingest",
        headers={"Authorization": f"Bearer {known['AXIOM_TOKEN']}"},
        json=[{"_time": hour.isoformat(), "entry_id": "f" * 64, "actor_key": "f" * 32}],
    ).raise_for_status()
    connected.shared.clock.advance(timedelta(seconds=60))
    code, text = doctor()
    assert code == 1
    sentence = f"holds 1 event more than were pulled, in 1 hour: {key_of(hour)}. Run the job `history` for these hours;"
    assert f"problem Axiom dataset 'cloudflare-audit' {sentence}" in text


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("CLOUDFLARE_API_TOKEN", "canary", "Account Settings Read"),
        ("AXIOM_TOKEN", "xaat-canary", "AXIOM_TOKEN"),
        ("AXIOM_DATASET", "no-such-dataset", "no-such-dataset"),
        ("LINEAR_API_KEY", "lin_api_canary", "LINEAR_API_KEY"),
        ("LINEAR_TEAM_KEY", "NOPE", "NOPE"),
        ("LINEAR_LABEL", "no-such-label", "no-such-label"),
        ("CLOUDFLARE_API_URL", "http://127.0.0.1:9", "Cloudflare"),
        ("AXIOM_URL", "http://127.0.0.1:9", "Axiom"),
        ("LINEAR_API_URL", "http://127.0.0.1:9", "Linear"),
        ("AUDIT_ASSETS_STORAGE", "/proc/no-such-folder", "can't be written"),
    ],
)
@pytest.mark.usefixtures("connected")
def test_a_problem_of_one_service_is_reported_and_the_others_are_checked(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, sentence: str
) -> None:
    monkeypatch.setenv(name, value)
    code, text = doctor()
    assert code == 1
    assert text.count(" problem ") == 1
    assert sentence in text[text.index(" problem ") :]
    assert "canary" not in text


def test_a_retention_too_short_for_the_baseline_is_a_problem(connected: Sandbox) -> None:
    connected.axiom.behaviour.retention_days = 30
    code, text = doctor()
    assert code == 1
    assert "problem the dataset keeps 30 days: too few for a baseline of 30" in text


def test_what_axiom_does_not_show_is_reported_as_unknown(connected: Sandbox) -> None:
    for call in ("datasets", "fields"):
        connected.faults.add(Fault("axiom", call, "status", times=9, options={"status": 403}))
    code, text = doctor()
    assert code == 0
    assert "advice this token can't see how long the Axiom dataset keeps its entries → Check in Axiom" in text
    assert "advice this token can't see how many fields the Axiom dataset has → Check in Axiom" in text


def test_fields_that_were_dropped_are_a_problem(connected: Sandbox) -> None:
    known = connected.axiom.environment(connected.url)
    httpx.post(
        f"{connected.url}/v1/datasets/cloudflare-audit/ingest",
        headers={"Authorization": f"Bearer {known['AXIOM_TOKEN']}"},
        json=[{"entry_id": "f" * 64, "stream": "v2"}],
    ).raise_for_status()
    connected.shared.clock.advance(timedelta(seconds=60))
    code, text = doctor()
    assert code == 1
    assert "problem 1 events in the dataset lack fields that they were sent with → Unlock its schema" in text


def test_the_policy_and_its_ended_allowances_are_reported(
    connected: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "ours.toml").write_text('[[allow]]\nactor = "a"\nuntil = 2020-01-31\nreason = "the move"')
    monkeypatch.setenv("AUDIT_ASSETS_POLICY", "ours.toml")
    _, text = doctor()
    assert "Policy ok preset balanced: about 1 ticket a day" in text
    assert "advice 1 of 1 allowance ended, the first: the move → Remove them from the policy file" in text
    assert "advice 1 of 1 allowance of an actor names neither an actor key nor an e-mail address" in text
    monkeypatch.setenv("AUDIT_ASSETS_PRESET", "plain")
    assert "preset plain: alerts from 10 times the usual and 10 changes on, and on every new type" in doctor()[1]
    monkeypatch.setenv("AUDIT_ASSETS_PRESET", "loud")
    code, text = doctor()
    assert code == 1
    assert "problem AUDIT_ASSETS_PRESET is 'loud': set it to plain, balanced or quiet." in text


def test_every_row_of_ticket_fields_is_checked_against_the_workspace(
    connected: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ours = tmp_path / "ours.toml"
    monkeypatch.setenv("AUDIT_ASSETS_POLICY", "ours.toml")
    ours.write_text(
        """
        [[ticket_fields]]
        touching = ["*firewall*"]
        team = "ENG"
        project = "Edge hardening"
        labels = ["bug", "Edge"]
        assignee = "ben@sandbox.invalid"
        [[ticket_fields]]
        severities = ["urgent"]
        project = "Incident response"
        assignee = "Anne Archer"
        """
    )
    code, text = doctor()
    assert code == 0
    assert "ok all names in 2 rows of ticket_fields exist in Linear" in text
    assert (
        "advice [[ticket_fields]] 2, if 1 decides on the team: The project 'Incident response' is not of the team 'ENG'"
    ) in text
    assert text.count("advice [[ticket_fields]]") == 1
    ours.write_text(
        """
        [[ticket_fields]]
        team = "NOPE"
        [[ticket_fields]]
        labels = ["bug", "Improvement"]
        project = "Moon shot"
        assignee = "zoe"
        """
    )
    code, text = doctor()
    assert code == 1
    assert text.count(" problem [[ticket_fields]] ") == 4
    for sentence in (
        "1: Linear shows no team with the key 'NOPE' to this API key: correct `team` in [[ticket_fields]], or let",
        "2: Linear has no label 'bug' for the team 'SEC'",
        "2: Linear shows no project 'Moon shot' to this API key: create it, or correct `project`",
        "2: Linear shows no user 'zoe' to this API key: invite them, or correct `assignee`",
    ):
        assert f"problem [[ticket_fields]] {sentence}" in text
    assert "all names in" not in text


def test_missing_labels_are_advice_and_verdicts_are_counted(connected: Sandbox, tmp_path: Path) -> None:
    assert "does not exist" not in doctor()[1]
    connected.linear.rename_label("confirmed-incident", "incident")
    rows = [
        {"ticket_id": ticket, "actor_key": "bob", "hour": NOON + HOUR * hour, "kind": "volume", "verdict": verdict}
        for ticket, hour, verdict in (("a", 0, "dismissed"), ("a", 1, "dismissed"), ("b", 2, "confirmed"))
    ]
    HourStore(str(tmp_path / "hours")).write(TABLE, None, pl.DataFrame(rows, schema=TICKET_VERDICTS))
    code, text = doctor()
    assert code == 0
    assert (
        "advice the label confirmed-incident, with which people give their verdict on a ticket, does not exist" in text
    )
    assert "→ Create it by hand, for the team SEC or the workspace." in text
    assert "Storage ok verdicts on 2 tickets in Linear: 1 hour of an actor confirmed, 2 dismissed" in text


def test_the_dataset_of_findings_is_checked_if_there_is_one(
    connected: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AXIOM_FINDINGS_DATASET", "audit-findings")
    code, text = doctor()
    assert code == 1
    assert (
        "problem Axiom dataset 'audit-findings' not found with this token: create it, or set AXIOM_FINDINGS_D" in text
    )
    connected.axiom.store.create("audit-findings", "", None, connected.shared.clock.now())
    code, text = doctor()
    assert code == 0
    assert "Axiom ok dataset audit-findings, which gets the findings, can be queried" in text
    monkeypatch.setenv("AXIOM_FINDINGS_DATASET", "cloudflare-audit")
    assert "problem AXIOM_FINDINGS_DATASET is the dataset of the entries" in doctor()[1]


def test_every_channel_is_checked_and_nothing_is_sent(
    connected: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = tmp_path / "ours.toml"
    own.write_text('[[channels]]\nname = "pager"\nseverities = ["urgent"]\n[[channels]]\nname = "chat"\n')
    monkeypatch.setenv("AUDIT_ASSETS_POLICY", str(own))
    monkeypatch.setenv("AUDIT_ASSETS_CHANNEL_PAGER", "json://127.0.0.1:9/canary-path")
    code, text = doctor()
    assert code == 1
    assert "Channels ok channel pager gets findings of severity urgent by JSON; nothing was sent now" in text
    assert "Channels problem channel chat: AUDIT_ASSETS_CHANNEL_CHAT is not set: set it to the apprise address" in text
    monkeypatch.setenv("AUDIT_ASSETS_CHANNEL_CHAT", "chat://canary-path")
    code, text = doctor()
    assert code == 1
    assert "problem channel chat: AUDIT_ASSETS_CHANNEL_CHAT holds no address that apprise knows" in text
    assert "canary" not in text


def test_a_configured_model_is_reported_without_calling_it(connected: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "Triage" not in doctor()[1]
    monkeypatch.setenv("AUDIT_ASSETS_TRIAGE_MODEL", "small-model-1")
    monkeypatch.setenv("AUDIT_ASSETS_TRIAGE_URL", "http://127.0.0.1:1/v1")
    assert "Triage ok the model small-model-1 writes a note on each new ticket; it was not called now" in doctor()[1]
    monkeypatch.setenv("AUDIT_ASSETS_TRIAGE_PROMPT", "nowhere.md")
    code, text = doctor()
    assert code == 1
    path = str(Path("nowhere.md").absolute())
    problem = f"AUDIT_ASSETS_TRIAGE_PROMPT names {path!r}, which can't be read as UTF-8: correct or unset it."
    assert "".join(f"Triage problem {problem}".split()) in "".join(text.split()), "a long path is broken over lines"
