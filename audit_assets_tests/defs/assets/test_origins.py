"""From where an actor acts, the whole way: asked of Axiom, judged, watched, and on the ticket."""

from datetime import UTC, datetime
from typing import Any

import polars as pl
import pytest

from audit_assets.defs.steps.hour_watch import HourWatch
from audit_assets.defs.steps.watch_rules import load_watch_rules
from audit_assets.detection.origin_uses import CUT
from audit_assets.storage.tables import ORIGINS, SCORES_BEFORE
from audit_assets_tests.pipeline import DAY, Pipeline, v2_burst, v2_entry

JUDGED = datetime(2026, 11, 22, 9, tzinfo=UTC)
ALICE, BOB, CAROL = "alice@example.com", "bob@example.com", "carol@example.com"
TOKEN = {"id": "c1" * 16, "type": "user", "context": "api_token", "token_id": "d4" * 16, "token_name": "deploy"}


def by_token(time: datetime, address: str) -> dict[str, Any]:
    return {**v2_entry(time, actor="deploy"), "actor": {**TOKEN, "ip_address": address}}


def by_bob(time: datetime, count: int, address: str) -> list[dict[str, Any]]:
    burst = v2_burst(time, count, actor=BOB)
    return [{**entry, "actor": {**entry["actor"], "ip_address": address}} for entry in burst]


@pytest.fixture
def lived(pipeline: Pipeline) -> Pipeline:
    """Forty days of three people from one office and of a token from a network of its own."""
    days = [JUDGED - DAY * day for day in range(1, 40)]
    people = [entry for day in days for actor in (ALICE, BOB, CAROL) for entry in v2_burst(day, 3, actor=actor)]
    tokens = [by_token(day, "203.0.113.7") for day in days]
    pipeline.remember([*people, *tokens])
    return pipeline


def judge(pipeline: Pipeline, *entries: list[dict[str, Any]]) -> dict[str, Any]:
    pipeline.sandbox.cloudflare.add("v2", [entry for part in entries for entry in part])
    assert pipeline.run(JUDGED).success
    return pipeline.summary(JUDGED)


def test_a_network_that_nobody_had_is_in_the_scores_the_summary_and_the_ticket(lived: Pipeline) -> None:
    (flagged,) = judge(lived, by_bob(JUDGED, 90, "198.51.100.9"))["flagged"]
    (deviation,) = flagged["deviations"]
    assert (deviation["new_origins"], deviation["new_network_here"]) == (["network"], True)
    assert 0 < deviation["p_origin"] < 0.01
    new = "not used by this actor in 60 days: this network; nobody here acted from this network either"
    (words,) = (each for each in flagged["in_words"] if each.startswith(new))
    assert words.endswith("; expected in less than 1 % of its hours")
    (ticket,) = lived.tickets()
    assert f"- {words}" in ticket["description"]
    assert "first seen in this hour; new to everybody here: nobody else used its network" in ticket["description"]
    assert lived.store.require(SCORES_BEFORE, JUDGED.replace(hour=0))["new_origins"].null_count() > 100


def test_a_token_from_a_new_network_alerts_by_its_rule_though_it_did_nothing_else_unusual(lived: Pipeline) -> None:
    (flagged,) = judge(lived, [by_token(JUDGED, "198.51.100.9")])["flagged"]
    assert [each["resource_type"] for each in flagged["deviations"]] == ["token_from_new_network"]
    (ticket,) = lived.tickets()
    assert "An API token was used from a network that nobody here has used" in ticket["description"]


def test_where_axiom_lists_not_everything_the_rule_finds_nothing_and_a_sentence_warns(lived: Pipeline) -> None:
    judge(lived, [by_token(JUDGED, "198.51.100.9")])
    uses, rules = lived.store.require(ORIGINS, JUDGED), load_watch_rules().enabled
    assert HourWatch(lived.store, rules).problem_of(JUDGED) is None
    flood = uses.head(1).with_columns(part=pl.lit(CUT), value=pl.lit(None))
    lived.store.write(ORIGINS, JUDGED, pl.concat([uses, flood]))
    watch = HourWatch(lived.store, rules)
    assert watch.alerts_of(JUDGED).is_empty()
    sentence = watch.problem_of(JUDGED)
    assert sentence is not None
    assert sentence.startswith(
        "Watch rules about networks (token_from_new_network) find no network new here in 2026-11"
    )
    assert "Axiom holds more addresses than it lists of 1 actor, the first " in sentence
