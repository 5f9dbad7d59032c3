"""Entries that could not be read are a finding of their own: they count for nothing, so a change may be hidden in them.

No history excuses it and no budget limits it: whoever could make entries unreadable would otherwise be unseen.
"""

from datetime import datetime

import polars as pl

from audit_assets.detection.schemas import FLAG, HOUR

UNREADABLE = "unreadable_entries"
"""The kind of such a deviation, and in place of an actor key: nobody knows whose entries they are."""

UNREADABLE_COUNTS = pl.Schema({"hour": HOUR, "reason": pl.String, "entries": pl.Int64})
"""How many entries of an hour could not be read, by reason."""

SEVERITY = "high"
"""Mostly Cloudflare has changed its format, which is urgent for nobody; but until somebody has looked, a part of the
log is not watched. A judgement."""

REASON = pl.col("reason").str.split(" (").list.first()
"""Why, without the examples in brackets."""


def count_unreadable(quarantined: pl.DataFrame, hour: datetime) -> pl.DataFrame:
    """UNREADABLE_COUNTS of an hour whose unreadable entries are these rows (`reason`), the most frequent first."""
    counts = quarantined.group_by(reason=REASON).agg(entries=pl.len())
    in_order = counts.sort(-pl.col("entries").cast(pl.Int64), "reason")
    return in_order.select(hour=pl.lit(hour), reason="reason", entries="entries").cast(UNREADABLE_COUNTS)


def flag_unreadable(counts: pl.DataFrame) -> pl.DataFrame:
    """A FLAG row for each of UNREADABLE_COUNTS: the reason is in place of a resource type, the entries in place of
    changes."""
    rows = counts.select(
        "hour",
        actor_key=pl.lit(UNREADABLE),
        actor=pl.lit("the audit log"),
        actor_type=pl.lit(UNREADABLE),
        kind=pl.lit(UNREADABLE),
        severity=pl.lit(SEVERITY),
        disposition=pl.lit("ticket"),
        resource_type="reason",
        changes="entries",
    )
    return pl.concat([FLAG.to_frame(), rows], how="diagonal")
