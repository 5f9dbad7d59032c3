"""What is asked of aggregates is what the entries would have answered, whatever becomes of hours meanwhile."""

import random
from collections.abc import Sequence
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from audit_assets.axiom import aggregates
from audit_assets.defs.resources import AxiomResource
from audit_assets.sandbox.axiom.axiom_service import DATASET, Scan
from audit_assets_tests.defs.steps.by_entries import day_by_entries, hour_by_entries
from audit_assets_tests.pipeline import DAY, HOUR, Pipeline, v2_entry

TODAY = datetime(2026, 11, 22, tzinfo=UTC)
YESTERDAY = TODAY - DAY
JUDGED = TODAY + 8 * HOUR

PEOPLE = [f"person-{number}@example.com" for number in range(7)]
TYPES = ["dns_records", "api_tokens", "worker_script", "rulesets"]
AGENTS = ["Mozilla/5.0 (X11; Linux x86_64) Chrome/140.0", "terraform/1.9", "curl/8.1"]


def made_hour(hour: datetime, chance: random.Random) -> list[dict[str, Any]]:
    """Some entries of several people and of a token, of each kind, failed ones and views among them."""
    return [entry_of(hour, chance, number) for number in range(chance.choice([0, 2, 5]))]


def entry_of(hour: datetime, chance: random.Random, number: int) -> dict[str, Any]:
    person = chance.randrange(len(PEOPLE))
    at = hour + timedelta(seconds=chance.randrange(3_600))
    action, kind = chance.choice(["create", "update", "delete", "view"]), chance.choice(TYPES[: 2 + person % 3])
    entry = v2_entry(at, actor=PEOPLE[person], resource_type=kind, action=action, number=number)
    entry["action"]["result"] = chance.choice(["success"] * 5 + ["failure"])
    entry["actor"]["ip_address"] = f"192.0.2.{chance.randrange(4)}"
    entry["raw"]["user_agent"] = chance.choice(AGENTS)
    if person == 0:
        entry["actor"] |= {"token_id": "0" * 32, "token_name": "deploy", "context": "api_token"}
    return entry


@pytest.fixture
def lived(pipeline: Pipeline) -> Pipeline:
    """A fortnight that was ingested before there were aggregates; yesterday and today are to be pulled."""
    chance = random.Random(7)  # noqa: S311 - any entries will do
    hours = [TODAY - DAY * 15 + HOUR * place for place in range(14 * 24)]
    pipeline.remember([entry for hour in hours for entry in made_hour(hour, chance)])
    for hour in (YESTERDAY + HOUR * place for place in range(24 + 10)):
        pipeline.sandbox.cloudflare.add("v2", [*made_hour(hour, chance), *late(hour, number=98)])
    return pipeline


def late(hour: datetime, number: int = 99) -> list[dict[str, Any]]:
    """One entry more of an hour."""
    return [entry_of(hour, random.Random(hour.timestamp() + number), number)]  # noqa: S311


def assert_as_by_entries(pipeline: Pipeline, hour: datetime) -> None:
    """Every table of the hour and of its day, frame for frame."""
    for at, tables in (
        (hour.replace(hour=0), day_by_entries(pipeline, hour.replace(hour=0))),
        (hour, hour_by_entries(pipeline, hour)),
    ):
        for table, expected in tables.items():
            found = pipeline.store.require(table, at)
            assert expected.height, table
            assert_frame_equal(found.sort(pl.all()), expected.sort(pl.all()), check_row_order=False)


def judge(pipeline: Pipeline, hour: datetime) -> list[Scan]:
    """Run an hour; what was read of Axiom for it."""
    before = len(pipeline.sandbox.axiom.scans)
    assert pipeline.run(hour).success
    return pipeline.sandbox.axiom.scans[before:]


def assert_within_bound(pipeline: Pipeline, hour: datetime, scans: Sequence[Scan]) -> None:
    """At most four rows for each entry of the hour, and 1,000 for each actor that is active in it."""
    entries = pipeline.store.require("raw_audit_entries", hour, ["actor_key"])
    assert sum(scan.rows_examined for scan in scans) <= 4 * entries.height + 1_000 * entries["actor_key"].n_unique()


