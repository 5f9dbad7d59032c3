"""A rule and entries for it, as tests of watch rules write them."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import polars as pl

from audit_assets.cloudflare.entries import normalize_entries
from audit_assets.watch.alerts import find_alerts
from audit_assets.watch.examples import entries_of
from audit_assets.watch.matching import find_matches
from audit_assets.watch.rule_tables import parse_rules
from audit_assets.watch.rules import WatchRule

ACCOUNT = "a" * 32

TABLE: Mapping[str, Any] = {
    "name": "test_rule",
    "title": "A zone was deleted",
    "severity": "high",
    "technique": "T1485",
    "why": "It is gone.",
    "check": ["Ask the actor."],
    "benign": ["a test zone"],
    "match": [{"resource_type": "zone", "kind": "delete"}],
    "matches": [{"action": {"type": "delete"}, "resource": {"type": "zone"}}],
    "no_matches": [{"action": {"type": "update"}, "resource": {"type": "zone"}}],
}


def normalize(raw: Sequence[dict[str, Any]], stream: str) -> tuple[pl.DataFrame, list[dict[str, Any]]]:
    """Entries as the pipeline reads them."""
    return normalize_entries(raw, stream, ACCOUNT)


def rule(**changed: Any) -> WatchRule:
    """A rule with these keys in place of the usual ones."""
    return parse_rules({"rule": [{**TABLE, **changed}]}).rule[0]


def entries(*story: Mapping[str, Any]) -> pl.DataFrame:
    """The rows of an example."""
    return entries_of(story, normalize)


def matched(of_rule: WatchRule, *story: Mapping[str, Any]) -> int:
    """How many of the example's entries a rule matches, whatever it counts."""
    found = find_matches([of_rule], entries(*story).lazy())
    return found.filter(pl.col("role") == "match").height


def alerts(of_rule: WatchRule, hour: datetime, frame: pl.DataFrame) -> pl.DataFrame:
    """A rule's alerts of an hour of these entries."""
    return find_alerts([of_rule], find_matches([of_rule], frame.lazy()), hour, hour + timedelta(hours=1))
