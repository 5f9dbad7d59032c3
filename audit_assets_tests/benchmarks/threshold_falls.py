"""How far the alert threshold falls in two weeks: by itself, and where somebody poisons the history.

    python -m audit_assets_tests.benchmarks.threshold_falls EVENTS [--labels LABELS]

EVENTS as for `audit-assets backtest`: a year of natural changes; the hours of LABELS (actor, start) are taken out of
them first. Printed are the largest quotient of two thresholds 14 days apart, and for each way to poison, of 4 plays at
other times, each in a copy of its own: how many are found, on which day of the attack (0 and less: of what prepares
it), and the threshold of 35 days before and the lowest until 90 days after.
"""

import argparse
from pathlib import Path

import numpy as np
import polars as pl

from audit_assets.detection.schemas import WELL_KNOWN
from audit_assets.detection.threshold_falls import WATCHED, compare_thresholds, find_threshold_falls
from audit_assets_tests.benchmarks.detection import read, remove_labelled
from audit_assets_tests.detection.streams import score_events
from audit_assets_tests.redteam.attacks import ATTACKS, poisoning
from audit_assets_tests.redteam.background import DAY, Background, play_into

PLAYS = 4
BEFORE, AFTER = 35 * DAY, 90 * DAY
"""From before what prepares an attack until the threshold recovers."""

POISONINGS = {
    **{f"{a_day} a day for 40 days": poisoning(a_day, days=40) for a_day in (8, 4, 2, 1)},
    "4 a day for 10 days": poisoning(4, days=10),
    "20 times the usual after poisoning": ATTACKS["20 times the usual after poisoning"],
}


def midnights(scores: pl.DataFrame) -> pl.Series:
    first, last = scores["hour"].dt.truncate("1d").unique().sort()[[0, -1]]
    return pl.datetime_range(first, last, "1d", eager=True)


def print_natural(events: pl.DataFrame) -> None:
    scores = score_events(events)
    for name in WATCHED:
        before, now = compare_thresholds(scores.filter(pl.col("familiarity") == name), midnights(scores))
        print(f"natural, {name}: divided by {np.nanmax(before / now):.2f} at most")
    print(f"natural falls: {find_threshold_falls(scores, midnights(scores)).height}")


def print_poisonings(events: pl.DataFrame) -> None:
    for name, attack in POISONINGS.items():
        found, lowest = [], []
        for seed in range(PLAYS):
            played, windows = play_into(Background(events, seed), [attack], 1)
            scores = score_events(played)
            falls, began = find_threshold_falls(scores, midnights(scores)), windows["hour"].sort()[0]
            found += [(hour - began) // DAY + 1 for hour in falls["hour"][:1]]
            near = pl.col("hour").is_between(began - BEFORE, began + AFTER)
            thresholds = scores.filter(near, pl.col("familiarity") == WELL_KNOWN)["p_threshold"]
            lowest.append(f"{thresholds[0]:.2f} to {thresholds.sort()[0]:.2f}")
        print(f"{name}: {len(found)} of {PLAYS} found, on day {sorted(found)}; threshold from {', '.join(lowest)}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("events", type=Path)
    parser.add_argument("--labels", type=Path)
    options = parser.parse_args()
    events = read(options.events)
    natural = remove_labelled(events, read(options.labels)) if options.labels else events
    print_natural(natural)
    print_poisonings(natural)


if __name__ == "__main__":
    main()
