"""The attacks against an invented organisation: each play puts an hour on a ticket at 1 ticket a day."""

import numpy as np
import polars as pl
import pytest

from audit_assets_tests.benchmarks.detection import judge
from audit_assets_tests.benchmarks.redteam import PEERS, natural_tickets, tickets_a_day, with_limits
from audit_assets_tests.detection.streams import EVENTS, burst, quiet, stream
from audit_assets_tests.redteam.attacks import ATTACKS
from audit_assets_tests.redteam.background import DAY, Background, alerted_plays, play_into

FOUND = (
    ("300 changes in the first hour", "ten new tokens in turn, 30 each", "10 times the usual"),
    ("20,000 changes in the first hour", "ten new tokens in turn, 5 each", "10 times the usual after a swarm"),
    ("a new token for 20 hours", "25 new tokens at once, 20 each", "15 times the usual after a decoy"),
    ("twelve types by a new token", "25 new tokens at once, 5 each", "20 times the usual after poisoning"),
    ("a new token for a week, 20 an hour", "25 tokens of 8 days at once, 20 each", "three times the usual for a day"),
    ("300 changes by a token of 8 days", "25 tokens of 30 days at once, 20 each", "8 times the usual at usual times"),
    ("ten new tokens in turn, 100 each", "a third more each week", "one rare type a day"),
    ("15 times the usual over five old tokens", "a token that somebody known creates and uses"),
)
"""Those that are found, two or three in a stream; what is not is in docs/detection.md, 11."""


@pytest.fixture(scope="module")
def background() -> Background:
    """300 days of an organisation without attacks, where somebody new begins every few days."""
    old = quiet(days=300, actors=12, seed=5, a_day=16)
    rng = np.random.default_rng(5)
    first_days = [
        burst(
            f"beginner-{number}",
            old["time"][0] + DAY * day + DAY * step / 3,
            1 + int(rng.geometric(0.2)),
            *(f"type-{int(each)}" for each in rng.integers(0, 8, 3)),
        )
        for number, day in enumerate(range(5, 295, 4))
        for step in range(1 + int(rng.integers(0, 4)))
    ]
    return Background(stream([old, *first_days]).select(EVENTS.names()))


def test_the_natural_hours_of_the_background_open_about_as_many_tickets_as_the_budget(background: Background) -> None:
    assert 0.5 < natural_tickets(background.events)[1.0] < 1.3


@pytest.mark.parametrize("names", FOUND)
def test_attacks_are_on_tickets(background: Background, names: tuple[str, ...]) -> None:
    played, windows = play_into(background, [ATTACKS[name] for name in names], times=len(names))
    on_tickets = judge(played).scores.filter(pl.col("ticket").is_not_null())
    assert [names[play] for play in alerted_plays(on_tickets, windows)] == [*names]


def test_a_person_who_creates_a_token_and_uses_it_is_on_one_ticket(background: Background) -> None:
    played, windows = play_into(background, [ATTACKS["a token that somebody known creates and uses"]], 3)
    theirs = judge(played).scores.join(windows, on=["actor", "hour"]).drop_nulls("ticket")
    assert theirs.group_by("play").agg(pl.col("ticket").n_unique())["ticket"].to_list() == [1, 1, 1]
    assert not theirs["ticket"].str.starts_with("intruder").any(), "it is the owner's"
    assert theirs.filter(pl.col("actor").str.starts_with("intruder")).height == 6


def test_owners_change_nothing_for_those_without_credentials(background: Background) -> None:
    without = background.events.drop("owner")
    owned = background.events.with_columns(owner=pl.col("actor"))
    assert judge(owned).scores.equals(judge(without).scores)


@pytest.mark.parametrize("name", PEERS)
def test_a_peer_beside_ours_opens_as_many_tickets_without_attacks(background: Background, name: str) -> None:
    alerts = with_limits(PEERS[name], background.events, {1.0: 0.5, 0.25: 0.125})(background.events)
    assert [tickets_a_day(alerts[budget], background.events) for budget in (1.0, 0.25)] == pytest.approx(
        [0.5, 0.125], abs=0.1
    )
