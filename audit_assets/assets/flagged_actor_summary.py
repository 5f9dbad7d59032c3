"""The output of the hour: which actors were flagged, why, and with which ticket.

In: everything that the hour's other assets wrote. Out: one JSON object per hour, in the hour store and in the
asset's metadata. True afterwards: every flagged actor is in it, whether or not a ticket was opened, and so is every
deviation that did not ring, with the reason.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import dagster as dg
import polars as pl

from audit_assets import policy
from audit_assets.assets.actor_baselines import ASSESSED, BASELINES
from audit_assets.assets.flagged_actors import FLAGGED
from audit_assets.assets.opened_tickets import TICKETS, deviation_of, opened_tickets
from audit_assets.assets.organisation_history import SCORES_BEFORE, day_of
from audit_assets.assets.previews import markdown_table
from audit_assets.assets.raw_audit_entries import ENTRIES, QUARANTINE
from audit_assets.counted import COLUMNS, counts
from audit_assets.detection.baselines import history_since, is_learning
from audit_assets.detection.budget import LEARNING_DAYS
from audit_assets.detection.scores import LEARNING
from audit_assets.errors import StoreError
from audit_assets.failures import told_as_failures
from audit_assets.hour_store import HourStore
from audit_assets.linear.sentences import describe, describe_together, telling_first
from audit_assets.partitions import hourly_asset, hours_in, key_of
from audit_assets.resources import StorageResource

SUMMARY = "flagged_actor_summary"

SUMMARY_VERSION = 1
"""Raised when a field of the summary changes its meaning or goes away."""


@hourly_asset(deps=[opened_tickets], kinds={"json"})
def flagged_actor_summary(context: dg.AssetExecutionContext, storage: dg.ResourceParam[StorageResource]) -> None:
    """The hour in one object: entries, flagged actors, their deviations in numbers and words, their tickets."""
    with told_as_failures():
        store = storage.open()
        for hour in hours_in(context):
            summary = summary_of(store, hour)
            store.write_json(SUMMARY, hour, summary)
            overview = [
                {"severity": actor["severity"], "actor": actor["actor"], "why": why}
                for actor in summary["flagged"]
                for why in actor["in_words"]
            ]
            context.add_asset_metadata(
                {
                    "flagged": len(summary["flagged"]),
                    "not_rung": len(summary["not_rung"]),
                    "overview": dg.MetadataValue.md(markdown_table(pl.DataFrame(overview))),
                    "summary": dg.MetadataValue.json(summary),
                },
                partition_key=key_of(hour),
            )


def summary_of(store: HourStore, hour: datetime) -> dict[str, Any]:
    """The summary of an hour whose other assets are materialised; all values are JSON, times are ISO 8601 in UTC.

    `flagged` are the actors whose deviations ring; `not_rung` those whose do not, with their `standing`: `under_budget`
    (unusual, but not among the rarest that the budget has tickets for), `allowed` (by the policy, `allowed_because`) or
    `organisation` (told once for all). `learning` says that less than a week of history is known, `still_learning` what
    else is judged by defaults for want of history. Raises `StoreError` if a part of the hour is missing.
    """
    entries = store.require(ENTRIES, hour, ["actor_key", "actor", "time", *COLUMNS])
    names = dict(entries.sort("time").select("actor_key", "actor").iter_rows())
    baselines = store.require(BASELINES, hour)
    tickets = {row["actor_key"]: row for row in store.require(TICKETS, hour).to_dicts()}
    told = store.require(FLAGGED, hour)
    rings = pl.col("standing") == "ticket"
    flagged = told.filter(rings).partition_by("actor_key", maintain_order=True)
    not_rung = told.filter(~rings).partition_by("actor_key", maintain_order=True)
    if any(rows["actor_key"][0] not in tickets for rows in flagged):
        raise StoreError(f"{TICKETS} of {key_of(hour)} is older than {FLAGGED}: materialise it for this hour.")
    return {
        "version": SUMMARY_VERSION,
        "hour": key_of(hour),
        "entries": {
            "pulled": entries.height,
            "by_stream": dict(entries.group_by("stream").len().sort("stream").iter_rows()),
            "changes": entries.filter(counts(policy.counted())).height,
            "actors": entries["actor_key"].n_unique(),
            "quarantined": store.require(QUARANTINE, hour).height,
        },
        "history_since": _iso(history_since(baselines)),
        "learning": is_learning(baselines, hour),
        "still_learning": _still_learning(store, hour),
        "flagged": [_flagged(rows.to_dicts(), names, tickets[rows["actor_key"][0]]) for rows in flagged],
        "not_rung": [_actor(rows.to_dicts(), names) for rows in not_rung],
    }


def _still_learning(store: HourStore, hour: datetime) -> dict[str, str]:
    """What is judged by defaults for all actors of the hour, in words."""
    learning = store.require(ASSESSED, hour).filter(pl.col("hour") == hour)["learning"]
    everywhere = (set(LEARNING) - {"actor"}) & set(learning.explode().drop_nulls())
    before = store.require(SCORES_BEFORE, day_of(hour), ["hour"])["hour"].min()
    if not isinstance(before, datetime) or hour - before < timedelta(days=LEARNING_DAYS):
        everywhere.add("budget")
    return {piece: words for piece, words in LEARNING.items() if piece in everywhere}


def _flagged(rows: Sequence[Mapping[str, Any]], names: Mapping[str, str], ticket: Mapping[str, Any]) -> dict[str, Any]:
    shown = {key: ticket[key] for key in ("outcome", "identifier", "url", "closed")}
    return _actor(rows, names) | {"ticket": shown}


def _actor(rows: Sequence[Mapping[str, Any]], names: Mapping[str, str]) -> dict[str, Any]:
    first = rows[0]
    learning = bool(first["learning"])
    deviations = telling_first([deviation_of(row, names) for row in rows])
    together = describe_together(deviations, learning=learning)
    return {
        "actor": first["actor"],
        "actor_key": first["actor_key"],
        "actor_type": first["actor_type"],
        "severity": first["severity"],
        "severity_because": first["severity_because"] or [],
        "tickets_a_day": first["tickets_a_day"],
        "learning": first["learning"] or [],
        "in_words": [
            *([together] if together else []),
            *(describe(deviation, learning=learning) for deviation in deviations),
        ],
        "deviations": [_deviation(row, names, learning) for row in rows],
        "axiom_url": first["axiom_url"],
    }


def _deviation(row: Mapping[str, Any], names: Mapping[str, str], learning: bool) -> dict[str, Any]:
    numbers = {key: row[key] for key in NUMBERS if row[key] is not None}
    if "last_touched" in numbers:
        numbers["last_touched"] = _iso(numbers["last_touched"])
    return numbers | {"in_words": describe(deviation_of(row, names), learning=learning)}


NUMBERS = (
    "kind",
    "resource_type",
    "changes",
    "usual",
    "ratio",
    "most",
    "active_hours",
    "judged_against",
    "first_ever",
    "last_touched",
    "new_to_organisation",
    "standing",
    "allowed_because",
    "horizon",
    "p",
    "once_in_years",
    "colleagues",
    "organisation_actors",
    "new_types",
    "touched_types",
    "members",
)
"""The fields of a deviation in the summary, in this order; those that do not apply are left out."""


def _iso(time: Any) -> str | None:
    return time.isoformat() if isinstance(time, datetime) else None
