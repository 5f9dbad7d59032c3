"""How many attacks by somebody who knows the detector put an hour on a ticket, and what stays below its notice.

    python -m audit_assets_tests.benchmarks.redteam EVENTS [--labels LABELS] [--times 20] [--peers]
    python -m audit_assets_tests.benchmarks.redteam EVENTS [--labels LABELS] [--times 20] --cost

EVENTS as for `audit-assets backtest`: a year of natural changes; the hours of LABELS (actor, start) are taken out of
them first. Each attack is played so many times into a copy of its own, each play far from the next, and judged through
`run_backtest`. Beside it are the plain rule, which has no budget, and others' detectors: each alerts from the number on
at which it opens about as many tickets a day as ours on the background alone, known in hindsight. `--peers` adds those
of public packages (the extra `bench`) that are fast enough. Shares are at 1 ticket a day / at 1 in 4 days; one number
where they are equal.

`--cost` prints the attacker's cost instead: the most changes an hour of which fewer than half of the plays put any hour
on a ticket, at several budgets. There a copy has few plays, since an attack that was found lowers the threshold of
those after it.
"""

import argparse
from bisect import bisect_right
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

import polars as pl

from audit_assets.detection.ranking import SAME_TICKET
from audit_assets.reports.backtest import backtest_policy, run_backtest
from audit_assets.reports.backtest_input import input_of
from audit_assets_tests.benchmarks.detection import BUDGETS, days, judge, read, remove_labelled
from audit_assets_tests.benchmarks.detection_peers import Peer, active_hours, packaged, rarest_new, ratio, z_score
from audit_assets_tests.redteam.attacks import (
    ATTACKS,
    changes_by_known,
    newcomer,
    rotation,
    swarm,
    working_week,
    working_week_of_known,
)
from audit_assets_tests.redteam.background import WARM_UP, Attack, Background, alerted_plays, play_into

BUDGETS_OF_ATTACKS = (1.0, 0.25)

SIZES = (1, 2, 4, 8, 12, 20, 30, 50, 80, 120, 200, 400, 800)
"""Changes an hour that are played, until nearly all are found; the cost is one of them, or 0."""

NEARLY_ALL = 0.9

PLAYS_OF_COST = 5
"""So many plays a copy when the cost is measured: one in six weeks."""

ACTORS_OF_COST: Mapping[str, Callable[[int], Attack]] = {
    "somebody known, one hour": lambda changes: changes_by_known(changes, hours=1),
    "somebody known, 24 hours": lambda changes: changes_by_known(changes, hours=24),
    "somebody known, five days of 8 hours": working_week_of_known,
    "a newcomer, one hour": lambda changes: newcomer(changes, hours=1),
    "a newcomer, 24 hours": lambda changes: newcomer(changes, hours=24),
    "a newcomer, five days of 8 hours": working_week,
    "25 newcomers at once, each": swarm,
    "ten newcomers in turn, each": rotation,
}

Detector = Callable[[pl.DataFrame], Mapping[float, pl.DataFrame]]
"""From events, per budget, to the hours (actor, hour) that are on a ticket."""


def changes_alone(hours: pl.DataFrame) -> pl.Series:
    """One limit of changes an hour for everybody, newcomers too."""
    return hours["changes"]


PEERS: Mapping[str, Peer] = {"limit": changes_alone, "ratio": ratio, "z-score": z_score, "new types": rarest_new}
"""Those that need no package. All but the first know nothing of newcomers."""


def ours(events: pl.DataFrame) -> Mapping[float, pl.DataFrame]:
    scores = judge(events).scores
    return {budget: scores.filter(pl.col("budgets").list.contains(budget)) for budget in BUDGETS}


def plain_rule(events: pl.DataFrame) -> Mapping[float, pl.DataFrame]:
    flagged = run_backtest(input_of(events), backtest_policy("plain", None)).scores.filter("flagged")
    return dict.fromkeys(BUDGETS, flagged)


def natural_tickets(events: pl.DataFrame) -> dict[float, float]:
    """How many tickets a day each budget opens in the background alone, after the first months."""
    tickets, counted = judge(events).tickets, after_warm_up(events)
    opened = tickets.filter(pl.col("hour") >= counted["hour"][0])
    return {each: opened.filter(pl.col("budgets").list.contains(each)).height / days(counted) for each in BUDGETS}


def tickets_a_day(alerts: pl.DataFrame, events: pl.DataFrame) -> float:
    """How many tickets a day such hours open after the first months: hours of an actor within a day are on one."""
    counted = after_warm_up(events)
    since_last = pl.col("hour") - pl.col("hour").shift().over("actor")
    opened = alerts.sort("hour").filter((since_last > SAME_TICKET).fill_null(value=True))
    return opened.filter(pl.col("hour") >= counted["hour"][0]).height / days(counted)


