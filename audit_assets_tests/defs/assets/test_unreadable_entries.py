"""What can't be kept of an entry hides no change, and what can't be read at all is on a ticket of its own."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import unquote

import httpx
import polars as pl
import pytest

from audit_assets.defs.partitions import key_of
from audit_assets_tests.defs.assets.test_dry_run import preview
from audit_assets_tests.defs.assets.test_hour import a_quiet_fortnight
from audit_assets_tests.pipeline import HOUR, Pipeline, check_of, v2_burst, v2_entry

JUDGED = datetime(2026, 11, 22, 9, tzinfo=UTC)
UNREADABLE = "unreadable_entries"
PAYLOAD = "`+++ [x](https://evil.example) @everyone"


def unreadable(minute: int = 10, hour: datetime = JUDGED, **parts: Any) -> tuple[str, datetime]:
    """A deletion without an id, and when it is listed."""
    at = hour + timedelta(minutes=minute)
    action = {"type": "delete", "time": at.isoformat().replace("+00:00", "Z")}
    return json.dumps({"action": action, "note": f"{PAYLOAD} {minute}", **parts}), at


def add(pipeline: Pipeline, *items: tuple[str, datetime], stream: str = "v2") -> None:
    for text, at in items:
        pipeline.sandbox.cloudflare.add_text(stream, text, at)


def flagged(pipeline: Pipeline, hour: datetime = JUDGED) -> list[Mapping[str, Any]]:
    """What the hour's summary has of the unreadable entries."""
    return [each for each in pipeline.summary(hour)["flagged"] if each["actor_key"] == UNREADABLE]


@pytest.fixture
def known(pipeline: Pipeline) -> Pipeline:
    """A pipeline with a fortnight of history."""
    pipeline.remember(a_quiet_fortnight())
    return pipeline


def test_a_damaged_entry_counts_and_an_unreadable_one_opens_a_ticket_once(known: Pipeline) -> None:
    damaged = (
        json.dumps(v2_entry(JUDGED, actor="eve@example.com")).replace("eve@", "eve\\ud800@").replace("200", "1e999")
    )
    add(known, (damaged, JUDGED), unreadable(), ('{"id": "1", "action": {}}', JUDGED + timedelta(minutes=20)))
    assert known.run(JUDGED).success
    activity = known.store.require("actor_activity", JUDGED)
    assert activity["changes"].sum() == 1
    names = known.store.require("raw_audit_entries", JUDGED)["actor"].to_list()
    assert names == ["eve\\ud800@example.com"]
    [finding] = flagged(known)
    assert (finding["actor"], finding["severity"]) == ("the audit log", "high")
    assert [(each["kind"], each["resource_type"], each["changes"]) for each in finding["deviations"]] == [
        (UNREADABLE, "it has no id", 1),
        (UNREADABLE, "it has no time that can be read", 1),
    ]
    assert finding["in_words"] == [
        "1 entry of the audit log could not be read: it has no id",
        "1 entry of the audit log could not be read: it has no time that can be read",
    ]
    [ticket] = [each for each in known.tickets() if "could not be read" in each["title"]]
    assert ticket["title"] == "2 entries of the audit log could not be read (09:00 UTC, 22 Nov)"
    assert ticket["identifier"] == finding["ticket"]["identifier"]
    before = known.tickets()
    assert known.run(JUDGED).success
    assert known.tickets() == before
    assert flagged(known)[0]["ticket"]["outcome"] == "already_on_ticket"


def test_the_ticket_shows_how_many_why_when_and_how_they_begin(known: Pipeline) -> None:
    add(known, unreadable(10), unreadable(12), unreadable(14, secret="x" * 5_000))
    add(known, ('{"id": 1, "when": "soon"}', JUDGED), stream="v1")
    assert known.run(JUDGED).success
    [ticket] = known.tickets()
    text = ticket["description"]
    assert text.startswith("In the hour 2026-11-22 09:00 UTC, 4 entries of the audit log could not be read: ")
    assert "- 3 entries of the audit log could not be read: `it has no id`\n" in text
    assert "- 3 times `v2 it has no id`, 09:10:00 to 09:14:00\n- once `v1 it has no time that can be read`" in text
    assert '\n09:12:00  v2 it has no id · {"action": {"type": "delete", "time": "2026-11-22T09:12:00Z"}' in text
    assert "Cloudflare's dashboard" in text
    assert "What was done" not in text
    assert "https://evil.example" not in text
    assert "@everyone" in text, "inside of a fence"
    assert PAYLOAD not in text
    assert len(text) < 5_000


