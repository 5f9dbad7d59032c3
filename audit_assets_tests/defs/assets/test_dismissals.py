"""What a dismissed ticket keeps quiet, for somebody who gets a harmless one dismissed first: that, and nothing else."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from audit_assets.storage.tables import VERDICTS
from audit_assets_tests.defs.assets.test_flagged_actors import COLLEAGUES, JUDGED, three_weeks
from audit_assets_tests.pipeline import DAY, HOUR, Pipeline, v2_burst

pytestmark = pytest.mark.usefixtures("without_watch_rules")

BOB = "bob@example.com"
AGAIN = JUDGED + DAY + HOUR * 2
"""Within a day the hours of both would be one deviation."""

TOKENS = {"resource_type": "api_tokens"}


@pytest.fixture
def lived(pipeline: Pipeline) -> Pipeline:
    """Three weeks of a small organisation, whose members touch two types now and then."""
    both = [v2_burst(JUDGED - DAY * day, 1, actor=actor, **TOKENS) for day in range(2, 20) for actor in COLLEAGUES]
    pipeline.remember([*three_weeks(*COLLEAGUES), *(entry for burst in both for entry in burst)])
    return pipeline


def run(pipeline: Pipeline, hour: Any, *bursts: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Run an hour with these entries once it is over: who is flagged."""
    pipeline.clock.sleep(max(0.0, (hour + timedelta(minutes=80) - pipeline.clock.now()).total_seconds()))
    for burst in bursts:
        pipeline.sandbox.cloudflare.add("v2", burst)
    assert pipeline.run(hour).success
    return pipeline.summary(hour)["flagged"]


def dismissed_first(pipeline: Pipeline, *bursts: list[dict[str, Any]], read: bool = False) -> str:
    """A harmless hour whose one ticket is dismissed: its address. `read`: the verdict was read since."""
    run(pipeline, JUDGED, *bursts)
    (ticket,) = pipeline.tickets()
    pipeline.sandbox.linear.cancel(ticket["identifier"])
    if read:
        assert pipeline.read_verdicts().success
    return pipeline.store.require("opened_tickets", JUDGED)["url"][0]


def bob(hour: Any, count: int, **of: Any) -> list[dict[str, Any]]:
    return v2_burst(hour, count, actor=BOB, **of)


def outcomes(flagged: list[dict[str, Any]]) -> list[str]:
    return [actor["ticket"]["outcome"] for actor in flagged]


@pytest.mark.parametrize("read", [False, True])
def test_what_is_like_the_dismissed_is_quiet(lived: Pipeline, *, read: bool) -> None:
    dismissed_first(lived, bob(JUDGED, 40), read=read)
    assert outcomes(run(lived, AGAIN, bob(AGAIN, 80))) == ([] if read else ["dismissed"])
    assert len(lived.tickets()) == 1


@pytest.mark.parametrize("read", [False, True])
def test_forty_dismissed_changes_silence_no_nine_hundred(lived: Pipeline, *, read: bool) -> None:
    old = dismissed_first(lived, bob(JUDGED, 40), read=read)
    (flagged,) = run(lived, AGAIN, bob(AGAIN, 900))
    assert flagged["ticket"]["outcome"] == "opened"
    on = lived.clock.now() - DAY - HOUR * 2
    said = f"dismissed on {on:%Y-%m-%d} in SEC-1 for 40 changes to dns_records; now 900"
    assert said in " ".join(flagged["in_words"])
    ticket = lived.tickets()[-1]
    assert (
        f"dismissed on {on:%Y-%m-%d} in [SEC-1]({old}) for 40 changes to `dns_records`; now 900"
        in ticket["description"]
    )
    assert ticket["related"] == ["SEC-1"]


@pytest.mark.parametrize("read", [False, True])
def test_a_dismissed_burst_of_one_type_silences_none_of_another(lived: Pipeline, *, read: bool) -> None:
    dismissed_first(lived, bob(JUDGED, 40), read=read)
    (flagged,) = run(lived, AGAIN, bob(AGAIN, 40, **TOKENS))
    assert flagged["ticket"]["outcome"] == "opened"
    assert {each["kind"] for each in flagged["deviations"]} == {"volume"}
    to_which = " to dns_records; now 40, most of them to api_tokens" if read else "; now 40"
    assert f"in SEC-1 for 40 changes{to_which}" in " ".join(flagged["in_words"])


