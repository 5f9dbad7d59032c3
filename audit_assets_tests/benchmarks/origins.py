"""How much more is found because of where an intruder acts from, with simulated origins.

    python -m audit_assets_tests.benchmarks.origins EVENTS LABELS [--seeds 11,12,13,14,15]

EVENTS and LABELS as for `benchmarks.detection`. Prints the recall at .25 and at 1 natural ticket a day of the kinds
that must be found, without origins and with them, for an intruder who acts from a hosting network, from a proxy at the
victim's provider, and on the victim's own machine; and how often an hour brings something new. Exits 1 if anything is
found less than without by more than WORST, as the mean of the seeds.

Churn follows what was published (docs/facts/threats.md, 4): two in five people have a provider that renumbers at
multiples of a day, the others keep an address over a month six times in ten, and almost half of the changes leave the
network. A share of days is in one of the offices, some are on a telephone or a journey; browsers and tools change a few
times a year.
"""

import argparse
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

from audit_assets.detection.activity_arrays import count_changes
from audit_assets.detection.hour_scores import score_stream
from audit_assets.detection.origin_uses import ORIGIN_USES
from audit_assets.detection.ranking import rank_scores
from audit_assets_tests.benchmarks.detection import add_labels, comparable, opens_ticket, read, recall

BUDGETS = (0.25, 1.0)
WORST = 0.01
"""More must not be lost, whatever the intruder does."""

INTRUDERS = {
    "hosting": "a hosting network",
    "proxy": "a proxy at the victim's provider",
    "own": "the victim's machine",
}

PROVIDERS, NETWORKS = 12, 20
"""At home: so many providers, with so many networks each."""

MOVES = 0.45
"""Of address changes, those that leave the network."""

BROWSERS = ("Chrome", "Chrome", "Chrome", "Safari", "Firefox", "Edge")
SYSTEMS = ("Macintosh", "Macintosh", "Macintosh", "Windows", "Windows", "Linux")
TOOLS = ("terraform", "cloudflare-go", "python-requests", "curl", "wrangler")


@dataclass
class Person:
    """An actor with its habits: where it is at home, how often it is renumbered, in the office, at a command line."""

    rng: np.random.Generator
    is_service: bool

    def __post_init__(self) -> None:
        rng = self.rng
        self.provider, self.home = rng.integers(PROVIDERS), rng.integers(NETWORKS)
        self.renumbered_days = rng.choice([1, 1, 2, 7]) if rng.random() < 0.4 else None
        self.office, self.office_share = rng.choice(4, p=[0.5, 0.25, 0.15, 0.1]), rng.choice([0, 0.3, 0.6, 0.95])
        self.uses_tools = rng.random() < 0.4
        self.browser, self.tool = self.any_browser(), str(rng.choice(TOOLS))
        self.egress = rng.choice(["egress", "runners"])

    def any_browser(self) -> str:
        return f"{self.rng.choice(BROWSERS)}, {self.rng.choice(SYSTEMS)}"

    def live(self, days: int) -> None:
        """So many days go by."""
        rng, renumbered = self.rng, self.renumbered_days
        whole = days / renumbered if renumbered else 0
        changes = int(whole) + (rng.random() < whole % 1) if renumbered else rng.poisson(days * 0.4 / 30)
        if rng.random() < 1 - (1 - MOVES) ** changes:
            self.home = rng.integers(NETWORKS)
        if rng.random() < days / 150:
            self.browser = self.any_browser()
        if rng.random() < days / 200:
            self.tool = str(rng.choice(TOOLS))

    def network_of_day(self) -> str:
        rng, chance = self.rng, self.rng.random()
        if self.is_service:
            return self.egress if self.egress == "egress" else f"runners {rng.integers(8)}"
        if chance < 0.015:
            return f"journey {rng.integers(5_000)}"
        if chance < 0.05:
            return f"telephone {rng.integers(3)}.{rng.integers(NETWORKS)}"
        if rng.random() < self.office_share:
            return f"office {self.office}"
        return f"provider {self.provider}.{self.home}"

    def products_of_hour(self) -> list[str]:
        if self.is_service:
            return [self.tool]
        return [self.browser, self.tool] if self.uses_tools and self.rng.random() < 0.3 else [self.browser]


def simulate(hours: pl.DataFrame, labels: pl.DataFrame, intruder: str, seed: int) -> pl.DataFrame:
    """ORIGIN_USES of active hours (actor, actor_type, hour); in the labelled hours they are the intruder's."""
    labelled = {*labels.select("actor", "start").iter_rows()}
    used = []
    for number, (key, own) in enumerate(hours.sort("actor", "hour").group_by("actor", maintain_order=True)):
        rng = np.random.default_rng([seed, number])
        person, before, network = Person(rng, own["actor_type"][0] not in ("human", "user")), None, ""
        for hour in own["hour"]:
            day = hour.toordinal()
            if day != before:
                person.live(0 if before is None else day - before)
                network, before = person.network_of_day(), day
            whence, products = network, person.products_of_hour()
            if intruder != "own" and (key[0], hour) in labelled:
                hosting = f"hosting {rng.integers(400)}"
                whence = hosting if intruder == "hosting" else f"provider {person.provider}.{rng.integers(NETWORKS)}"
                products = [person.browser if rng.random() < 0.5 else person.any_browser()]
            used += [(key[0], hour, "network", whence, True)]
            used += [(key[0], hour, "product", product, True) for product in products]
    return pl.DataFrame(used, schema=ORIGIN_USES, orient="row")


def recalls(scores: pl.DataFrame, labels: pl.DataFrame) -> Mapping[float, float]:
    """By budget, the mean recall of the kinds that must be found."""
    marked = add_labels(comparable(rank_scores(scores, budget=1.0)), labels)
    return {budget: recall(marked, opens_ticket(marked, budget))["mean of must-find"] for budget in BUDGETS}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("events", type=Path)
    parser.add_argument("labels", type=Path)
    parser.add_argument("--seeds", default="11,12,13,14,15")
    options = parser.parse_args()
    events, labels = read(options.events), read(options.labels)
    hours = events.select("actor", "actor_type", hour=pl.col("time").dt.truncate("1h")).unique(["actor", "hour"])
    activity, lost = count_changes(events), []
    without = recalls(score_stream(activity), labels)
    print("Recall of what must be found, at natural tickets a day; the range is that of the seeds\n")
    print(f"{'the intruder acts from':36}" + "".join(f"{f'{budget} a day: without, with':>32}" for budget in BUDGETS))
    for intruder, name in INTRUDERS.items():
        row, new = f"{name:36}", []
        found: dict[float, list[float]] = {budget: [] for budget in BUDGETS}
        for seed in options.seeds.split(","):
            scores = score_stream(activity, simulate(hours, labels, intruder, int(seed)))
            new.append(scores.select(pl.col("new_origins").is_not_null().mean()).item())
            for budget, share in recalls(scores, labels).items():
                found[budget].append(share)
        for budget, shares in found.items():
            mean = sum(shares) / len(shares)
            row += f"{without[budget]:12.3f} {mean:6.3f} ({min(shares):.3f}-{max(shares):.3f})"
            lost += [f"{name} at {budget}"] if mean < without[budget] - WORST else []
        print(f"{row}   {100 * sum(new) / len(new):.0f} % of hours bring something new")
    sys.exit(f"found less by more than {WORST}: {', '.join(lost)}" if lost else 0)


if __name__ == "__main__":
    main()
