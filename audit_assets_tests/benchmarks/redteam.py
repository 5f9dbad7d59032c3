"""How many attacks by somebody who knows the detector put an hour on a ticket, and what stays below its notice.

    python -m audit_assets_tests.benchmarks.redteam EVENTS [--tickets-per-day 1] [--times 20] [--labels LABELS]

EVENTS as for `audit-assets backtest`: a year of natural changes; the hours of LABELS (actor, start) are taken out of
them first. Each attack is played so many times into a copy of its own, each play far from the next, and judged through
`run_backtest`, with the plain rule beside it. The natural tickets a day are those of the background alone. The second
table is the attacker's cost: the most changes an hour of which fewer than half of the plays put any hour on a ticket,
at several budgets.
"""

import argparse
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path

import polars as pl

from audit_assets.reports.backtest import backtest_policy, run_backtest
from audit_assets.reports.backtest_input import input_of
from audit_assets_tests.benchmarks.detection import BUDGETS, days, read, remove_labelled
from audit_assets_tests.redteam.attacks import (
    ATTACKS,
    TOKEN,
    WARM_UP,
    Attack,
    Background,
    Play,
    play_into,
    share_alerted,
    swarm,
)

SIZES = (1, 2, 3, 5, 8, 12, 20, 30, 50, 80, 120, 200, 300, 500, 800, 1200, 2000, 5000, 20_000)

ACTORS_OF_COST: dict[str, Callable[[int], Attack]] = {
    "somebody known": lambda changes: lambda background, _, when: _by_known(background, when, changes),
    "a newcomer": lambda changes: (
        lambda background, name, when: Play([background.burst(name, when, changes, background.popular(2), TOKEN)])
    ),
    "25 newcomers, each": swarm,
}


def judge(events: pl.DataFrame, rule: str, budget: float | None) -> pl.DataFrame:
    """BACKTEST_SCORES of the events."""
    return run_backtest(input_of(events), backtest_policy(rule, budget)).scores


def tickets_a_day(scores: pl.DataFrame) -> float:
    """Tickets a day after the first months."""
    since = pl.col("hour") - pl.col("hour").min()
    counted = scores.filter(since >= WARM_UP)
    return counted["ticket"].drop_nulls().n_unique() / days(counted)


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("events", type=Path)
    parser.add_argument("--labels", type=Path)
    parser.add_argument("--tickets-per-day", type=float, default=1.0)
    parser.add_argument("--times", type=int, default=20)
    parser.add_argument("--cost", action="store_true", help="print the attacker's cost too: takes some minutes")
    options = parser.parse_args(arguments)
    events = read(options.events)
    if options.labels:
        events = remove_labelled(events, read(options.labels))
    budget, times = options.tickets_per_day, options.times
    print(f"{'share of ' + str(times) + ' plays on a ticket':38}{'ours':>8}{'plain':>8}")
    natural = [tickets_a_day(judge(events, *rule)) for rule in (("calibrated", budget), ("plain", None))]
    print(f"{'natural tickets a day':38}" + "".join(f"{each:8.2f}" for each in natural))
    for name, attack in ATTACKS.items():
        played, windows = play_into(Background(events), attack, times)
        shares = [share_alerted(judge(played, *rule), windows) for rule in (("calibrated", budget), ("plain", None))]
        print(f"{name:38}" + "".join(f"{each:8.2f}" for each in shares), flush=True)
    if options.cost:
        print(f"\n{'most changes an hour unnoticed, at':38}" + "".join(f"{each:8}" for each in BUDGETS))
        for name, attack_of in ACTORS_OF_COST.items():
            found = [unnoticed(events, attack_of, each, times) for each in BUDGETS]
            print(f"{name:38}" + "".join(f"{each:8,}" for each in found), flush=True)


def unnoticed(events: pl.DataFrame, attack_of: Callable[[int], Attack], budget: float, times: int) -> int:
    """The largest of SIZES at which fewer than half of the plays put any hour on a ticket, by bisection; else 0."""
    low, high = -1, len(SIZES)
    while high - low > 1:
        middle = (low + high) // 2
        played, windows = play_into(Background(events), attack_of(SIZES[middle]), times)
        if share_alerted(judge(played, "calibrated", budget), windows) < 0.5:
            low = middle
        else:
            high = middle
    return SIZES[low] if low >= 0 else 0


def _by_known(background: Background, when: datetime, changes: int) -> Play:
    actor, kind, _ = background.known(when)
    return Play([background.burst(actor, when, changes, background.habits(actor, when)[:2], kind)])


if __name__ == "__main__":
    main()