def test_baselines_of_aggregates_are_those_of_entries(
    lived: Pipeline, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    judge(lived, YESTERDAY)
    assert_as_by_entries(lived, YESTERDAY)
    assert lived.run(YESTERDAY + HOUR, TODAY + 7 * HOUR, job="history").success
    scans = judge(lived, JUDGED)
    assert_as_by_entries(lived, JUDGED)
    assert_within_bound(lived, JUDGED, scans)

    # Late entries: of the hour itself, of one of its day, of yesterday and of a day that was ingested without aggregate
    lived.remember(late(TODAY - 3 * DAY))
    for hour in (JUDGED, TODAY + 2 * HOUR, YESTERDAY + 5 * HOUR):
        lived.sandbox.cloudflare.add("v2", late(hour))
        assert lived.run(hour, job="history").success
    judge(lived, JUDGED)
    assert_as_by_entries(lived, JUDGED)
    assert_within_bound(lived, JUDGED, judge(lived, JUDGED))
    assert_as_by_entries(lived, JUDGED)

    # Another policy: what did not count counts, and the other way round
    (tmp_path / "ours.toml").write_text('[counted]\nwithout_kinds = ["update"]\nwithout_results = []\n')
    monkeypatch.setenv("AUDIT_ASSETS_POLICY", str(tmp_path / "ours.toml"))
    judge(lived, JUDGED)
    assert_as_by_entries(lived, JUDGED)
    assert_within_bound(lived, JUDGED + HOUR, judge(lived, JUDGED + HOUR))
    assert_as_by_entries(lived, JUDGED + HOUR)


@pytest.fixture
def judged(lived: Pipeline) -> Pipeline:
    """With a history that is stored, and aggregates of all hours since."""
    judge(lived, YESTERDAY)
    assert lived.run(YESTERDAY + HOUR, TODAY + 7 * HOUR, job="history").success
    return lived


def events_of(pipeline: Pipeline) -> list[dict[str, Any]]:
    """Everything in the dataset, as it was sent."""
    known = pipeline.sandbox.axiom.environment(pipeline.sandbox.url)
    body = {
        "apl": f"['{DATASET}'] | limit 50000",
        "startTime": "2026-01-01T00:00:00Z",
        "endTime": "2027-01-01T00:00:00Z",
    }
    answer = httpx.post(
        f"{known['AXIOM_URL']}/v1/datasets/_apl?format=tabular",
        headers={"Authorization": f"Bearer {known['AXIOM_TOKEN']}"},
        json=body,
    ).raise_for_status()
    table = answer.json()["tables"][0]
    names = [field["name"] for field in table["fields"]]
    rows = (dict(zip(names, row, strict=True)) for row in zip(*table["columns"], strict=True))
    return [{name: value for name, value in row.items() if value is not None and name != "_sysTime"} for row in rows]


def send(pipeline: Pipeline, events: list[dict[str, Any]]) -> None:
    """Events of somebody who has an ingest token; they can be seen afterwards."""
    known = pipeline.sandbox.axiom.environment(pipeline.sandbox.url)
    httpx.post(
        f"{known['AXIOM_URL']}/v1/datasets/{known['AXIOM_DATASET']}/ingest",
        headers={"Authorization": f"Bearer {known['AXIOM_TOKEN']}"},
        json=events,
    ).raise_for_status()
    pipeline.clock.sleep(60)


def keep(pipeline: Pipeline, kept: list[dict[str, Any]]) -> None:
    """The dataset with nothing but these events."""
    store = pipeline.sandbox.axiom.store
    store.delete(DATASET)
    store.create(DATASET, "", pipeline.sandbox.axiom.behaviour.retention_days, pipeline.clock.now())
    for at in range(0, len(kept), 5_000):
        send(pipeline, kept[at : at + 5_000])


def queries(scans: Sequence[Scan], words: str) -> int:
    """How many queries begin with these words."""
    return sum(scan.apl.startswith(f"// {words}") for scan in scans)


BY_ENTRIES = "What each hour holds"


def test_of_half_a_generation_nothing_is_believed(judged: Pipeline, monkeypatch: pytest.MonkeyPatch) -> None:
    """An hour whose aggregate has several rows of which one is lost, newer than one that is whole; and an actor's."""
    monkeypatch.setattr(aggregates, "LONGEST_TEXT", 1)
    hour = TODAY + 2 * HOUR
    judged.sandbox.cloudflare.add("v2", late(hour))
    assert judged.run(hour, job="history").success
    generations = [event for event in events_of(judged) if event.get("aggregate_of") == f"{hour:%Y-%m-%d-%H:00}"]
    newest = max(event["aggregate_generation"] for event in generations)
    parts = [event for event in generations if event["aggregate_generation"] == newest]
    assert len(parts) == parts[0]["aggregate_rows"] > 1
    assert len(generations) > len(parts), "the one before is there, too"
    lost = parts[-1]["aggregate_id"]
    keep(judged, [event for event in events_of(judged) if event.get("aggregate_id") != lost])
    scans = judge(judged, JUDGED)
    assert queries(scans, BY_ENTRIES) == 2, "the judged hour, and the one whose aggregate is not whole"
    assert_as_by_entries(judged, JUDGED)
    assert judged.run(hour, job="history").success
    judged.clock.sleep(60)  # until Axiom shows it
    assert queries(judge(judged, JUDGED), BY_ENTRIES) == 1, "what was lost is sent again with its hour"
    assert_as_by_entries(judged, JUDGED)


def test_aggregates_of_somebody_else_move_nothing(judged: Pipeline) -> None:
    judge(judged, JUDGED)
    rows = [event for event in events_of(judged) if "aggregate_id" in event]
    assert {event["aggregate_kind"] for event in rows} == {"hour-1", "past-1"}
    newer = [event | {"aggregate_generation": 10**9, "aggregate_text": "[]"} for event in rows]
    send(judged, newer)
    send(judged, [event | {"aggregate_digest": "f" * 64, "aggregate_id": "f" * 64} for event in newer])
    judge(judged, JUDGED)
    assert_as_by_entries(judged, JUDGED)


def test_without_any_aggregate_the_entries_are_read(judged: Pipeline) -> None:
    judge(judged, JUDGED)
    keep(judged, [event for event in events_of(judged) if "aggregate_id" not in event])
    scans = judge(judged, JUDGED)
    assert queries(scans, "What everybody changed") == 1, "what actors changed before the day"
    assert_as_by_entries(judged, JUDGED)
    assert queries(judge(judged, JUDGED), "What everybody changed") == 0, "which was sent again"
    assert_as_by_entries(judged, JUDGED)


def test_no_question_about_entries_sees_an_aggregate(judged: Pipeline) -> None:
    judge(judged, JUDGED)
    entries = [event for event in events_of(judged) if "aggregate_id" not in event]
    with closing(AxiomResource(judged.clock).client()) as client:
        window = TODAY - DAY * 20, TODAY + DAY
        assert client.events_by_hour(*window)["events"].sum() == len(entries)
        assert client.entry_ids(*window).len() == len(entries)
        facts = client.dataset_facts()
    assert (facts.rows, facts.incomplete) == (len(entries), 0)