@pytest.mark.parametrize("read", [False, True])
def test_dismissed_updates_silence_no_deletes(lived: Pipeline, *, read: bool) -> None:
    dismissed_first(lived, bob(JUDGED, 40, action="update"), read=read)
    (flagged,) = run(lived, AGAIN, bob(AGAIN, 40, action="delete"))
    assert (flagged["ticket"]["outcome"], flagged["severity_because"]) == ("opened", ["deletes"])
    assert "and more severe than " in " ".join(flagged["in_words"])


@pytest.mark.parametrize("read", [False, True])
def test_two_harmless_dismissals_together_silence_no_more_than_each(lived: Pipeline, *, read: bool) -> None:
    """Many updates, and a few deletes beside others: neither covers many deletes."""
    dismissed_first(lived, bob(JUDGED, 60, action="update"), read=read)
    few = [*bob(AGAIN, 2, action="delete"), *bob(AGAIN + timedelta(minutes=9), 38, action="update", **TOKENS)]
    assert outcomes(run(lived, AGAIN, few)) == ["opened"]
    lived.sandbox.linear.cancel("SEC-2")
    if read:
        assert lived.read_verdicts().success
    then = AGAIN + DAY + HOUR * 2
    assert outcomes(run(lived, then, bob(then, 60, action="delete"))) == ["opened"]


def by(hour: Any, names: list[str], count: int, **of: Any) -> list[list[dict[str, Any]]]:
    """A burst of each of these."""
    return [v2_burst(hour, count, actor=actor, **of) for actor in names]


@pytest.mark.parametrize("read", [False, True])
@pytest.mark.parametrize(
    ("names", "of"),
    [(COLLEAGUES[3:], TOKENS), (COLLEAGUES[3:], {}), (COLLEAGUES[:3], TOKENS), (COLLEAGUES[1:4], {})],
    ids=["others, another type", "others, the type", "the members, another type", "a member more"],
)
def test_a_dismissed_migration_silences_its_members_and_its_type_alone(
    lived: Pipeline, names: list[str], of: dict[str, Any], *, read: bool
) -> None:
    dismissed_first(lived, *by(JUDGED, COLLEAGUES[:3], 40), read=read)
    assert outcomes(run(lived, AGAIN, *by(AGAIN, names, 40, **of))).count("opened") >= 1


@pytest.mark.parametrize("read", [False, True])
def test_a_dismissed_migration_goes_on_quietly(lived: Pipeline, *, read: bool) -> None:
    dismissed_first(lived, *by(JUDGED, COLLEAGUES[:3], 40), read=read)
    assert outcomes(run(lived, AGAIN, *by(AGAIN, COLLEAGUES[:3], 60))) == ([] if read else ["dismissed"])


@pytest.mark.parametrize("read", [False, True])
def test_a_dismissed_migration_silences_no_burst_beside_it(lived: Pipeline, *, read: bool) -> None:
    """Less than half of what one of the members did went to another type, which was touched then too."""
    touched = v2_burst(JUDGED + timedelta(minutes=30), 1, actor=COLLEAGUES[0], **TOKENS)
    dismissed_first(lived, *by(JUDGED, COLLEAGUES[:4], 60), touched, read=read)
    beside = v2_burst(AGAIN + timedelta(minutes=30), 59, actor=COLLEAGUES[0], **TOKENS)
    flagged = run(lived, AGAIN, *by(AGAIN, COLLEAGUES[:4], 60), beside)
    assert [each["actor"] for each in flagged if each["ticket"]["outcome"] == "opened"] == [COLLEAGUES[0]]


