"""A whole probe: what it prints, writes, remembers and leaves behind; and that runs refuse what it contradicted."""

import json
import os
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from audit_assets.cli.main import app
from audit_assets.cli.probe import command
from audit_assets.cli.probe.assumptions import Assumption
from audit_assets.cli.probe.report import Redaction, redaction_of
from audit_assets.cli.probe.run import ALL, Probe
from audit_assets.sandbox.server import Sandbox
from audit_assets.storage.hour_store import HourStore
from audit_assets_tests.cli.probe.cases import behaves, down
from audit_assets_tests.pipeline import HOUR, Pipeline, dagster_failure_of, v1_entry, v2_burst
from audit_assets_tests.support import JumpingClock


@pytest.fixture
def busy(sandbox: Sandbox) -> Sandbox:
    """An account with forty entries of this afternoon."""
    start = sandbox.shared.clock.now().replace(minute=0, second=0, microsecond=0) - HOUR * 5
    sandbox.cloudflare.add("v2", v2_burst(start, 20) + v2_burst(start, 20, actor="bob@example.com"))
    sandbox.cloudflare.add("v1", [v1_entry(start + timedelta(seconds=each), number=each) for each in range(20)])
    return sandbox


def probe(sandbox: Sandbox) -> dict[str, str]:
    """The answers of a whole probe, by assumption."""
    made = Probe(JumpingClock(sandbox.shared.clock), lambda _: None)
    made.run()
    return {result.id: result.answer for result in made.results}


@pytest.fixture
def doctor(busy: Sandbox, monkeypatch: pytest.MonkeyPatch) -> Any:
    """`audit-assets doctor --probe`, whose waits pass at once."""
    monkeypatch.setattr(command, "SystemClock", lambda: JumpingClock(busy.shared.clock))

    def run() -> tuple[int, str]:
        result = CliRunner().invoke(app, ["doctor", "--probe"], env={"COLUMNS": "250"})
        return result.exit_code, " ".join(result.output.split())

    return run


def test_every_assumption_gets_an_answer_in_its_place(busy: Sandbox) -> None:
    assert list(probe(busy)) == [each.id for each in ALL]
    assert set(probe(busy).values()) == {"confirmed", "contradicted", "unknown"}


def test_it_only_reads_in_cloudflare_sends_one_event_and_archives_one_ticket(busy: Sandbox) -> None:
    probe(busy)
    calls = busy.shared.call_counts()
    assert calls["axiom", "ingest"] == 1
    assert [issue["archivedAt"] is not None for issue in busy.linear.issues()] == [True]
    assert {call for service, call in calls if service == "cloudflare"} == {"v1", "v2", "count"}


def test_it_prints_each_answer_and_what_the_pipeline_does(doctor: Any, busy: Sandbox) -> None:
    behaves("cloudflare", since_inclusive=False)(busy, None)
    code, text = doctor()
    assert code == 0
    assert "Axiom confirmed An event can be seen within 90 seconds (axiom-visible): it was seen after" in text
    assert (
        "Cloudflare contradicted `since` includes an entry of that very time (cloudflare-since-inclusive): an entry at "
        "the very time of `since` was not listed → It asks for five minutes beyond both ends of an hour and cuts by "
        "itself."
    ) in text
    assert "unknown A distinct in the middle of a query" in text
    page = Path("audit-assets-probe.md").read_text()
    assert all(f"### {each.id}\n" in page for each in ALL)
    assert "- The pipeline: It asks for five minutes beyond both ends of an hour and cuts by itself." in page


def test_the_same_is_printed_as_json(doctor: Any, busy: Sandbox) -> None:
    behaves("linear", taken_ids="replaced")(busy, None)
    result = CliRunner().invoke(app, ["doctor", "--probe", "--json"])
    assert result.exit_code == 1
    report = json.loads(result.stdout)
    assert [each["id"] for each in report["assumptions"]] == [each.id for each in ALL]
    (conflict,) = [each for each in report["assumptions"] if each["id"] == "linear-conflict"]
    assert (conflict["answer"], conflict["stops"]) == ("contradicted", True)
    assert conflict["does"] == "It stops until a later probe finds this confirmed"
    assert sum(report["counts"].values()) == len(ALL)


def test_a_contradiction_on_which_correctness_rests_stops_runs_until_it_is_confirmed(
    doctor: Any, busy: Sandbox, tmp_path: Path
) -> None:
    pipeline = Pipeline(busy, JumpingClock(busy.shared.clock), tmp_path / "hours")
    hour = busy.shared.clock.now().replace(minute=0, second=0, microsecond=0) - HOUR * 2
    behaves("axiom", range_start_included=False)(busy, None)
    code, text = doctor()
    assert code == 1
    assert "Runs stop until a later probe finds this confirmed: axiom-half-open." in text
    with pipeline.instance:
        failure = dagster_failure_of(pipeline.run(hour))
        assert failure.startswith(
            "Axiom behaves otherwise than correct hours need it, so this run stops: the probe of "
        )
        assert "contradicted that A range holds an event at its very start" in failure
        assert "Run `audit-assets doctor --probe` again: runs go on once it finds this confirmed." in failure
        behaves("axiom", capabilities={"query"})(busy, None)
        assert probe(busy)["axiom-half-open"] == "unknown"
        assert not pipeline.run(hour).success
        behaves("axiom", capabilities={"query", "ingest"}, range_start_included=True)(busy, None)
        assert doctor()[0] == 0
        assert pipeline.run(hour).success


