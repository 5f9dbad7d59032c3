"""The alerts of watch rules in an hour: which entries match, with those of the hours before that a rule counts too.

How far back depends on the rules: to the hours whose end lies within their longest window, as far as they are stored
and can be read, since a damaged hour stops no other one. That an actor and a rule alerted earlier in the UTC day is
read from the flags of these hours.
"""

from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import datetime, timedelta

import polars as pl

from audit_assets.config.errors import StoreError
from audit_assets.defs.steps.geography import Geography
from audit_assets.defs.steps.origin_history import entries_with_networks, known_origins
from audit_assets.detection.origin_uses import CUT
from audit_assets.detection.watch_columns import WATCH_RULE
from audit_assets.storage.hour_store import HourStore
from audit_assets.storage.hours import AN_HOUR, day_of, hours_between, key_of
from audit_assets.storage.tables import ENTRIES, FLAGGED
from audit_assets.tickets.formatting import listed, pluralize
from audit_assets.watch.alerts import find_alerts
from audit_assets.watch.matching import MATCHES, find_matches, in_order
from audit_assets.watch.new_networks import rules_about_networks, with_new_networks
from audit_assets.watch.rules import WatchRule


class HourWatch:
    """Finds the alerts of hours that are judged one after the other: what an hour matches is read once."""

    def __init__(self, store: HourStore, rules: Sequence[WatchRule], geography: Geography | None = None) -> None:
        self._store = store
        self._geography = geography
        self._about_networks = [rule.name for rule in rules_about_networks(rules)]
        self._rules = rules
        longest = max((rule.looks_back for rule in rules), default=timedelta(0))
        self._hours_back = -(-longest // AN_HOUR)
        self._matches: dict[datetime, pl.DataFrame] = {}

    def alerts_of(self, hour: datetime) -> pl.DataFrame:
        """WATCH_ALERTS of a stored hour. Raises `StoreError` if it is not there or can't be read."""
        first = hour - self._hours_back * AN_HOUR
        self._matches = {each: known for each, known in self._matches.items() if each >= first}
        own = self._matches_of(hour)
        before = _readable(self._matches_of, hours_between(first, hour - AN_HOUR))
        alerts = find_alerts(self._rules, pl.concat([*before, own]), hour, hour + AN_HOUR)
        key = ["actor_key", "rule"]
        earlier = self._alerted(hour).with_columns(before=pl.lit(value=True))
        known = alerts.join(earlier, on=key, how="left", maintain_order="left")
        return known.with_columns(repeated=pl.col("before").fill_null(value=False)).drop("before")

    def problem_of(self, hour: datetime) -> str | None:
        """In one sentence why rules about networks can't match in an hour; None if they can, or if there are none."""
        if not self._about_networks:
            return None
        rules = f"Watch rules about networks ({listed(self._about_networks)})"
        uses = known_origins(self._store, hour)
        if uses is None:
            return f"{rules} match nothing in {key_of(hour)}: run all assets of the hour again to store what they need."
        cut = uses.filter(pl.col("part") == CUT)["actor"].unique().sort()
        if cut.is_empty():
            return None
        who = f"{pluralize(len(cut), 'actor')}, the first {cut[0]}"
        return f"{rules} find no network new here in {key_of(hour)}: Axiom holds more addresses than it lists of {who}."

    def _matches_of(self, hour: datetime) -> pl.DataFrame:
        """What an hour matches, found by parts. Raises `StoreError` if it is not stored or can't be read."""
        if hour not in self._matches:
            uses = known_origins(self._store, hour) if self._about_networks else None
            found = [MATCHES.to_frame()]
            for part in self._store.lazy_parts(ENTRIES, hour):
                entries = part if uses is None else with_known_networks(part, uses, self._geography)
                with self._store.reading(ENTRIES, hour):
                    found.append(find_matches(self._rules, entries))
            self._matches[hour] = in_order(pl.concat(found))
        return self._matches[hour]

    def _alerted(self, hour: datetime) -> pl.DataFrame:
        """Which actors and rules alerted in the hours of the UTC day before this one."""
        columns = ["actor_key", "kind", "resource_type", "disposition"]
        earlier = hours_between(day_of(hour), hour - AN_HOUR)
        frames = _readable(lambda each: self._store.read(FLAGGED, each, columns), earlier)
        flags = pl.concat([pl.DataFrame(schema=dict.fromkeys(columns, pl.String)), *frames])
        alerted = flags.filter(pl.col("kind") == WATCH_RULE, pl.col("disposition") == "ticket")
        return alerted.select("actor_key", rule="resource_type").unique()


def with_stored_networks(
    store: HourStore, entries: pl.LazyFrame, hour: datetime, geography: Geography | None
) -> pl.LazyFrame:
    """The entries of an hour with what rules ask of their networks, if it is stored what was known."""
    uses = known_origins(store, hour)
    return entries if uses is None else with_known_networks(entries, uses, geography)


def with_known_networks(entries: pl.LazyFrame, uses: pl.DataFrame, geography: Geography | None) -> pl.LazyFrame:
    """Entries of an hour with what rules ask of their networks. `uses`: the `known_origins` of the hour."""
    return with_new_networks(entries_with_networks(entries, geography), uses)


def _readable(read: Callable[[datetime], pl.DataFrame | None], hours: Sequence[datetime]) -> list[pl.DataFrame]:
    """What is read of these hours, without those that are not stored, or are damaged."""
    found = []
    for hour in hours:
        with suppress(StoreError):
            found.append(read(hour))
    return [frame for frame in found if frame is not None]