def test_what_was_done_beside_a_dismissed_migration_is_not_dismissed(lived: Pipeline) -> None:
    """The ticket was about records: nobody looked at the tokens of somebody who moved some too."""
    beside = v2_burst(JUDGED + timedelta(minutes=30), 20, actor=COLLEAGUES[0], **TOKENS)
    run(lived, JUDGED, *by(JUDGED, COLLEAGUES[:4], 40), beside)
    of_alice, of_all = sorted(lived.tickets(), key=lambda ticket: "actors" in ticket["title"])
    lived.sandbox.linear.cancel(of_all["identifier"])
    assert lived.read_verdicts().success
    flagged = run(lived, AGAIN, v2_burst(AGAIN, 30, actor=COLLEAGUES[0], **TOKENS))
    assert [(each["ticket"]["outcome"], each["ticket"]["identifier"]) for each in flagged] == [
        ("joined", of_alice["identifier"])
    ]


@pytest.mark.parametrize("rerun", [False, True])
def test_a_dismissed_ticket_whose_attachments_were_removed_silences_nothing(lived: Pipeline, *, rerun: bool) -> None:
    """Nor does it once its hour was run again, which puts the attachment back."""
    dismissed_first(lived, bob(JUDGED, 40))
    store = lived.sandbox.linear.store
    with store.transaction():
        for attachment in store.all("Attachment"):
            store.remove("Attachment", attachment["id"])
    if rerun:
        run(lived, JUDGED)
        assert len(lived.tickets()[0]["attachments"]) == 1
    assert outcomes(run(lived, AGAIN, bob(AGAIN, 40))) == ["opened"]


def test_the_stored_verdicts_hold_what_was_dismissed(lived: Pipeline) -> None:
    url = dismissed_first(lived, bob(JUDGED, 40, action="delete"), read=True)
    table = lived.store.read(VERDICTS, None)
    assert table is not None
    row, deletes = table.sort("kind", descending=True).to_dicts()
    assert (deletes["kind"], deletes["changes"]) == ("many_deletes", 40)
    assert (row["changes"], row["changes_by_type"]) == (40, [{"resource_type": "dns_records", "changes": 40}])
    assert (row["severity"], row["severity_because"], row["url"]) == ("urgent", ["deletes"], url)


@pytest.mark.parametrize(("action", "expected"), [("update", []), ("delete", ["opened"])])
def test_of_a_table_of_before_only_what_raises_no_severity_is_usual(
    lived: Pipeline, action: str, expected: list[str]
) -> None:
    """It has neither the changes, which Axiom has, nor the severity."""
    dismissed_first(lived, bob(JUDGED, 40, action="update"), read=True)
    table = lived.store.read(VERDICTS, None)
    assert table is not None
    columns = ["ticket_id", "identifier", "actor_key", "hour", "kind", "resource_type", "verdict", "seen_at"]
    lived.store.write(VERDICTS, None, table.select(columns))
    assert outcomes(run(lived, AGAIN, bob(AGAIN, 60, action=action))) == expected
    assert lived.read_verdicts().success


def test_a_token_that_is_called_like_an_allowed_one_is_not_allowed(
    lived: Pipeline, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nor one that is called as a person's address."""
    (tmp_path / "ours.toml").write_text(f'[[allow]]\nactor = "{BOB}"\nuntil = 2027-01-31\nreason = "the move"')
    monkeypatch.setenv("AUDIT_ASSETS_POLICY", str(tmp_path / "ours.toml"))
    token = {"id": "f" * 32, "type": "user", "token_id": "e" * 32, "token_name": BOB, "email": BOB}
    entries = [{**entry, "actor": token} for entry in v2_burst(JUDGED, 300, actor="token")]
    flagged = run(lived, JUDGED, entries, bob(JUDGED, 300))
    assert [actor["actor"] for actor in flagged] == [f'token "{BOB}" of {BOB}']
    below = lived.summary(JUDGED)["below_threshold"]
    assert {each["disposition"] for actor in below for each in actor["deviations"] if actor["actor"] == BOB} == {
        "allowed"
    }


def test_flags_that_an_earlier_version_stored_are_read(lived: Pipeline) -> None:
    """The table is written from them, and so is a ticket."""
    run(lived, JUDGED, bob(JUDGED, 40))
    flagged = lived.store.require("flagged_actors", JUDGED)
    lived.store.write("flagged_actors", JUDGED, flagged.select(pl.exclude("changes_by_type", "^dismissed_.*$")))
    assert lived.read_verdicts().success
    table = lived.store.read(VERDICTS, None)
    assert table is not None
    assert table.select("changes", "changes_by_type").rows() == [(40, None)]
