"""`audit-assets backtest --from … --to …`: over what the sandbox's Axiom holds, over real sockets."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from typer.testing import CliRunner

from audit_assets.axiom.events import events_from
from audit_assets.cli.main import app, main
from audit_assets.cloudflare.actor_keys import with_owners
from audit_assets.cloudflare.entries import normalize_entries
from audit_assets.config.errors import AuditAssetsError
from audit_assets.config.settings_table import SETTINGS
from audit_assets.detection.verdict_marks import VERDICTS
from audit_assets.reports.backtest_input import parse_span, read_axiom
from audit_assets.sandbox.organisation.organisation_activity import generate_activity
from audit_assets.sandbox.server import Sandbox, serve_sandbox
from audit_assets_tests.axiom.made_entries import client_of, entries
from audit_assets_tests.support import JumpingClock

UNTIL = datetime(2026, 11, 20, 15, tzinfo=UTC)
SINCE = datetime(2026, 11, 18, 6, tzinfo=UTC)
DAYS = 12
SPAN = ("--from", "2026-11-18T06", "--to", "2026-11-21")
NAMESAKES = ("a" * 32, "b" * 32)
SAM = "sam@example.com"


def changes_of_an_organisation() -> pl.DataFrame:
    """Twelve days of the invented organisation with its incidents, and two actors of one name."""
    life = generate_activity(7, UNTIL, DAYS)
    of_streams = [normalize_entries(raw, stream, "a" * 32)[0] for raw, stream in ((life.v2, "v2"), (life.v1, "v1"))]
    twins = [entries(40, UNTIL - timedelta(hours=4), actor_key=key, actor=SAM) for key in NAMESAKES]
    return pl.concat([*of_streams, *twins]).filter("is_change")


@pytest.fixture(scope="module")
def changes() -> pl.DataFrame:
    return changes_of_an_organisation()


@pytest.fixture(scope="module")
def filled(changes: pl.DataFrame, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    """A sandbox whose Axiom holds them."""
    with serve_sandbox(Sandbox(tmp_path_factory.mktemp("sandbox"))) as served:
        with client_of(served, JumpingClock(served.shared.clock)) as axiom:
            axiom.ingest(events_from(changes))
            assert axiom.prove(changes.select("entry_id", "time")).missing == 0
        yield served


@pytest.fixture(autouse=True)
def somewhere_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No settings, and no .env, but those of the test."""
    monkeypatch.chdir(tmp_path)
    for name in SETTINGS:
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def connected(filled: Sandbox, tmp_path: Path) -> Sandbox:
    """The settings are in the .env that the command reads, as the doctor does."""
    settings = filled.axiom.environment(filled.url)
    (tmp_path / ".env").write_text("".join(f"{name}={value}\n" for name, value in settings.items()))
    filled.shared.calls.clear()
    return filled


def summary(*arguments: str) -> dict[str, Any]:
    done = CliRunner().invoke(app, ["backtest", *arguments, "--json"])
    assert done.exit_code == 0, done.exception
    return json.loads(done.stdout)


def refused(*arguments: str) -> str:
    """The one sentence of a command that failed."""
    error = CliRunner().invoke(app, ["backtest", *arguments]).exception
    assert isinstance(error, AuditAssetsError), error
    assert "\n" not in str(error)
    return str(error)


@pytest.mark.parametrize("rule", ["calibrated", "plain"])
@pytest.mark.usefixtures("connected")
def test_axiom_and_a_file_of_the_same_changes_give_the_same_scores(
    changes: pl.DataFrame, tmp_path: Path, rule: str
) -> None:
    identities = {"account": "account_id", "person": "actor_id", "email": "actor_email", "token": "token_id"}
    owned = with_owners(changes.select("time", "actor_key", **identities))
    events = changes.select("time", "actor_type", "resource_type", actor="actor_key", action="change_kind")
    events = events.with_columns(owner=owned["owner_key"])
    events.write_parquet(tmp_path / "events.parquet")
    summary(*SPAN, "--rule", rule, "--out", "of_axiom.parquet")
    summary("events.parquet", "--rule", rule, "--out", "of_file.parquet")
    of_axiom, of_file = (pl.read_parquet(tmp_path / f"of_{each}.parquet") for each in ("axiom", "file"))
    assert of_axiom["hour"].min() >= SINCE  # type: ignore[operator]
    assert of_axiom.drop("actor").equals(of_file.filter(pl.col("hour") >= SINCE).drop("actor"))
    assert of_axiom["flagged"].sum() > 0


