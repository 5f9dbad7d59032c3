"""A `.env` in the current folder decides nothing about a secret that it does not hold, and paths are its folder's."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from audit_assets.cli import dev_checks, dev_command
from audit_assets.cli.main import app
from audit_assets.config.env_file import load_env_file
from audit_assets.config.errors import SettingError
from audit_assets.config.settings import environment_value, paths, setting
from audit_assets.config.settings_table import SETTINGS
from audit_assets.notify.apprise_channel import send_messages
from audit_assets_tests.support import free_port

SECRET = "canary-0123456789"


@pytest.fixture(autouse=True)
def somewhere_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No settings, and no .env, but those of the test."""
    monkeypatch.chdir(tmp_path)
    for name in SETTINGS:
        monkeypatch.delenv(name, raising=False)


def write(*lines: str) -> None:
    """The `.env`, loaded as a command does."""
    Path(".env").write_text("\n".join(lines))
    load_env_file()


@pytest.mark.parametrize(
    ("address", "secret"),
    [
        ("CLOUDFLARE_API_URL", "CLOUDFLARE_API_TOKEN"),
        ("AXIOM_URL", "AXIOM_TOKEN"),
        ("AXIOM_FINDINGS_DATASET", "AXIOM_TOKEN"),
        ("LINEAR_API_URL", "LINEAR_API_KEY"),
        ("AUDIT_ASSETS_TRIAGE_URL", "AUDIT_ASSETS_TRIAGE_API_KEY"),
        ("AUDIT_ASSETS_TRIAGE_URL", "CLOUDFLARE_API_TOKEN"),
        ("AUDIT_ASSETS_WEBHOOK_URL", "CLOUDFLARE_API_TOKEN"),
        ("AUDIT_ASSETS_WEBHOOK_URL", "AXIOM_TOKEN"),
    ],
)
def test_a_file_does_not_redirect_a_secret_of_the_environment(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, address: str, secret: str
) -> None:
    monkeypatch.setenv(secret, SECRET)
    write(f"{address}=https://evil.example")
    with pytest.raises(SettingError) as error:
        setting(address)
    assert str(error.value) == (
        f"{address} comes from {tmp_path / '.env'}, but {secret} from the environment, and who writes that file must "
        "not decide where it goes: set both in the environment, or both in the file."
    )


def test_a_file_may_set_an_address_and_its_secret() -> None:
    write("CLOUDFLARE_API_URL=https://api.example", f"CLOUDFLARE_API_TOKEN={SECRET}")
    assert setting("CLOUDFLARE_API_URL") == "https://api.example"


def test_an_address_of_the_environment_is_not_the_files(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLOUDFLARE_API_TOKEN", SECRET)
    monkeypatch.setenv("CLOUDFLARE_API_URL", "https://api.example")
    write("CLOUDFLARE_API_URL=https://evil.example")
    assert setting("CLOUDFLARE_API_URL") == "https://api.example"


def test_an_address_that_dagster_took_from_a_file_over_the_environments_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("LINEAR_API_KEY", SECRET)
    Path(".env").write_text("LINEAR_API_URL=https://evil.example")
    monkeypatch.setenv("LINEAR_API_URL", "https://evil.example")  # as Dagster does
    with pytest.raises(SettingError, match=r"LINEAR_API_URL comes from .*but LINEAR_API_KEY from the environment"):
        setting("LINEAR_API_URL")


def test_a_file_does_not_send_findings_to_a_channel_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLOUDFLARE_API_TOKEN", SECRET)
    write("AUDIT_ASSETS_CHANNEL_CHAT=json://evil.example")
    problem = send_messages("chat", []).problem or ""
    assert "AUDIT_ASSETS_CHANNEL_CHAT comes from" in problem
    assert "but CLOUDFLARE_API_TOKEN from the environment" in problem


@pytest.mark.parametrize("name", ["AUDIT_ASSETS_DAGSTER_URL", "LINEAR_LABEL"])
def test_a_file_does_not_copy_a_secret_of_the_environment_into_a_text(
    monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv("AXIOM_TOKEN", SECRET)
    write(f"{name}=https://evil.example/${{AXIOM_TOKEN}}")
    with pytest.raises(SettingError, match=f"^{name} comes from .*but AXIOM_TOKEN from the environment") as error:
        environment_value(name)
    assert SECRET not in str(error.value)


def test_dev_starts_nothing_with_a_redirected_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dev_command, "run_until_exit", lambda *_: pytest.fail("it was started"))
    monkeypatch.setenv("AXIOM_TOKEN", SECRET)
    write("AXIOM_URL=https://evil.example")
    result = CliRunner().invoke(app, ["dev"])
    assert isinstance(result.exception, SettingError)


def test_doctor_shows_where_each_setting_comes_from_and_the_value_of_none(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("AUDIT_ASSETS_WEBHOOK_URL", f"https://hooks.example/{SECRET}")
    write("LINEAR_LABEL=audit", f"AUDIT_ASSETS_CHANNEL_CHAT=json://{SECRET}")
    shown = CliRunner().invoke(app, ["doctor"], env={"COLUMNS": "250"}).output
    text = "".join(shown.split())  # a long path is broken over lines
    assert "fromtheenvironment:AUDIT_ASSETS_WEBHOOK_URL" in text
    assert f"from{tmp_path / '.env'}:LINEAR_LABEL,AUDIT_ASSETS_CHANNEL_CHAT" in text
    assert SECRET not in text


def test_a_path_means_the_same_wherever_a_process_runs(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    write("AUDIT_ASSETS_TRIAGE_PROMPT=prompt.md", "AUDIT_ASSETS_WATCH=~/watch.toml", "AUDIT_ASSETS_POLICY=/etc/p.toml")
    monkeypatch.setenv("AUDIT_ASSETS_STORAGE", "s3://bucket/hours")
    assert paths() == {
        "AUDIT_ASSETS_STORAGE": "s3://bucket/hours",
        "AUDIT_ASSETS_POLICY": "/etc/p.toml",
        "AUDIT_ASSETS_WATCH": str(tmp_path / "home" / "watch.toml"),
        "AUDIT_ASSETS_TRIAGE_PROMPT": str(tmp_path / "prompt.md"),
    }
    started: list[dict[str, str]] = []
    for path in ("check_store", "setting_problems"):
        monkeypatch.setattr(dev_checks, path, lambda *_: [])
    monkeypatch.setattr(dev_command, "run_until_exit", lambda _command, given, _home: started.append(given) or 0)
    assert CliRunner().invoke(app, ["dev", "--port", free_port()]).exit_code == 0
    assert paths().items() <= started[0].items()
