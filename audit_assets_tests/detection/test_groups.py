"""Actors judged together: what many do, each of them little, is found, and natural days are not."""

from datetime import timedelta

import polars as pl
import pytest

from audit_assets.config.policy_tables import Allowance, Policy
from audit_assets.detection.groups import find_group_alerts
from audit_assets.detection.schemas import ALL_ACTORS, CREDENTIALS, MANY_ACTORS, MANY_CHANGES, NEW_ACTORS
from audit_assets_tests.detection.judging import flagged
from audit_assets_tests.detection.streams import at, burst, quiet, score_events, stream

DAY = 100


@pytest.fixture(scope="module")
def background() -> list[pl.DataFrame]:
    return [quiet(days=120, actors=12, seed=3, a_day=16), burst("late", at(60, 9), 3, "type-1")]


def tokens(number: int, hour: int, changes: int, *, apart: int = 0) -> list[pl.DataFrame]:
    """So many new tokens, one every so many hours or all at once."""
    return [burst(f"token-{each}", at(DAY, hour + each * apart), changes, "type-0") for each in range(number)]


def test_new_tokens_in_turn_that_do_little_are_one_finding(background):
    rows = flagged(stream([*background, *tokens(10, 6, 4, apart=1)]), at(DAY, 15))
    found = rows.filter(pl.col("actor_key") == NEW_ACTORS).row(0, named=True)
    assert (found["kind"], found["disposition"], found["horizon_hours"]) == (NEW_ACTORS, "ticket", 24)
    assert {*found["members"]} == {f"token-{each}" for each in range(10)}
    assert {*found["member_names"]} >= {"token-9@example.com"}
    assert found["changes"] == 40


def test_a_swarm_is_found_and_severe(background):
    rows = flagged(stream([*background, *tokens(25, 6, 3)]), at(DAY, 6))
    found = rows.filter(pl.col("actor_key") == NEW_ACTORS).row(0, named=True)
    assert found["severity"] in ("high", "urgent")
    assert len(found["members"]) == 25


def test_two_colleagues_who_begin_on_one_day_are_no_finding(background):
    beginners = [burst(f"beginner-{each}", at(DAY, 9 + each), 4, "type-0", "type-1") for each in range(2)]
    assert flagged(stream([*background, *beginners]), at(DAY, 10)).filter(pl.col("actor_key") == NEW_ACTORS).is_empty()


def test_many_known_actors_who_each_do_a_little_are_a_finding_of_all():
    events = [quiet(days=120, actors=12, seed=3, a_day=16)]
    aged = [burst(f"aged-{each}", at(day, each % 24), 2, "type-0") for each in range(40) for day in range(60, DAY, 4)]
    now = [burst(f"aged-{each}", at(DAY, 10), 2, "type-0") for each in range(40)]
    rows = flagged(stream([*events, *aged, *now]), at(DAY, 10))
    kinds = rows.filter(pl.col("actor_key") == ALL_ACTORS)["kind"].to_list()
    assert MANY_ACTORS in kinds


def test_what_has_its_own_ticket_is_no_finding_of_all(background):
    rows = flagged(stream([*background, burst("actor-1", at(DAY, 10), 20_000, "type-0")]), at(DAY, 10))
    assert (rows["actor_key"] == "actor-1").any()
    assert rows.filter(pl.col("kind") == MANY_CHANGES).is_empty()


def test_what_is_allowed_is_no_finding_of_all():
    events = [quiet(days=120, actors=12, seed=3, a_day=16)]
    migration = [burst(f"actor-{each}", at(DAY, 10), 300, "moved") for each in range(10)]
    allowed = Policy(allowances=(Allowance(until=at(DAY).date(), reason="migration", resource_type="moved"),))
    rows = flagged(stream([*events, *migration]), at(DAY, 10), allowed)
    assert rows.filter(pl.col("disposition") == "ticket").is_empty()


