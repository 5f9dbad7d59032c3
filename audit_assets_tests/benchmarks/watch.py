"""How often each watch rule alerts in the invented organisation, in alerts a month, without its incidents.

`python -m audit_assets_tests.benchmarks.watch [--days 90] [--seeds 1,2,3,4,5]` prints a line for each rule of the
default pack, disabled ones too, and exits 1 if an enabled one alerts more than once a month. Alerts are counted as the
pipeline does: once for an actor, a rule and a UTC day.
"""

import argparse
import sys
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import polars as pl

from audit_assets.config.toml_files import read_defaults
from audit_assets.detection.networks import network_of
from audit_assets.detection.origin_uses import NETWORK, ORIGIN_USES
from audit_assets.sandbox.organisation.organisation_activity import Organisation
from audit_assets.watch.daily_alerts import alerts_by_day
from audit_assets.watch.matching import find_matches
from audit_assets.watch.new_networks import with_new_networks
from audit_assets.watch.rule_tables import parse_rules
from audit_assets.watch.rules import WatchRule
from audit_assets_tests.watch.rules import normalize

UNTIL = datetime(2026, 11, 22, tzinfo=UTC)
MONTH_DAYS = 30
MOST_A_MONTH = 1.0


def count_alerts(rules: Sequence[WatchRule], seed: int, days: int) -> dict[str, int]:
    """How many alerts each rule has in so many days of an organisation."""
    activity = Organisation(seed, UNTIL.date()).ordinary_activity(UNTIL - timedelta(days=days), UNTIL)
    entries = pl.concat([normalize(activity.v2, "v2")[0], normalize(activity.v1, "v1")[0]])
    located = entries.lazy().with_columns(network=network_of(pl.col("ip_address")))
    uses = located.filter(pl.col("action_result") != "failure").select(
        actor="actor_key",
        hour=pl.col("time").dt.truncate("1h"),
        part=pl.lit(NETWORK),
        value="network",
        changed="is_change",
    )
    known = uses.drop_nulls("value").unique().collect().cast(ORIGIN_USES)
    alerts = alerts_by_day(rules, find_matches(rules, with_new_networks(located, known)))
    return dict(alerts.group_by("rule").len().iter_rows())


def alerts_a_month(rules: Sequence[WatchRule], seeds: Sequence[int], days: int) -> dict[str, list[float]]:
    """By rule its alerts a month with each seed."""
    counted = [count_alerts(rules, seed, days) for seed in seeds]
    return {rule.name: [MONTH_DAYS / days * counts.get(rule.name, 0) for counts in counted] for rule in rules}


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--days", type=int, default=90)
    parser.add_argument("--seeds", default="1,2,3,4,5")
    options = parser.parse_args()
    rules = parse_rules(read_defaults("watch.toml")).rule
    found = alerts_a_month(rules, [int(seed) for seed in options.seeds.split(",")], options.days)
    too_many = []
    print(f"{'alerts a month':<34}{'mean':>7}{'most':>7}")
    for rule in rules:
        mean, most = sum(found[rule.name]) / len(found[rule.name]), max(found[rule.name])
        print(f"{rule.name:<34}{mean:>7.2f}{most:>7.2f}{'' if rule.enabled else '  disabled'}")
        too_many += [rule.name] if rule.enabled and mean > MOST_A_MONTH else []
    enabled = [sum(found[rule.name]) / len(found[rule.name]) for rule in rules if rule.enabled]
    print(f"{'all enabled rules together':<34}{sum(enabled):>7.2f}")
    sys.exit(f"more than {MOST_A_MONTH:g} a month: {', '.join(too_many)}" if too_many else 0)


if __name__ == "__main__":
    main()
