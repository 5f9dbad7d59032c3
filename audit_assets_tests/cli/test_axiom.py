"""`audit-assets axiom dashboard` writes a dashboard, or uploads it and names where it is."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from audit_assets.cli.main import app
from audit_assets.config.errors import Refused, SettingError, StoreError
from audit_assets.config.settings_table import SETTINGS
from audit_assets.sandbox.server import Sandbox
from audit_assets_tests.pipeline import environment_of

runner = CliRunner()


@pytest.fixture
def connected(sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Sandbox:
    monkeypatch.chdir(tmp_path)
    for name in SETTINGS:
        monkeypatch.delenv(name, raising=False)
    for name, value in environment_of(sandbox, tmp_path / "hours").items():
        monkeypatch.setenv(name, value)
    return sandbox


@pytest.mark.usefixtures("connected")
def test_it_is_written_to_standard_output_or_to_a_file(tmp_path: Path) -> None:
    shown = runner.invoke(app, ["axiom", "dashboard"])
    assert shown.exit_code == 0
    assert runner.invoke(app, ["axiom", "dashboard", "ours.json"]).exit_code == 0
    written = json.loads((tmp_path / "ours.json").read_text())
    assert written == json.loads(shown.stdout)
    assert [chart["id"] for chart in written["charts"]] == [
        "changes_by_kind",
        "changes_by_actor",
        "changes_by_type",
        "lateness",
    ]
    failed = runner.invoke(app, ["axiom", "dashboard", "nowhere/ours.json"])
    assert isinstance(failed.exception, StoreError)


def test_it_is_uploaded_once_and_its_address_is_shown(connected: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AXIOM_FINDINGS_DATASET", "audit-findings")
    shown = runner.invoke(app, ["axiom", "dashboard", "--upload"])
    uid = "audit-assets-cloudflare-audit"
    assert shown.stdout == f"The dashboard is at {connected.url}/sandbox-org/dashboards/{uid}\n"
    charts = connected.axiom.dashboards.get(uid)["dashboard"]["charts"]
    assert "latest_findings" in {chart["id"] for chart in charts}
    again = runner.invoke(app, ["axiom", "dashboard", "--upload"])
    assert isinstance(again.exception, Refused)
    assert runner.invoke(app, ["axiom", "dashboard", "--upload", "--overwrite"]).exit_code == 0


@pytest.mark.usefixtures("connected")
def test_what_does_not_go_together_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    for arguments in (["ours.json", "--upload"], ["--overwrite"]):
        assert runner.invoke(app, ["axiom", "dashboard", *arguments]).exit_code == 2
    monkeypatch.setenv("AXIOM_FINDINGS_DATASET", "cloudflare-audit")
    failed = runner.invoke(app, ["axiom", "dashboard"])
    assert isinstance(failed.exception, SettingError)
