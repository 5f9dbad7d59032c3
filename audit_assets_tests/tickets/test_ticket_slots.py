"""Of too many actors the most severe get a ticket of their own, and the privileged are not hidden among them."""

import random
from typing import Any

import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from audit_assets.detection.schemas import FLAG, THRESHOLD_FALL
from audit_assets.detection.severity import SEVERITIES
from audit_assets.tickets.ticket_slots import SLOTS_FOR_PRIVILEGED, TICKET_SLOTS, assign_slots


def flagged(*actors: tuple[str, str, bool], **of_all: Any) -> pl.DataFrame:
    """A row per actor: key, severity, whether it is privileged."""
    rows = [
        {"actor_key": key, "severity": severity, "severity_because": ["API tokens"] if privileged else None, **of_all}
        for key, severity, privileged in actors
    ]
    return pl.DataFrame(rows, schema=FLAG)


def alone(frame: pl.DataFrame, most: int) -> list[str]:
    """Who has a ticket of its own."""
    return assign_slots(frame, most).filter("single")["actor_key"].to_list()


def test_few_actors_all_have_a_ticket_of_their_own() -> None:
    few = flagged(("b", "low", False), ("a", "urgent", False), ("c", "urgent", True))
    assert alone(few, 3) == ["a", "c", "b"]
    assert assign_slots(few, 3).schema == TICKET_SLOTS


def test_one_privileged_actor_has_its_ticket_among_10_000_more_severe_ones() -> None:
    others = [(f"{number:05}", "urgent", False) for number in range(10_000)]
    chosen = alone(flagged(*others, ("quiet", "low", True)), 20)
    assert (len(chosen), chosen[-1]) == (20, "quiet")


def test_five_places_are_kept_and_no_more() -> None:
    others = [(f"o{number:02}", "high", False) for number in range(30)]
    privileged = [(f"p{number:02}", "low", True) for number in range(30)]
    chosen = alone(flagged(*others, *privileged), 20)
    assert chosen == [*(f"o{number:02}" for number in range(15)), *(f"p{number:02}" for number in range(5))]


def test_severe_privileged_actors_take_more_than_the_places_kept_for_them() -> None:
    others = [(f"o{number:02}", "low", False) for number in range(30)]
    privileged = [(f"p{number:02}", "urgent", True) for number in range(30)]
    assert all(key.startswith("p") for key in alone(flagged(*others, *privileged), 20))


def test_whoever_lowers_the_threshold_does_not_push_out_its_ticket() -> None:
    others = [(f"{number:05}", "urgent", number < 30) for number in range(100)]
    chosen = alone(flagged(*others, (THRESHOLD_FALL, "high", False)), 20)
    assert chosen == [*(f"{number:05}" for number in range(20)), THRESHOLD_FALL], "it has a ticket besides"


def test_of_equally_severe_ones_the_rarest_go_first() -> None:
    common = flagged(("a", "high", False), tickets_a_day=0.5)
    rare = flagged(("z", "high", False), tickets_a_day=0.001)
    unknown = flagged(("b", "high", False), tickets_a_day=None)
    assert alone(pl.concat([common, unknown, rare]), 2) == ["z", "a"]


ACTORS = st.lists(
    st.tuples(st.uuids().map(lambda one: one.hex), st.sampled_from(SEVERITIES), st.booleans()),
    unique_by=lambda one: one[0],
)


@given(ACTORS, st.integers(1, 30), st.randoms())
def test_everybody_has_one_place_whatever_the_order(
    actors: list[tuple[str, str, bool]], most: int, chance: random.Random
) -> None:
    frame = flagged(*actors) if actors else pl.DataFrame(schema=FLAG)
    found = assign_slots(frame, most)
    assert sorted(found["actor_key"]) == sorted(key for key, _, _ in actors)
    assert found["single"].sum() == min(most, len(actors))
    privileged = {key for key, _, sensitive in actors if sensitive}
    chosen = found.filter("single")["actor_key"]
    assert len(privileged & set(chosen)) >= min(SLOTS_FOR_PRIVILEGED, most, len(privileged))
    shuffled = frame.sample(fraction=1.0, shuffle=True, seed=chance.randrange(1000))
    assert assign_slots(shuffled, most).equals(found)
