"""How often rules alert over a longer time, as the pipeline counts it: once for an actor, a rule and a UTC day."""

from collections.abc import Sequence
from datetime import datetime, timedelta

import polars as pl

from audit_assets.detection.watch_alerts import WATCH_ALERTS
from audit_assets.watch.alerts import find_alerts
from audit_assets.watch.rules import WatchRule

A_DAY = timedelta(days=1)

ONCE = ("actor_key", "rule")


def longest_window(rules: Sequence[WatchRule]) -> timedelta:
    """So long before an entry others may lie that count with it."""
    return max((rule.looks_back for rule in rules), default=timedelta(0))


def alerts_of_day(rules: Sequence[WatchRule], matches: pl.DataFrame, since: datetime) -> pl.DataFrame:
    """WATCH_ALERTS from that hour to the end of its UTC day, the first of each actor and rule. `matches`: MATCHES of
    this time and of the longest window before it."""
    until = since.replace(hour=0) + A_DAY
    around = matches.filter(pl.col("time") > since - longest_window(rules), pl.col("time") < until)
    in_order = find_alerts(rules, around, since, until).sort("hour", *ONCE)
    return in_order.unique(ONCE, keep="first", maintain_order=True)


def alerts_by_day(rules: Sequence[WatchRule], matches: pl.DataFrame) -> pl.DataFrame:
    """WATCH_ALERTS of all days of the matches (MATCHES)."""
    days = matches["time"].dt.truncate("1d").unique().sort()
    return pl.concat([WATCH_ALERTS.to_frame(), *(alerts_of_day(rules, matches, day) for day in days)])