@pytest.mark.parametrize("service", ["cloudflare", "axiom", "linear"])
def test_a_service_that_is_down_is_unknown_and_the_others_are_asked(busy: Sandbox, service: str) -> None:
    down(service)(busy, None)
    answers = probe(busy)
    stored = "cloudflare-lateness"
    assert {answer for name, answer in answers.items() if name.startswith(service)} == {"unknown"}
    others = {answer for name, answer in answers.items() if not name.startswith(service) and name != stored}
    assert "confirmed" in others


@pytest.mark.parametrize(
    ("setting", "prefix"),
    [("CLOUDFLARE_API_TOKEN", "cloudflare"), ("AXIOM_TOKEN", "axiom"), ("LINEAR_TEAM_KEY", "linear")],
)
def test_a_missing_setting_is_named_and_the_others_are_asked(
    doctor: Any, monkeypatch: pytest.MonkeyPatch, setting: str, prefix: str
) -> None:
    monkeypatch.delenv(setting)
    code, text = doctor()
    assert code == 0
    assert f"it could not be asked: {setting} is not set" in text
    page = Path("audit-assets-probe.md").read_text()
    assert f"### {prefix}-" in page.split("## Confirmed")[0]


def test_nothing_that_identifies_anybody_is_in_the_report(
    busy: Sandbox, monkeypatch: pytest.MonkeyPatch, doctor: Any
) -> None:
    canary = "c0ffee" * 5 + "c0"
    monkeypatch.setenv("CLOUDFLARE_ACCOUNT_ID", canary)
    monkeypatch.setenv("LINEAR_TEAM_KEY", "NOPE")
    monkeypatch.setenv("AXIOM_DATASET", "the-dataset-of-acme")
    doctor()
    page = Path("audit-assets-probe.md").read_text()
    own = [value for value in busy.environment().values() if value != "SEC"]  # which the text gives as an example
    for secret in (canary, "NOPE", "acme", "127.0.0.1", str(Path.cwd()), *own):
        assert secret not in page
    assert "account ***" in page


def test_no_report_holds_a_name_that_an_entry_or_a_ticket_has(busy: Sandbox) -> None:
    made = Probe(JumpingClock(busy.shared.clock), lambda _: None)
    made.run()
    texts = json.dumps([result.seen for result in made.results])
    for name in ("alice", "bob@", "example.com", "192.0.2.1", "SEC-1", "Audit bot", "Security"):
        assert name not in texts


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("token xaat-1234-5678-9abc-def012345678 of acme", "token *** of ***"),
        ("see https://app.axiom.co/acme/query?x=1", "see ***"),
        ("by anne@example.com from 192.0.2.1 or 2001:db8::1", "by *** from *** or ***"),
        ("account 5a11db0c0ffee0ddba11ad0be5eab1e5", "account ***"),
        (
            "after 5 minutes, 1,200 of 1,200 rows at 16:20:07 UTC",
            "after 5 minutes, 1,200 of 1,200 rows at 16:20:07 UTC",
        ),
        ("acmes is another word", "acmes is another word"),
        (
            "`result_info.cursors.after` in docs/facts/cloudflare.md",
            "`result_info.cursors.after` in docs/facts/cloudflare.md",
        ),
    ],
)
def test_texts_are_masked(text: str, expected: str) -> None:
    assert Redaction(["acme"])(text) == expected


def test_settings_that_name_nobody_are_not_masked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LINEAR_DRY_RUN", "1")
    monkeypatch.setenv("CLOUDFLARE_STREAMS", "v2")
    monkeypatch.setenv("LINEAR_TEAM_KEY", "IT")
    monkeypatch.setenv("AUDIT_ASSETS_CHANNEL_PAGER", "pager-of-acme")
    text = "1 of v2 in IT by pager-of-acme"
    assert redaction_of(dict(os.environ))(text) == "1 of v2 in *** by ***"


def test_without_a_single_answer_the_report_of_an_earlier_probe_stays(doctor: Any, busy: Sandbox) -> None:
    for service in ("cloudflare", "axiom", "linear"):
        down(service)(busy, None)
    Path("audit-assets-probe.md").write_text("of yesterday")
    code, text = doctor()
    assert (code, Path("audit-assets-probe.md").read_text()) == (1, "of yesterday")
    assert "No service answered anything, so no report was written: `audit-assets doctor` shows why." in text


def test_the_report_that_can_not_be_written_is_one_sentence(doctor: Any) -> None:
    Path("audit-assets-probe.md").mkdir()
    result = CliRunner().invoke(app, ["doctor", "--probe"])
    assert "audit-assets-probe.md can't be written" in str(result.exception)


@pytest.mark.parametrize("each", ALL, ids=lambda each: each.id)
def test_an_assumption_is_described_for_people(each: Assumption[Any]) -> None:
    assert each.how.endswith(".")
    assert not each.assumed.endswith(".")
    assert set(each.does) == {"confirmed", "contradicted", "unknown"}
    assert each.does["contradicted"].startswith("It stops") == each.stops


def test_a_store_without_a_probe_stops_nothing(sandbox: Sandbox, tmp_path: Path) -> None:
    store = HourStore(str(tmp_path / "hours"))
    assert store.read_json("first_contact", None) is None
    probe(sandbox)
    assert store.read_json("first_contact", None) is None