def test_the_link_opens_what_could_not_be_read(known: Pipeline) -> None:
    add(known, unreadable(10), unreadable(12))
    known.sandbox.cloudflare.add("v2", [v2_entry(JUDGED)])
    assert known.run(JUDGED).success
    [finding] = flagged(known)
    query = json.loads(unquote(finding["axiom_url"]).partition("initForm=")[2])["apl"]
    settings = known.sandbox.environment()
    known.sandbox.shared.clock.advance(timedelta(minutes=1))  # Axiom shows new fields later than events
    answer = httpx.post(
        f"{settings['AXIOM_URL']}/v1/datasets/_apl?format=tabular",
        json={"apl": query},
        headers={"Authorization": f"Bearer {settings['AXIOM_TOKEN']}"},
    ).json()
    [table] = answer["tables"]
    columns = dict(zip([field["name"] for field in table["fields"]], table["columns"], strict=True))
    assert columns["quarantine_reason"] == ["it has no id"] * 2
    assert [json.loads(raw)["action"]["type"] for raw in columns["raw"]] == ["delete"] * 2


def test_it_takes_no_ticket_from_an_actor(known: Pipeline, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AUDIT_ASSETS_TICKETS_PER_HOUR", "1")
    known.remember(a_quiet_fortnight("bob@example.com"))
    known.sandbox.cloudflare.add("v2", v2_burst(JUDGED, 45) + v2_burst(JUDGED, 90, actor="bob@example.com"))
    add(known, unreadable())
    result = known.run(JUDGED)
    assert result.success
    assert check_of(result, "every_flagged_actor_has_a_ticket").passed
    titles = sorted(ticket["title"].partition(" ")[2] for ticket in known.tickets())
    assert len(titles) == 3, "an actor's, that of all the others, and this one"
    assert [actor["ticket"]["outcome"] for actor in flagged(known)] == ["opened"]


def test_the_plain_rule_reports_it_too(known: Pipeline) -> None:
    add(known, unreadable())
    assert known.run(JUDGED, flags={"preset": "plain"}).success
    assert [actor["ticket"]["outcome"] for actor in flagged(known)] == ["opened"]


def test_a_later_hour_joins_the_open_ticket(known: Pipeline) -> None:
    add(known, unreadable(), unreadable(hour=JUDGED + HOUR))
    assert known.run(JUDGED).success
    known.clock.sleep(3600)
    assert known.run(JUDGED + HOUR).success
    [ticket] = known.tickets()
    assert len(ticket["comments"]) == 1
    assert flagged(known, JUDGED + HOUR)[0]["ticket"]["outcome"] == "joined"


def test_who_dismisses_one_reason_has_dismissed_no_other(known: Pipeline) -> None:
    add(known, unreadable())
    assert known.run(JUDGED).success
    [first] = known.tickets()
    known.sandbox.linear.cancel(first["identifier"])
    same, other = JUDGED + HOUR, JUDGED + 2 * HOUR
    add(known, unreadable(hour=same), unreadable(hour=other), ("[]", other + timedelta(minutes=30)))
    outcomes = []
    for hour in (same, other):
        known.clock.sleep(3600)
        assert known.run(hour).success
        outcomes.append(flagged(known, hour)[0]["ticket"]["outcome"])
    assert outcomes == ["dismissed", "opened"]
    assert len(known.tickets()) == 2


def test_a_dry_run_and_a_preview_render_it(known: Pipeline, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LINEAR_DRY_RUN", "1")
    add(known, unreadable())
    assert known.run(JUDGED).success
    assert known.tickets() == []
    assert flagged(known)[0]["ticket"]["planned_action"] == "would open a ticket"
    assert "1 entry of the audit log could not be read" in preview(key_of(JUDGED))
    assert "the audit log" in preview(key_of(JUDGED), command="summary")


def test_what_could_be_read_later_is_judged_like_any_other(known: Pipeline) -> None:
    """The same burst, with half of a surrogate pair in each entry: the actor is flagged as if there were none."""
    burst = v2_burst(JUDGED, 45, raw={"user_agent": "\ud800"})
    add(known, *((json.dumps(entry), JUDGED + timedelta(seconds=number)) for number, entry in enumerate(burst)))
    assert known.run(JUDGED).success
    assert known.store.require("flagged_actors", JUDGED).filter(pl.col("disposition") == "ticket").height == 1
    assert [actor["actor"] for actor in known.summary(JUDGED)["flagged"]] == ["alice@example.com"]