@pytest.mark.usefixtures("connected")
def test_the_incidents_are_among_the_tickets_under_the_names_of_the_actors() -> None:
    printed = summary(*SPAN, "--tickets-per-day", "2", "--chart", "page.html", "--out", "scores.parquet")
    tickets = {(ticket["hour"][:13], ticket["actor"]) for ticket in printed["tickets"]}
    assert ("2026-11-20T13", 'token "github-actions-deploy" of ci-deploy@harbourline.example') in tickets
    hers = pl.read_parquet("scores.parquet").filter(pl.col("actor") == "ursula.falk@harbourline.example")
    first_token = hers.filter(pl.col("new_resource_types").list.contains("api_token"))
    assert f"{first_token['hour'][0]:%Y-%m-%dT%H}" == "2026-11-20T11"
    assert (printed["from"], printed["to"]) == ("2026-11-18T06:00:00+00:00", "2026-11-21T00:00:00+00:00")
    assert printed["tickets_per_day"]["realised"] == round(len(printed["tickets"]) / 2.75, 3)
    assert all(ticket["hour"] >= "2026-11-18T06" for ticket in printed["tickets"])
    assert "ursula.falk@harbourline.example" in Path("page.html").read_text()


@pytest.mark.usefixtures("connected")
def test_two_actors_of_one_name_stay_two(tmp_path: Path) -> None:
    summary(*SPAN, "--out", "scores.parquet")
    namesakes = pl.read_parquet(tmp_path / "scores.parquet").filter(pl.col("actor_key").is_in(NAMESAKES))
    assert sorted(namesakes.select("actor_key", "actor", "changes").rows()) == [
        (key, f"{SAM} ({key[:8]})", 40) for key in NAMESAKES
    ]


@pytest.mark.usefixtures("connected")
def test_the_policy_names_a_person_by_the_address_though_another_is_called_so_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "policy.toml").write_text(f'[[allow]]\nactor = "{SAM}"\nuntil = 2099-01-01\nreason = "SEC-9"')
    monkeypatch.setenv("AUDIT_ASSETS_POLICY", str(tmp_path / "policy.toml"))
    monkeypatch.setenv("AUDIT_ASSETS_VOLUME_RATIO", "2")
    printed = summary(*SPAN, "--rule", "plain")
    assert [each["actor"] for each in printed["allowed"]] == [f"{SAM} ({key[:8]})" for key in NAMESAKES]
    assert not {ticket["actor_key"] for ticket in printed["tickets"]} & set(NAMESAKES)


def test_only_questions_are_put_to_axiom_and_to_nobody_else(connected: Sandbox) -> None:
    assert CliRunner().invoke(app, ["backtest", *SPAN]).exit_code == 0
    assert set(connected.shared.call_counts()) == {("axiom", "query")}