def test_earlier_attacks_hardly_move_the_threshold(background):
    attacks = [
        burst(f"token-{day}-{each}", at(day, 6 + each), 30, "type-0") for day in range(30, 110, 8) for each in range(10)
    ]
    scores = score_events(stream([*background, *attacks]))
    alerts = find_group_alerts(scores, budget=1.0)
    days = alerts.filter(pl.col("kind") == NEW_ACTORS)["hour"].dt.truncate("1d").unique()
    assert {*days} >= {at(day) for day in range(46, 110, 8)}


def test_a_part_of_the_history_gives_the_same_alerts(background):
    scores = score_events(stream([*background, *tokens(10, 6, 4, apart=1), *tokens(20, 30, 3)]))
    whole = find_group_alerts(scores, budget=1.0)
    since = at(DAY, 12)
    assert not whole.is_empty()
    assert find_group_alerts(scores, budget=1.0, since=since).equals(whole.filter(pl.col("hour") >= since))
    until = since + timedelta(hours=1)
    of_hour = find_group_alerts(scores.filter(pl.col("hour") < until), budget=1.0, since=since)
    assert of_hour.equals(whole.filter(pl.col("hour") == since))


def test_a_large_budget_alerts_to_no_ordinary_day(background):
    alerts = find_group_alerts(score_events(stream(background)), budget=50.0)
    assert alerts["hour"].dt.truncate("1d").n_unique() < 0.2 * 120


def owned(background: list[pl.DataFrame], tokens: int, changes: int) -> pl.DataFrame:
    """Five tokens of one person, one of which is used each day, and at last some of them at once."""
    usual = [burst(f"token-{day % 5}", at(day, 9), 4 + day % 3, f"type-{day % 5}") for day in range(30, DAY)]
    now = [burst(f"token-{each}", at(DAY, 9), changes, f"type-{each}") for each in range(tokens)]
    owner = pl.when(pl.col("actor").str.starts_with("token")).then(pl.lit("actor-1"))
    return stream([*background, *usual, *now]).with_columns(owner=owner)


def test_a_burst_over_the_tokens_of_one_person_is_that_persons_finding(background):
    rows = flagged(owned(background, 5, 10), at(DAY, 9))
    found = rows.filter(pl.col("kind") == CREDENTIALS).row(0, named=True)
    assert (found["actor_key"], found["ticket_key"], found["disposition"]) == ("actor-1", "actor-1", "ticket")
    assert {*found["members"]} >= {f"token-{each}" for each in range(5)}
    assert found["changes"] >= 50
    assert rows.filter(pl.col("actor_key").str.starts_with("token")).is_empty(), "none alerts by itself"


def test_a_burst_of_an_hour_is_described_by_the_hour(background):
    """A usual day has as many changes as this hour: the day would refute its own ticket."""
    usual = [
        burst(f"token-{(day + hour) % 5}", at(day, hour), 2 + (3 * day + 5 * hour) % 8, f"type-{(day + hour) % 5}")
        for day in range(30, DAY)
        for hour in range(8)
    ]
    now = [burst(f"token-{each}", at(DAY, 9), 8, f"type-{each}") for each in range(5)]
    owner = pl.when(pl.col("actor").str.starts_with("token")).then(pl.lit("actor-1"))
    rows = flagged(stream([*background, *usual, *now]).with_columns(owner=owner), at(DAY, 9))
    found = rows.filter(pl.col("kind") == CREDENTIALS).row(0, named=True)
    assert (found["horizon_hours"], found["changes"]) == (1, 40)
    assert 4 < found["baseline_mean"] < 6, "of an active hour; a usual day has about 40"


def test_the_usual_work_of_several_tokens_is_no_finding(background):
    assert flagged(owned(background, 1, 5), at(DAY, 9)).filter(pl.col("kind") == CREDENTIALS).is_empty()
    alone = owned(background, 5, 10).drop("owner")
    assert flagged(alone, at(DAY, 9)).filter(pl.col("kind") == CREDENTIALS).is_empty(), "nobody owns them"
