"""A setting that is missing or wrong makes one sentence that names it; none of it is read at import."""

from datetime import UTC, datetime, timedelta

import pytest

from audit_assets.config import settings
from audit_assets.config.errors import SettingError
from audit_assets.config.settings_table import SETTINGS, TEXT

REQUIRED = [name for name, setting in SETTINGS.items() if setting.default is None]


@pytest.mark.parametrize("name", REQUIRED)
@pytest.mark.parametrize("value", [None, "", "   "])
def test_a_required_setting_that_is_missing_or_empty_is_named(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str | None
) -> None:
    monkeypatch.delenv(name, raising=False)
    if value is not None:
        monkeypatch.setenv(name, value)
    with pytest.raises(SettingError, match=f"^{name} is not set: set it to the "):
        settings.setting(name)


def test_a_default_is_taken_when_the_setting_is_empty(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AXIOM_DATASET", "")
    assert settings.setting("AXIOM_DATASET") == "cloudflare-audit"


def test_every_default_is_of_its_settings_type() -> None:
    for name, known in SETTINGS.items():
        if known.default is not None:
            settings.typed(name)


def test_no_secret_is_repeated_in_an_error() -> None:
    for name, known in SETTINGS.items():
        assert not known.secret or known.type is TEXT, f"{name} would be repeated when it is wrong"


@pytest.mark.parametrize("value", ["yesterday", "2026-11-22-10:30", "2026-11-22", "2026-13-01-00:00"])
def test_a_first_hour_that_is_none_is_refused(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("AUDIT_ASSETS_FIRST_HOUR", value)
    with pytest.raises(SettingError, match=r"AUDIT_ASSETS_FIRST_HOUR is .* set it to a full hour such as"):
        settings.first_hour()


@pytest.mark.parametrize("value", ["2026-11-01-05:00", "2026-11-01T05", "2026-11-01 07:00+02:00"])
def test_the_first_hour_is_in_utc(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("AUDIT_ASSETS_FIRST_HOUR", value)
    assert settings.first_hour() == datetime(2026, 11, 1, 5, tzinfo=UTC)


@pytest.mark.parametrize("value", ["../../zones", "0" * 31, "0" * 32 + "?", "G" * 32])
def test_an_account_id_that_could_change_an_address_is_refused(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("CLOUDFLARE_ACCOUNT_ID", value)
    with pytest.raises(SettingError, match="CLOUDFLARE_ACCOUNT_ID is not 32 hex digits"):
        settings.cloudflare_account()


@pytest.mark.parametrize(("value", "streams"), [("v2,v1", ("v2", "v1")), ("V1", ("v1",)), ("v2, v2", ("v2",))])
def test_streams_are_a_list_of_the_two(monkeypatch: pytest.MonkeyPatch, value: str, streams: tuple[str, ...]) -> None:
    monkeypatch.setenv("CLOUDFLARE_STREAMS", value)
    assert settings.cloudflare_streams() == streams


def test_an_unknown_stream_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLOUDFLARE_STREAMS", "v3")
    with pytest.raises(SettingError, match="CLOUDFLARE_STREAMS is 'v3': set it to v2, v1 or v2,v1"):
        settings.cloudflare_streams()


@pytest.mark.parametrize("value", ["dagster.example.com", "javascript://x", "https://", "https://a b", "https://a?q=1"])
def test_an_address_of_dagster_that_is_none_is_refused(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("AUDIT_ASSETS_DAGSTER_URL", value)
    with pytest.raises(SettingError, match=r"AUDIT_ASSETS_DAGSTER_URL is .* set it to an address such as https"):
        settings.dagster_url()


def test_the_address_of_dagster_may_be_unknown_and_may_end_with_a_slash(monkeypatch: pytest.MonkeyPatch) -> None:
    assert settings.dagster_url() is None
    monkeypatch.setenv("AUDIT_ASSETS_DAGSTER_URL", "https://dagster.example.com/audit/")
    assert settings.dagster_url() == "https://dagster.example.com/audit"


@pytest.mark.parametrize("value", ["ten", "0", "-1", "nan", "inf", "1e12"])
def test_a_number_outside_its_bounds_is_refused(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("AUDIT_ASSETS_VOLUME_RATIO", value)
    with pytest.raises(SettingError, match=r"AUDIT_ASSETS_VOLUME_RATIO is .* set it to a number above 0"):
        settings.typed("AUDIT_ASSETS_VOLUME_RATIO")


@pytest.mark.parametrize("value", ["0", "-1", "2.5", "many"])
def test_tickets_an_hour_are_a_whole_number_above_0(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    assert settings.tickets_per_hour() == 20
    monkeypatch.setenv("AUDIT_ASSETS_TICKETS_PER_HOUR", value)
    with pytest.raises(SettingError, match=r"^AUDIT_ASSETS_TICKETS_PER_HOUR is .* set it to a (whole )?number above 0"):
        settings.tickets_per_hour()


def test_how_long_a_dismissed_actor_is_quiet_is_given_in_days(monkeypatch: pytest.MonkeyPatch) -> None:
    assert settings.quiet_time() == timedelta(days=30)
    monkeypatch.setenv("AUDIT_ASSETS_QUIET_DAYS", "0.5")
    assert settings.quiet_time() == timedelta(hours=12)


@pytest.mark.parametrize(
    ("value", "dry"), [("", False), ("0", False), ("off", False), ("1", True), ("True", True), (" on ", True)]
)
def test_a_dry_run_is_yes_or_no(monkeypatch: pytest.MonkeyPatch, value: str, dry: bool) -> None:
    monkeypatch.setenv("LINEAR_DRY_RUN", value)
    assert settings.dry_run() is dry


def test_what_might_be_a_dry_run_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LINEAR_DRY_RUN", "ja")
    with pytest.raises(SettingError, match="LINEAR_DRY_RUN is 'ja': set it to 1 to open no tickets, or to 0"):
        settings.dry_run()


@pytest.mark.parametrize("name", ["AUDIT_ASSETS_POLICY", "AUDIT_ASSETS_STORAGE"])
def test_a_home_that_nobody_has_is_one_sentence(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, "~nobody-has-this-name/x")
    with pytest.raises(SettingError) as error:
        settings.setting(name)
    assert str(error.value) == (
        f"{name} is '~nobody-has-this-name/x', and no such home is known here: write the whole path."
    )