def test_history_from_before_the_span_decides_and_is_read_as_far_as_the_scores_need(
    sandbox: Sandbox, clock: JumpingClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A change 316 days before --from is known, one of an hour earlier is not."""
    since = datetime(2026, 11, 1, tzinfo=UTC)
    for name, value in sandbox.environment().items():
        monkeypatch.setenv(name, value)
    reach = timedelta(days=316)
    held = [entries(1, at) for at in (since - reach - timedelta(hours=1), since - reach, since, UNTIL)]
    with client_of(sandbox, clock) as axiom:
        axiom.ingest(events_from(pl.concat(held)))
        axiom.prove(pl.concat(held).select("entry_id", "time"))
        until = since + timedelta(days=1)
        data = read_axiom(axiom, since, until, now=clock.now(), verdicts=VERDICTS.to_frame())
    assert data.activity["hour"].sort().to_list() == [since - reach, since]
    assert (data.since, data.until) == (since, until)


@pytest.mark.usefixtures("connected")
def test_days_of_which_nothing_can_be_known_do_not_count(changes: pl.DataFrame) -> None:
    printed = summary("--from", "2026-05-01", "--to", "2126-01-01")
    first = changes["time"].dt.truncate("1h").min()
    assert isinstance(first, datetime)
    assert printed["from"] == printed["first_hour"] == first.isoformat()
    assert datetime.fromisoformat(printed["to"]) <= datetime.now(UTC)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (
            ["events.parquet", *SPAN],
            "Name either a file of EVENTS, or both --from and --to to read from Axiom.",
        ),
        (
            ["events.parquet", *SPAN[:2]],
            "Name either a file of EVENTS, or both --from and --to to read from Axiom.",
        ),
        (SPAN[:2], "Name either a file of EVENTS, or both --from and --to to read from Axiom."),
        (SPAN[2:], "Name either a file of EVENTS, or both --from and --to to read from Axiom."),
        (
            ["--from", "2026-11-02", "--to", "2026-11-01"],
            "--to 2026-11-01 is not after --from 2026-11-02: name a later day or hour.",
        ),
        (
            ["--from", "2026-11-02", "--to", "2026-11-02T00"],
            "--to 2026-11-02T00 is not after --from 2026-11-02: name a later day or hour.",
        ),
        (
            ["--from", "yesterday", "--to", "2026-11-01"],
            "--from is 'yesterday': give a day or a full hour (UTC) such as 2026-10-01 or 2026-10-01T05.",
        ),
        (
            ["--from", "2026-10-01", "--to", "2026-11-01T05:30"],
            "--to is '2026-11-01T05:30': give a day or a full hour (UTC) such as 2026-10-01 or 2026-10-01T05.",
        ),
        (
            ["--from", "0001-01-01", "--to", "2026-11-01"],
            "--from is '0001-01-01': give a day or a full hour (UTC) such as 2026-10-01 or 2026-10-01T05.",
        ),
    ],
)
def test_an_invalid_span_is_reported_in_one_sentence(arguments: list[str], sentence: str) -> None:
    assert refused(*arguments) == sentence


@pytest.mark.parametrize(
    ("text", "hour"),
    [
        ("2026-10-01", "2026-10-01T00"),
        ("2026-10-01T05", "2026-10-01T05"),
        ("2026-10-01-05:00", "2026-10-01T05"),
        ("2026-10-01 05:00Z", "2026-10-01T05"),
        ("2026-10-01T05:00+02:00", "2026-10-01T03"),
    ],
)
def test_an_hour_is_written_as_iso_or_as_dagster_names_it(text: str, hour: str) -> None:
    since, _ = parse_span(text, "2027-01-01")
    assert f"{since:%Y-%m-%dT%H}" == hour


def test_missing_settings_are_named() -> None:
    assert (
        refused(*SPAN) == "AXIOM_TOKEN is not set: set it to the API token that may ingest into and query the dataset."
    )


@pytest.mark.usefixtures("connected")
def test_a_span_without_changes_is_one_sentence() -> None:
    assert refused("--from", "2026-11-21", "--to", "2026-11-22") == (
        "Axiom dataset 'cloudflare-audit' holds no change from 2026-11-21 00:00 to 2026-11-22 00:00 UTC: "
        "name a span that it holds (`audit-assets doctor` shows how far back that is)."
    )


@pytest.mark.usefixtures("connected")
def test_a_dataset_that_does_not_exist_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AXIOM_DATASET", "no-such-dataset")
    assert "no-such-dataset" in refused(*SPAN)


def test_the_command_ends_with_exit_code_1_and_the_sentence(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.argv", ["audit-assets", "backtest", *SPAN[:2]])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 1
    assert "audit-assets: Name either a file of EVENTS" in " ".join(capsys.readouterr().err.split())
