"""The examples of watch rules: entries as Cloudflare gives them, as far as they matter, which must alert or must not.

Besides the members of an entry, a table may have `stream` (v2 if it is missing), `times` (how often it comes), `every`
(minutes between, 0 if missing) and `minute` (when the first comes, 0 if missing); with `known = true` it alerts by
itself no more, but its actor and its network are known since long. Members that are missing are those of
somebody's successful request. How an entry becomes a row is handed in.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import polars as pl

from audit_assets.config.errors import AuditAssetsError
from audit_assets.detection.networks import network_of
from audit_assets.detection.origin_uses import NETWORK, ORIGIN_USES
from audit_assets.watch.alerts import find_alerts
from audit_assets.watch.matching import find_matches
from audit_assets.watch.new_networks import with_new_networks
from audit_assets.watch.rules import WatchRule

Normalize = Callable[[Sequence[dict[str, Any]], str], tuple[pl.DataFrame, list[dict[str, Any]]]]
"""Entries of a stream as rows (ENTRY_SCHEMA), and those that can't be read."""

BEGINS = datetime(2026, 1, 5, 10, tzinfo=UTC)
"""When an example is: any time will do."""

OWN_KEYS = ("stream", "times", "every", "minute", "known")

KNOWN_FOR = timedelta(days=45)
"""An entry with `known = true` came so long before the others."""

PERSON: Mapping[str, Any] = {"id": "a1" * 16, "email": "anne@example.com", "type": "user"}


class BadExample(AuditAssetsError):
    """An example is no entry."""


def failed_examples(rule: WatchRule, normalize: Normalize) -> Iterator[str]:
    """A sentence for each example of a rule that does not do what it must."""
    for key, stories, alerts in (("matches", rule.matches, True), ("no_matches", rule.no_matches, False)):
        for number, story in enumerate(stories, start=1):
            try:
                entries = entries_of(story, normalize)
            except BadExample as error:
                yield f"{rule.name}: example {number} of {key} {error}."
                continue
            if is_alerting(rule, entries) != alerts:
                yield f"{rule.name}: example {number} of {key} {'does not alert' if alerts else 'alerts'}."


def is_alerting(rule: WatchRule, entries: pl.DataFrame) -> bool:
    """Whether a rule alerts in any hour of the entries (ENTRY_SCHEMA)."""
    since = BEGINS - timedelta(days=2)
    located = entries.with_columns(network=network_of(pl.col("ip_address")))
    uses = located.filter(pl.col("action_result").fill_null("") != "failure").select(
        actor="actor_key",
        hour=pl.col("time").dt.truncate("1h"),
        part=pl.lit(NETWORK),
        value="network",
        changed="is_change",
    )
    judged = located.filter(pl.col("time") >= since)
    matches = find_matches([rule], with_new_networks(judged.lazy(), uses.drop_nulls("value").cast(ORIGIN_USES)))
    return not find_alerts([rule], matches, since, BEGINS + timedelta(days=100)).is_empty()


def entries_of(story: Sequence[Mapping[str, Any]], normalize: Normalize) -> pl.DataFrame:
    """The rows of an example, in the order of their times. Raises `BadExample` for what is no entry."""
    written: dict[str, list[dict[str, Any]]] = {"v2": [], "v1": [], "organization": []}
    for position, table in enumerate(story):
        stream = table.get("stream", "v2")
        if stream not in written:
            raise BadExample(f"has the stream {stream!r}: it is v2, v1 or organization")
        times, every, minute = (
            _number(table, key, default) for key, default in zip(OWN_KEYS[1:4], (1, 0, 0), strict=True)
        )
        known = table.get("known", False)
        if not isinstance(known, bool):
            raise BadExample(f"has known = {known!r}: it is true or false")
        begins = BEGINS - KNOWN_FOR if known else BEGINS
        members = {key: value for key, value in table.items() if key not in OWN_KEYS}
        for number in range(int(times)):
            time = begins + timedelta(minutes=minute + every * number, milliseconds=number)
            written[stream].append(_entry(stream, members, time, f"{position:08x}-{number:08x}"))
    frames = []
    for stream, entries in written.items():
        rows, unreadable = normalize(entries, stream)
        if unreadable:
            raise BadExample(f"can't be read as an entry: {unreadable[0]['reason']}")
        frames.append(rows)
    return pl.concat(frames).sort("time")


def _number(table: Mapping[str, Any], key: str, default: float) -> float:
    value = table.get(key, default)
    if isinstance(value, bool) or not isinstance(value, int | float) or not -1_440 <= value <= 100_000:
        raise BadExample(f"has {key} = {value!r}: it is a number")
    return value


def _entry(stream: str, members: Mapping[str, Any], time: datetime, number: str) -> dict[str, Any]:
    when = time.isoformat().replace("+00:00", "Z")
    if stream == "v1":
        usual = {"id": number, "when": when, "action": {"result": True}, "actor": {**PERSON}}
    else:
        usual = {"id": number, "action": {"time": when, "result": "success"}, "actor": {**PERSON}}
    return _joined(usual, members)


def _joined(usual: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """The given members over the usual ones."""
    both = {**usual, **given}
    return {
        key: _joined(usual[key], value) if isinstance(value, dict) and isinstance(usual.get(key), dict) else value
        for key, value in both.items()
    }
