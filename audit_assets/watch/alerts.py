"""From the entries that rules match to alerts: one for each actor and rule of an hour.

A rule that counts looks at a window that slides: it ends at an entry of the hour and reaches back `minutes`, also into
the hours before. So what lies across the border of two hours alerts in the later one.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

import polars as pl

from audit_assets.detection.watch_alerts import ENTRIES_KEPT, WATCH_ALERTS
from audit_assets.detection.watch_columns import MATCHED_ENTRY, RULE_TEXTS
from audit_assets.watch.rules import Per, WatchRule

TOKEN = "token"  # noqa: S105 - the type of an actor
"""The type of an actor that is an API token (cloudflare/entries.py)."""


def find_alerts(rules: Sequence[WatchRule], matches: pl.DataFrame, since: datetime, until: datetime) -> pl.DataFrame:
    """WATCH_ALERTS of the hours from `since` to before `until`, none of them `repeated`. `matches`: as `find_matches`
    has them, of these hours and, for rules that count, of the time before that they look back."""
    by_rule = {frame["rule"][0]: frame for frame in matches.partition_by("rule")}
    found = [WATCH_ALERTS.to_frame()]
    for rule in rules:
        if rule.name in by_rule:
            found.append(_alerts(rule, _alerting(rule, by_rule[rule.name], since, until)))
    return pl.concat(found).sort("hour", "actor_key", "rule")


def _alerting(rule: WatchRule, matches: pl.DataFrame, since: datetime, until: datetime) -> pl.DataFrame:
    """The matching entries behind the alerts of a rule, with the `group` that they are counted in and the
    `alerting_hour` of their alert."""
    is_judged = pl.col("time").is_between(since, until, closed="left")
    hour = pl.col("time").dt.truncate("1h")
    counted = rule.count or rule.after
    if counted is None:
        return matches.filter(is_judged).with_columns(group="actor_key", alerting_hour=hour)
    window, counts = f"{counted.minutes}m", "after" if rule.after else "match"
    grouped = matches.with_columns(group=_group(counted.per)).drop_nulls("group").sort("group", "time")
    is_counted = (pl.col("role") == counts).cast(pl.Int64)
    within = is_counted.rolling_sum_by("time", window_size=window).over("group")
    full = grouped.filter(within >= counted.at_least, pl.col("role") == "match", is_judged)
    spans = full.group_by("group", alerting_hour=hour).agg(
        begins=pl.col("time").min() - timedelta(minutes=counted.minutes), ends=pl.col("time").max()
    )
    behind = grouped.join(spans, on="group").filter(pl.col("time") > pl.col("begins"), pl.col("time") <= pl.col("ends"))
    return behind.drop("begins", "ends")


def _group(per: Per) -> pl.Expr:
    match per:
        case "actor":
            return pl.col("actor_key")
        case "person":
            address = pl.when(pl.col("actor_type") != TOKEN).then(pl.col("actor_email").str.to_lowercase())
            return pl.coalesce(address, "actor_key")
        case "zone":
            return pl.coalesce("zone_id", "zone_name")
        case "account":
            return pl.lit("")


def _alerts(rule: WatchRule, alerting: pl.DataFrame) -> pl.DataFrame:
    """An alert for each group and hour: that of the actor with the most entries in it, the last one if there are
    several."""
    by = ["group", "alerting_hour"]
    in_order = alerting.sort("time", "entry_id", "role").unique([*by, "entry_id"], keep="first", maintain_order=True)
    entry = pl.struct(MATCHED_ENTRY.names())
    first, last = entry.head(ENTRIES_KEPT), entry.slice(ENTRIES_KEPT).tail(ENTRIES_KEPT)
    by_group = in_order.group_by(by, maintain_order=True).agg(
        entries=pl.len().cast(pl.Int64), matched=first.append(last)
    )
    busiest = (
        in_order.group_by(*by, "actor_key")
        .agg(pl.col("actor", "actor_type").last(), own=pl.len(), newest=pl.col("time").max())
        .sort("own", "newest", "actor_key", descending=True)
        .unique(by, keep="first", maintain_order=True)
    )
    return (
        by_group.join(busiest, on=by)
        .sort("entries", "group", descending=True)
        .unique(["alerting_hour", "actor_key"], keep="first", maintain_order=True)
        .join(pl.DataFrame({"watch": [_texts(rule)]}, schema={"watch": RULE_TEXTS}), how="cross")
        .with_columns(
            hour="alerting_hour", rule=pl.lit(rule.name), severity=pl.lit(rule.severity), repeated=pl.lit(value=False)
        )
        .select(WATCH_ALERTS.names())
        .cast(WATCH_ALERTS)
    )


def _texts(rule: WatchRule) -> dict[str, object]:
    return {
        "title": rule.title,
        "severity": rule.severity,
        "technique": rule.technique,
        "why": rule.why,
        "check": [*rule.check],
        "benign": [*rule.benign],
    }
