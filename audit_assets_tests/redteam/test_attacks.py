"""The attacks against an invented organisation: each play puts an hour on a ticket at 1 ticket a day."""

import numpy as np
import polars as pl
import pytest

from audit_assets_tests.benchmarks.redteam import judge
from audit_assets_tests.detection.streams import EVENTS, burst, quiet, stream
from audit_assets_tests.redteam.attacks import ATTACKS, DAY, Background, play_into, share_alerted

FOUND = (
    "300 changes in the first hour",
    "20,000 changes in the first hour",
    "twelve types by a new token",
    "a new token for 20 hours",
    "ten new tokens in turn, 100 each",
    "ten new tokens in turn, 30 each",
    "25 new tokens at once, 20 each",
    "25 new tokens at once, 5 each",
    "15 times the usual after a decoy",
    "20 times the usual after poisoning",
    "15 times the usual over five old tokens",
    "a token that somebody known creates and uses",
)
"""Those that are found; what is not is in docs/detection.md, 11."""


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
    scores = judge(background.events, "calibrated", 1.0)
    since = pl.col("hour") - pl.col("hour").min()
    assert 0.5 < scores.filter(since >= 100 * DAY)["ticket"].drop_nulls().n_unique() / 200 < 1.3


def test_a_person_who_creates_a_token_and_uses_it_is_on_one_ticket(background: Background) -> None:
    played, windows = play_into(background, ATTACKS["a token that somebody known creates and uses"], times=3)
    theirs = judge(played, "calibrated", 1.0).join(windows, on=["actor", "hour"]).drop_nulls("ticket")
    assert theirs.group_by("play").agg(pl.col("ticket").n_unique())["ticket"].to_list() == [1, 1, 1]
    assert not theirs["ticket"].str.starts_with("intruder").any(), "it is the owner's"
    assert theirs.filter(pl.col("actor").str.starts_with("intruder")).height == 6


def test_owners_change_nothing_for_those_without_credentials(background: Background) -> None:
    without = background.events.drop("owner")
    owned = background.events.with_columns(owner=pl.col("actor"))
    assert judge(owned, "calibrated", 1.0).equals(judge(without, "calibrated", 1.0))


@pytest.mark.parametrize("name", FOUND)
def test_an_attack_is_on_a_ticket(background: Background, name: str) -> None:
    played, windows = play_into(background, ATTACKS[name], times=3)
    assert share_alerted(judge(played, "calibrated", 1.0), windows) == 1