def after_warm_up(events: pl.DataFrame) -> pl.DataFrame:
    """The active hours after the first months, in order."""
    hours = events.select(hour=pl.col("time").dt.truncate("1h")).unique().sort("hour")
    return hours.filter(pl.col("hour") - pl.col("hour").min() >= WARM_UP)


def with_limits(peer: Peer, events: pl.DataFrame, natural: Mapping[float, float]) -> Detector:
    """A peer that alerts from such numbers on that it opens as many tickets a day in the background as ours does, or
    as near to that as its numbers allow."""
    hours = active_hours(events)
    numbers = peer(hours)
    candidates = numbers.filter(numbers > 0).unique().sort(descending=True)

    def rate(index: int) -> float:
        return tickets_a_day(hours.filter(numbers >= candidates[index]), events)

    limits = {}
    for budget, tickets in natural.items():
        more = min(bisect_right(range(len(candidates)), tickets, key=rate), len(candidates) - 1)
        limits[budget] = candidates[min(max(more - 1, 0), more, key=lambda index: abs(rate(index) - tickets))]

    def alerts(events: pl.DataFrame) -> Mapping[float, pl.DataFrame]:
        hours = active_hours(events)
        numbers = peer(hours)
        return {budget: hours.filter(numbers >= least) for budget, least in limits.items()}

    return alerts


def compare_attacks(events: pl.DataFrame, times: int, peers: Mapping[str, Peer]) -> None:
    """Prints which share of the plays of each attack each detector finds at each of BUDGETS_OF_ATTACKS."""
    natural = natural_tickets(events)
    detectors: dict[str, Detector] = {"ours": ours, "plain rule": plain_rule}
    detectors |= {name: with_limits(peer, events, natural) for name, peer in peers.items()}
    print_row("attack", detectors)
    print_row("---", ["---"] * len(detectors))
    alerts = {name: detector(events) for name, detector in detectors.items() if name != "ours"}
    rates = [natural, *({each: tickets_a_day(of[each], events) for each in BUDGETS} for of in alerts.values())]
    print_row("tickets a day without attacks", map(cell, rates))
    for name, attack in ATTACKS.items():
        played, windows = play_into(Background(events), [attack], times)
        shares = (
            {budget: len(alerted_plays(found, windows)) / times for budget, found in detector(played).items()}
            for detector in detectors.values()
        )
        print_row(name, map(cell, shares))


def print_cost(events: pl.DataFrame, times: int) -> None:
    """Prints for each kind of attacker and each budget what goes unnoticed."""
    print_row("most changes an hour unnoticed, at", [f"{each:g} a day" for each in BUDGETS])
    print_row("---", ["---"] * len(BUDGETS))
    for name, attack_of in ACTORS_OF_COST.items():
        found = unnoticed(events, attack_of, times)
        print_row(name, [str(found[each]) for each in BUDGETS])


def cell(values: Mapping[float, float]) -> str:
    """The values at BUDGETS_OF_ATTACKS; one where there is no budget, so that all are alike."""
    shown = dict.fromkeys(f"{values[each]:.2f}" for each in BUDGETS_OF_ATTACKS)
    return " / ".join(shown)


def print_row(name: str, cells: Iterable[str]) -> None:
    """A row of a Markdown table."""
    print("| " + " | ".join([name, *cells]) + " |", flush=True)


def unnoticed(events: pl.DataFrame, attack_of: Callable[[int], Attack], times: int) -> dict[float, int]:
    """Per budget the largest of SIZES at which fewer than half of the plays put any hour on a ticket."""
    largest = dict.fromkeys(BUDGETS, 0)
    for size in SIZES:
        found = dict.fromkeys(BUDGETS, 0)
        copies = range(max(times // PLAYS_OF_COST, 1))
        for seed in copies:
            played, windows = play_into(Background(events, seed), [attack_of(size)], PLAYS_OF_COST)
            for budget, alerts in ours(played).items():
                found[budget] += len(alerted_plays(alerts, windows))
        shares = {budget: number / (len(copies) * PLAYS_OF_COST) for budget, number in found.items()}
        largest |= {budget: size for budget, share in shares.items() if share < 0.5}
        if min(shares.values()) >= NEARLY_ALL:
            break
    return largest


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("events", type=Path)
    parser.add_argument("--labels", type=Path, help="hours that are no natural ones")
    parser.add_argument("--times", type=int, default=20, help="how often each attack is played")
    parser.add_argument("--peers", action="store_true", help="with the detectors of public packages")
    parser.add_argument("--cost", action="store_true", help="print the attacker's cost instead")
    options = parser.parse_args(arguments)
    events = read(options.events)
    if options.labels:
        events = remove_labelled(events, read(options.labels))
    if options.cost:
        print_cost(events, options.times)
    else:
        packages = packaged() if options.peers else {}
        fast = {name: peer for name, peer in packages.items() if not name.startswith("STL")}  # half a minute a stream
        compare_attacks(events, options.times, {**PEERS, **fast})


if __name__ == "__main__":
    main()
