"""How often each watch rule would have alerted in the stored past, and a table of it for a terminal.

A day at a time, so that a month of a large organisation fits into memory.
"""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import polars as pl
from rich.console import Console
from rich.table import Table
from rich.text import Text

from audit_assets.config.errors import AuditAssetsError
from audit_assets.reports.terminal_layout import print_table
from audit_assets.storage.hour_store import HourStore
from audit_assets.storage.hours import A_DAY, AN_HOUR, days_of, hours_between, key_of
from audit_assets.storage.tables import ENTRIES
from audit_assets.tickets.formatting import number, pluralize
from audit_assets.watch.daily_alerts import alerts_of_day, longest_window
from audit_assets.watch.matching import MATCHES, find_matches
from audit_assets.watch.rules import WatchRules

MONTH_HOURS = 30 * 24

WithNetworks = Callable[[pl.LazyFrame, datetime], pl.LazyFrame]


class ReplayError(AuditAssetsError):
    """There is nothing that could be replayed."""


@dataclass(frozen=True)
class Replay:
    """The alerts of each rule, disabled ones too, in the stored hours of [since, until)."""

    since: datetime
    until: datetime
    stored_hours: int
    rules: WatchRules
    alerts: Mapping[str, int]

    @property
    def hours(self) -> int:
        """Of the span, stored or not."""
        return (self.until - self.since) // AN_HOUR

    def a_month(self, rule: str) -> float:
        """Alerts in 30 days of stored hours."""
        return self.alerts.get(rule, 0) * MONTH_HOURS / self.stored_hours

    def as_json(self) -> dict[str, Any]:
        """For other programs."""
        rules = [
            {
                "name": rule.name,
                "enabled": rule.enabled,
                "severity": rule.severity,
                "alerts": self.alerts.get(rule.name, 0),
                "alerts_a_month": self.a_month(rule.name),
            }
            for rule in self.rules.rule
        ]
        span = {"from": key_of(self.since), "to": key_of(self.until)}
        return {**span, "hours": self.hours, "stored_hours": self.stored_hours, "rules": rules}


def replay_rules(
    store: HourStore,
    rules: WatchRules,
    since: datetime,
    until: datetime,
    with_networks: WithNetworks = lambda entries, _: entries,
) -> Replay:
    """Count the alerts as the pipeline does: once for an actor, a rule and a UTC day. An hour before `since` counts
    only for rules that look back into it. `with_networks` adds to an hour's entries what is known of networks. Raises
    `ReplayError` if no hour is stored, `StoreError` for a damaged one."""
    back = longest_window(rules.rule)
    before = hours_between(since - (-(-back // AN_HOUR)) * AN_HOUR, since - AN_HOUR)
    earlier, stored, alerts = _matches(store, rules, before, with_networks)[0], 0, Counter[str]()
    hours = hours_between(since, until - AN_HOUR)
    for day in days_of(hours):
        matches, held = _matches(store, rules, [hour for hour in hours if day <= hour < day + A_DAY], with_networks)
        stored += held
        known = pl.concat([earlier.filter(pl.col("time") > day - back), matches])
        of_day = alerts_of_day(rules.rule, known, max(day, since))
        alerts.update(of_day["rule"].to_list())
        earlier = known.filter(pl.col("time") > day + A_DAY - back)
    if not stored:
        raise ReplayError(f"{store.root} holds no hour from {key_of(since)} to {key_of(until)}: name other days.")
    return Replay(since, until, stored, rules, alerts)


def print_replay(console: Console, replay: Replay) -> None:
    """A line for each rule, the most frequent first."""
    stored = f"{replay.stored_hours:,} of {pluralize(replay.hours, 'hour')} are stored"
    console.rule(f"watch rules, {key_of(replay.since)} to {key_of(replay.until)} UTC; {stored}", align="left")
    table = Table(box=None, pad_edge=False)
    for heading in ("rule", "severity", "alerts", "a month", ""):
        table.add_column(heading, justify="right" if heading in ("alerts", "a month") else "left")
    lines = []
    for rule in sorted(replay.rules.rule, key=lambda rule: (-replay.alerts.get(rule.name, 0), rule.name)):
        count, often = replay.alerts.get(rule.name, 0), number(replay.a_month(rule.name))
        remark = Text("" if rule.enabled else "disabled", "dim")
        table.add_row(rule.name, rule.severity, f"{count:,}", often, remark)
        figures = [rule.severity, pluralize(count, "alert"), f"{often} a month", remark.plain]
        lines += [Text(rule.name), Text(f"    {', '.join(filter(None, figures))}", "dim")]
    print_table(console, table, lines)


def _matches(
    store: HourStore, rules: WatchRules, hours: list[datetime], with_networks: WithNetworks
) -> tuple[pl.DataFrame, int]:
    """What these hours match, and how many of them are stored."""
    found = []
    for hour in hours:
        with store.reading(ENTRIES, hour):
            if (entries := store.scan(ENTRIES, hour)) is not None:
                found.append(find_matches(rules.rule, with_networks(entries, hour)))
    return pl.concat([MATCHES.to_frame(), *found]), len(found)
