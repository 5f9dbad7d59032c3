"""Each setting is verified for itself, named once, and shown so that it can be read on a narrow terminal."""

import os
import re
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from audit_assets.config.settings_table import SETTINGS
from audit_assets.config.unknown_settings import UnknownVariable, find_unknown
from audit_assets.sandbox.axiom import axiom_service
from audit_assets.sandbox.fault_plan import Fault
from audit_assets.sandbox.server import Sandbox
from audit_assets_tests.cli.doctor_world import doctor_json, doctor_lines, run_doctor, statuses, without_settings
from audit_assets_tests.pipeline import environment_of


@pytest.fixture(autouse=True)
def connected(sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Sandbox:
    without_settings(monkeypatch, tmp_path)
    for name, value in environment_of(sandbox, tmp_path / "hours").items():
        monkeypatch.setenv(name, value)
    return sandbox


# The organisation in Axiom


def test_an_organisation_that_axiom_does_not_show_is_no_claim() -> None:
    code, found = doctor_json()
    assert code == 0
    assert statuses(found)["axiom", "organisation"] == "advice"
    assert "/sandbox-org/query: dataset cloudflare-audit must be there." in run_doctor()[1]


def test_an_organisation_that_axiom_lists_is_verified(connected: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    connected.axiom.behaviour.capabilities.add("organisations")
    assert "Axiom ok the token is of the organisation sandbox-org" in run_doctor()[1]
    monkeypatch.setenv("AXIOM_ORG_ID", "other-org")
    code, text = run_doctor()
    assert code == 1
    sentence = "AXIOM_ORG_ID is 'other-org', and AXIOM_TOKEN is of another organisation: set it to sandbox-org"
    assert f"Axiom problem {sentence}" in text


def test_an_organisation_that_axiom_refuses_is_not_taken_for_a_wrong_token(
    connected: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    connected.axiom.behaviour.refuses_other_organisations = True
    monkeypatch.setenv("AXIOM_ORG_ID", "other-org")
    code, text = run_doctor()
    assert code == 1
    assert "problem Axiom refuses AXIOM_TOKEN for the organisation 'other-org' and takes it without one" in text


@pytest.mark.parametrize("wrong", ["https://app.axiom.co/mine/query", "my org", "mine/query"])
def test_what_can_be_no_organisation_is_refused(monkeypatch: pytest.MonkeyPatch, wrong: str) -> None:
    monkeypatch.setenv("AXIOM_ORG_ID", wrong)
    code, text = run_doctor()
    assert code == 1
    assert f"problem AXIOM_ORG_ID is '{wrong}', which is no id" in text


# Ingest


def test_the_permission_to_ingest_is_found_out_without_an_event(connected: Sandbox) -> None:
    _, found = doctor_json()
    assert statuses(found)["axiom", "ingest_permission"] == "ok"
    with connected.axiom.store.reading("cloudflare-audit", connected.shared.clock.now()) as view:
        assert dict(view.fields).keys() <= {"_time", "_sysTime"}
    connected.axiom.behaviour.capabilities.discard("ingest")
    code, text = run_doctor()
    assert code == 1
    assert "problem Axiom's token lacks the capability ingest (create) on dataset 'cloudflare-audit' → Make an" in text


def test_an_answer_that_does_not_decide_it_leaves_the_permission_unverified(connected: Sandbox) -> None:
    connected.faults.add(Fault("axiom", "ingest", "status", options={"status": 400}))
    code, text = run_doctor()
    assert code == 0
    assert "advice whether the token may ingest into dataset cloudflare-audit is unverified" in text


def test_a_personal_token_is_advised_against(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(axiom_service, "TOKEN", "xapt-canary")
    monkeypatch.setenv("AXIOM_TOKEN", "xapt-canary")
    code, text = run_doctor()
    assert code == 0
    assert "Axiom advice the token is a personal one, which may do all that its owner may → Make an API token" in text
    assert "canary" not in text


# Linear


@pytest.mark.parametrize(
    ("key", "sentence"),
    [
        ("sec", "set LINEAR_TEAM_KEY to 'SEC', spelled as Linear has it."),
        ("NOPE", "set LINEAR_TEAM_KEY to one that it sees, which are ENG (Engineering), SEC (Security), or let"),
    ],
)
def test_a_team_that_is_not_there_is_reported_with_those_that_are(
    monkeypatch: pytest.MonkeyPatch, key: str, sentence: str
) -> None:
    monkeypatch.setenv("LINEAR_TEAM_KEY", key)
    code, text = run_doctor()
    assert code == 1
    assert f"Linear problem Linear shows no team with the key '{key}' to this API key: {sentence}" in text


def test_the_label_of_every_ticket_is_verified(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LINEAR_LABEL", "cloudflare-audit")
    assert "Linear ok every ticket gets the label cloudflare-audit" in run_doctor()[1]


# The webhook


@pytest.fixture
def receiver() -> Iterator[tuple[str, list[bytes]]]:
    """A receiver that notes what it gets."""
    got: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as server:

        def take() -> None:
            while True:
                try:
                    connection, _ = server.accept()
                except OSError:
                    return
                with connection:
                    got.append(connection.recv(1_000))

        threading.Thread(target=take, daemon=True).start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}/canary-path", got
        server.shutdown(socket.SHUT_RDWR)


def test_a_webhook_is_reached_and_nothing_is_sent(
    monkeypatch: pytest.MonkeyPatch, receiver: tuple[str, list[bytes]]
) -> None:
    address, got = receiver
    monkeypatch.setenv("AUDIT_ASSETS_WEBHOOK_URL", address)
    code, text = run_doctor()
    assert code == 0
    assert "Webhook ok the webhook can be reached; nothing was sent, so whether it takes an hour as summary" in text
    assert b"".join(got) == b""
    assert "canary" not in text


@pytest.mark.parametrize(
    ("address", "sentence"),
    [
        ("http://127.0.0.1:9/canary", "The webhook can't be reached: Connection refused."),
        ("http://example.invalid/canary", "The webhook: http://example.invalid would carry the token in clear"),
        ("canary", "The webhook: the address is not valid"),
    ],
)
def test_a_webhook_that_cant_be_reached_is_a_problem(
    monkeypatch: pytest.MonkeyPatch, address: str, sentence: str
) -> None:
    monkeypatch.setenv("AUDIT_ASSETS_WEBHOOK_URL", address)
    code, text = run_doctor()
    assert code == 1
    assert f"Webhook problem {sentence}" in text
    assert "canary" not in text


def test_a_webhook_that_does_not_speak_tls_is_a_problem(
    monkeypatch: pytest.MonkeyPatch, receiver: tuple[str, list[bytes]]
) -> None:
    monkeypatch.setenv("AUDIT_ASSETS_WEBHOOK_URL", receiver[0].replace("http:", "https:"))
    code, text = run_doctor()
    assert code == 1
    assert "Webhook problem The webhook can't be reached: " in text


# Misspelt variables


@pytest.mark.parametrize(
    ("name", "nearest", "is_ours"),
    [
        ("AUDIT_ASSETS_TICKET_PER_DAY", "AUDIT_ASSETS_TICKETS_PER_DAY", True),
        ("AUDIT_ASSETS_POLICIES", "AUDIT_ASSETS_POLICY", True),
        ("audit_assets_storage", "AUDIT_ASSETS_STORAGE", True),
        ("AUDIT_ASSETS_CHANNEL_PAGR", "AUDIT_ASSETS_CHANNEL_PAGER", True),
        ("AUDIT_ASSET_STORAGE", "AUDIT_ASSETS_STORAGE", False),
        ("CLOUDFLARE_APITOKEN", "CLOUDFLARE_API_TOKEN", False),
        ("CLOUDFLARE_ACCOUNT", "CLOUDFLARE_ACCOUNT_ID", False),
        ("AXIOM_ORG", "AXIOM_ORG_ID", False),
        ("LINEAR_TEAM", "LINEAR_TEAM_KEY", False),
        ("LINEAR_TEAM_ID", "LINEAR_TEAM_KEY", False),
    ],
)
def test_a_misspelt_variable_is_named_with_the_nearest_setting(name: str, nearest: str, is_ours: bool) -> None:
    assert [*find_unknown([name], ["pager"])] == [UnknownVariable(name, nearest, is_ours)]


def test_variables_of_other_programs_are_left_alone() -> None:
    others = ["CLOUDFLARE_EMAIL", "CLOUDFLARE_ZONE_ID", "AXIOM_PERSONAL_TOKEN", "LINEAR_WEBHOOK_SECRET", "PATH", "HOME"]
    ours = ["AUDIT_ASSETS_CHANNEL_PAGER", "AUDIT_ASSETS_UI_TOKEN", "AUDIT_ASSETS_TESTS_LINEAR_SCHEMA"]
    assert [*find_unknown([*SETTINGS, *others, *ours], ["pager"])] == []
    assert [*find_unknown(["CLOUDFLARE_API_KEY", "CLOUDFLARE_API_TOKEN"], [])] == [], "the setting is set as well"


def test_misspelt_variables_are_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AXIOM_ORGID", "canary")
    monkeypatch.delenv("AXIOM_ORG_ID")
    monkeypatch.setenv("AUDIT_ASSETS_PRSET", "canary")
    monkeypatch.setenv("AUDIT_ASSETS_QQQ", "canary")
    code, text = run_doctor()
    assert code == 1
    assert (
        "problem AUDIT_ASSETS_PRSET is set, and nothing reads it → If AUDIT_ASSETS_PRESET is meant, rename it." in text
    )
    assert "problem AUDIT_ASSETS_QQQ is set, and nothing reads it → " in text
    assert "advice AXIOM_ORGID is set, and nothing reads it → If AXIOM_ORG_ID is meant, rename it." in text
    assert "canary" not in text


# No setting three times


def problems_naming(text: str, name: str) -> int:
    return len(re.findall(rf"problem [^→]*\b{name}\b", text))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("AUDIT_ASSETS_POLICY", "nowhere.toml"),
        ("AUDIT_ASSETS_PRESET", "loud"),
        ("AUDIT_ASSETS_FIRST_HOUR", "yesterday"),
        ("AUDIT_ASSETS_STORAGE", "/proc/no-such-folder"),
        ("AUDIT_ASSETS_WATCH", "nowhere.toml"),
        ("AUDIT_ASSETS_WEBHOOK_URL", "http://127.0.0.1:9"),
        ("AXIOM_URL", "nonsense"),
        ("CLOUDFLARE_API_URL", "nonsense"),
        ("CLOUDFLARE_ACCOUNT_ID", "x"),
        ("LINEAR_DRY_RUN", "perhaps"),
    ],
)
def test_a_wrong_setting_is_one_problem(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(name, value)
    code, text = run_doctor()
    assert code == 1
    assert text.count(" problem ") == 1
    assert text.count(name) <= 2, "where it comes from, and what is wrong with it"


def test_a_setting_whose_place_may_not_decide_it_is_one_problem(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ".env").write_text(f"AXIOM_URL={os.environ['AXIOM_URL']}")
    (tmp_path / ".env").chmod(0o600)
    monkeypatch.delenv("AXIOM_URL")
    code, text = run_doctor()
    assert code == 1
    assert problems_naming(text, "AXIOM_URL") == text.count(" problem ") == 1
    assert "Axiom advice not checked: what Settings shows comes first" in text


def test_without_any_setting_each_is_named_once(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in SETTINGS:
        monkeypatch.delenv(name, raising=False)
    _, text = run_doctor()
    for name in (name for name, known in SETTINGS.items() if known.default is None):
        assert text.count(name) == 1


# Widths


@pytest.mark.parametrize("columns", [60, 80, 100, 120])
def test_at_every_width_no_column_disappears_and_no_name_breaks_in_two(
    monkeypatch: pytest.MonkeyPatch, columns: int
) -> None:
    monkeypatch.setenv("AUDIT_ASSETS_TICKET_MAX_AGE_HOURS", "70")
    monkeypatch.setenv("AUDIT_ASSETS_TICKETS_PER_HUOR", "7")
    monkeypatch.setenv("LINEAR_TEAM_KEY", "NOPE")
    monkeypatch.delenv("CLOUDFLARE_ACCOUNT_ID")
    _, lines = doctor_lines(columns)
    assert max(map(len, lines)) <= columns
    text = "\n".join(lines)
    named = [
        "AUDIT_ASSETS_TICKET_MAX_AGE_HOURS",
        "AUDIT_ASSETS_TICKETS_PER_HUOR",
        "CLOUDFLARE_ACCOUNT_ID",
        "(Security)",
    ]
    assert [name for name in named if name not in text] == []
    for subject in ("Settings", "Cloudflare", "Health"):
        assert re.search(rf"^{subject} +(ok|advice|problem) ", text, re.MULTILINE)
