"""Builds the finding about the entries of an hour that could not be read: how many, why, when, and how they begin."""

import polars as pl

from audit_assets.detection.unreadable_entries import REASON, UNREADABLE
from audit_assets.tickets.finding import ENTRIES_SHOWN, Finding
from audit_assets.tickets.finding_builder import Links, build_finding


def unreadable_finding(
    account_id: str, flagged: pl.DataFrame, quarantined: pl.DataFrame, *, links: Links | None = None
) -> Finding:
    """The finding of the rows of FLAGGED_ACTORS of that kind, of one hour, and of the entries behind them: stream,
    reason, native_id, time and raw. A stream is in place of an action, a reason in place of a resource type."""
    in_order = quarantined.sort("time", maintain_order=True).with_columns(REASON)
    by_reason = in_order.group_by("stream", "reason", maintain_order=True).agg(
        pl.len().alias("changes"), oldest=pl.col("time").min(), newest=pl.col("time").max()
    )
    lines = in_order.select(
        "time",
        action="stream",
        resource_type="reason",
        resource_id="native_id",
        excerpt="raw",
        **dict.fromkeys(("zone", "ip_address", "interface", "result"), pl.lit(None, pl.String)),
    )
    evidence = {
        "entries": lines.head(ENTRIES_SHOWN).to_dicts(),
        "last_entries": lines.slice(ENTRIES_SHOWN).tail(ENTRIES_SHOWN).to_dicts(),
        "total": lines.height,
        "others": 0,
        "change_totals": [],
        "action_summaries": by_reason.sort(-pl.col("changes").cast(pl.Int64), "oldest", "stream", "reason")
        .rename({"stream": "action", "reason": "resource_type"})
        .to_dicts(),
        "origins": [],
        "active_days": None,
        "too_many_origins": False,
        "created_at": None,
        "created_by": None,
        "first_active": None,
    }
    return build_finding(account_id, flagged.to_dicts(), {UNREADABLE: evidence}, links or Links())
