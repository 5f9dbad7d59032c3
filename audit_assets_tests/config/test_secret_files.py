"""A secret can be in a file: `S_FILE` names it, and each way to get that wrong is one sentence without the secret."""

import os
from pathlib import Path

import pytest

from audit_assets.config import settings
from audit_assets.config.env_file import load_env_file
from audit_assets.config.errors import SettingError
from audit_assets.config.policy_tables import Channel
from audit_assets.config.secret_files import LARGEST
from audit_assets.config.settings import check_sources, environment_value, is_set, paths, setting, sources
from audit_assets.config.settings_table import SETTINGS
from audit_assets.config.unknown_settings import find_unknown
from audit_assets.notify.apprise_channel import check_channel

SECRET = "canary-0123456789"
SECRETS = [name for name, known in SETTINGS.items() if known.secret]


@pytest.fixture(autouse=True)
def somewhere_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.removesuffix("_FILE") in SETTINGS]:
        monkeypatch.delenv(name)


def secret_file(content: str = f"{SECRET}\n", mode: int = 0o440) -> Path:
    path = Path("secret").absolute()
    path.write_text(content)
    path.chmod(mode)
    return path


@pytest.mark.parametrize("name", [*SECRETS, "AUDIT_ASSETS_CHANNEL_PAGER"])
def test_every_secret_can_be_in_a_file(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(f"{name}_FILE", str(secret_file()))
    assert environment_value(name) == SECRET
    if name in SETTINGS:
        assert (is_set(name), setting(name)) == (True, SECRET)
    assert [*find_unknown(os.environ, ["pager"])] == []
    assert sources() == {"the environment": [f"{name}_FILE"]}


def test_what_is_no_secret_is_in_no_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AXIOM_ORG_ID_FILE", str(secret_file()))
    assert not is_set("AXIOM_ORG_ID")
    assert [found.name for found in find_unknown(os.environ, [])] == ["AXIOM_ORG_ID_FILE"]


@pytest.mark.parametrize(
    ("prepare", "reason"),
    [
        (lambda: Path("secret").mkdir(), "which can't be read: Is a directory. Correct it, or name another file."),
        (lambda: None, "which can't be read: No such file or directory. Correct it, or name another file."),
        (
            lambda: Path("secret").write_bytes(b"\xff\xfe"),
            "which can't be read: it is no text in UTF-8. Correct it, or ",
        ),
        (lambda: secret_file(" \n"), "which is empty: write the secret into it, and nothing else."),
        (lambda: secret_file("a" * (LARGEST + 1)), "which is larger than any secret: write the secret into it, and no"),
        (
            lambda: secret_file(mode=0o444),
            "which every user of this machine may read: take that away, as chmod o= does",
        ),
    ],
)
def test_a_file_that_can_not_be_used_is_one_sentence(monkeypatch: pytest.MonkeyPatch, prepare, reason: str) -> None:
    prepare()
    monkeypatch.setenv("AXIOM_TOKEN_FILE", "secret")
    with pytest.raises(SettingError) as error:
        setting("AXIOM_TOKEN")
    assert str(error.value).startswith(f"AXIOM_TOKEN_FILE names {Path('secret').absolute()}, {reason}")
    assert "canary" not in str(error.value)


def test_a_secret_and_its_file_are_not_both_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LINEAR_API_KEY_FILE", str(secret_file()))
    monkeypatch.setenv("LINEAR_API_KEY", SECRET)
    with pytest.raises(SettingError, match=r"^LINEAR_API_KEY and LINEAR_API_KEY_FILE are both set: unset one of them"):
        setting("LINEAR_API_KEY")


def test_an_env_file_does_not_choose_which_files_are_read(tmp_path: Path) -> None:
    secret_file()
    Path(".env").write_text("CLOUDFLARE_API_TOKEN_FILE=secret\nCLOUDFLARE_API_URL=https://evil.example")
    load_env_file()
    with pytest.raises(SettingError, match=rf"^CLOUDFLARE_API_TOKEN_FILE comes from {tmp_path / '.env'}, and who"):
        setting("CLOUDFLARE_API_TOKEN")
    with pytest.raises(SettingError, match=r"^CLOUDFLARE_API_(TOKEN_FILE|URL) comes from"):
        check_sources()


@pytest.mark.parametrize("name", ["CLOUDFLARE_API_URL", "AUDIT_ASSETS_WEBHOOK_URL", "AUDIT_ASSETS_CHANNEL_CHAT"])
def test_an_env_file_does_not_redirect_a_secret_from_a_file_of_the_environment(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str
) -> None:
    monkeypatch.setenv("CLOUDFLARE_API_TOKEN_FILE", str(secret_file()))
    Path(".env").write_text(f"{name}=https://evil.example")
    load_env_file()
    with pytest.raises(SettingError) as error:
        environment_value(name)
    assert str(error.value).startswith(
        f"{name} comes from {tmp_path / '.env'}, but CLOUDFLARE_API_TOKEN_FILE from the environment, and who writes"
    )


def test_a_relative_file_is_the_same_for_a_process_that_runs_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    path = secret_file()
    monkeypatch.setenv("AXIOM_TOKEN_FILE", "secret")
    monkeypatch.setenv("AUDIT_ASSETS_STORAGE", "s3://bucket/hours")
    assert paths() == {"AUDIT_ASSETS_STORAGE": "s3://bucket/hours", "AXIOM_TOKEN_FILE": str(path)}
    assert settings.secrets_from_files() == [SECRET]


def test_a_channel_uses_the_address_in_its_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AUDIT_ASSETS_CHANNEL_CHAT_FILE", str(secret_file("json://127.0.0.1:9/hook")))
    assert check_channel("chat") == "JSON"


def test_no_channel_is_called_as_a_file_is() -> None:
    with pytest.raises(ValueError, match="does not end in _file"):
        Channel("pager_file")
