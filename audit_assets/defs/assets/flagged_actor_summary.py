"""The output of the hour: which actors were flagged, why, and with which ticket.

In: everything that the hour's other assets wrote. Out: one JSON object per hour (summaries.py has its fields), in the
hour store, in the asset's metadata, and at the team's webhook if it has one. True afterwards: every flagged actor is in
it, whether or not a ticket was opened, and so is every deviation that did not ring, with the reason; and the digest of
the hour's day did not fail.
"""

import math
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import dagster as dg
import polars as pl

from audit_assets.config import policy
from audit_assets.config.change_filter import COLUMNS, is_change
from audit_assets.config.errors import ServiceError, StoreError
from audit_assets.config.settings import ticket_max_age
from audit_assets.defs.assets.actor_baselines import ASSESSED, BASELINES
from audit_assets.defs.assets.flagged_actors import FLAGGED
from audit_assets.defs.assets.opened_tickets import TICKETS, opened_tickets
from audit_assets.defs.assets.organisation_history import SCORES_BEFORE, day_of, days_of
from audit_assets.defs.assets.raw_audit_entries import ENTRIES, QUARANTINE
from audit_assets.defs.failures import raise_as_dagster_failure
from audit_assets.defs.markdown_tables import ROWS_SHOWN, markdown_table
from audit_assets.defs.partitions import AN_HOUR, hourly_asset, hours_in, key_of
from audit_assets.defs.resources import StorageResource, WebhookResource
from audit_assets.defs.steps.day_digests import DIGESTS
from audit_assets.defs.steps.dry_runs import is_dry_run
from audit_assets.detection.alert_threshold import LEARNING_DAYS
from audit_assets.detection.baselines import history_since, is_learning
from audit_assets.detection.schemas import LEARNING
from audit_assets.reports.summary import (
    SUMMARY_VERSION,
    Actor,
    DeviationShown,
    FlaggedActor,
    HourSummary,
    TicketShown,
    summary_hash,
)
from audit_assets.storage.hour_store import HourStore
from audit_assets.storage.pull_history import last_began
from audit_assets.tickets.deviation_sentences import describe, describe_together, telling_first
from audit_assets.tickets.finding_builder import deviation_of

SUMMARY = "flagged_actor_summary"

DELIVERIES = "delivered_summaries"
"""Per hour what the webhook got last: the summary's `digest`, and the `problem` if it did not get it."""


@hourly_asset(deps=[opened_tickets], kinds={"json"})
def flagged_actor_summary(
    context: dg.AssetExecutionContext,
    storage: dg.ResourceParam[StorageResource],
    webhook: dg.ResourceParam[WebhookResource],
) -> None:
    """The hour in one object: entries, flagged actors, their deviations in numbers and words, their tickets."""
    with raise_as_dagster_failure():
        store = storage.open()
        for hour in hours_in(context):
            summary = summary_of(store, hour)
            store.write_json(SUMMARY, hour, summary)
            told = webhook.is_set() and "dry_run" not in summary
            if told and storage.now() - (hour + AN_HOUR) <= ticket_max_age():
                _deliver(store, hour, summary, webhook)
            overview = [
                {"severity": actor["severity"], "actor": actor["actor"], "why": why}
                for actor in summary["flagged"]
                for why in actor["in_words"]
            ]
            context.add_asset_metadata(
                {
                    **_rests_on(store, hour),
                    "flagged": len(summary["flagged"]),
                    "dismissed": summary["dismissed"],
                    "below_threshold": len(summary["below_threshold"]),
                    "overview": dg.MetadataValue.md(markdown_table(pl.DataFrame(overview))),
                    "summary": dg.MetadataValue.json(_shown(summary)),
                },
                partition_key=key_of(hour),
            )
        digests = [store.read_json(DIGESTS, day) or {} for day in days_of(hours_in(context))]
        if failed := [digest for digest in digests if digest.get("problem")]:
            told = "; ".join(f"{digest['day']}: {digest['problem']}" for digest in failed)
            raise dg.Failure(f"The digest of findings under the budget failed, of {told}")


def _rests_on(store: HourStore, hour: datetime) -> dict[str, dg.MetadataValue[Any]]:
    """When the pull began whose entries are summed up: an hour is pulled again until none can come any more."""
    began = last_began(store.evidence(ENTRIES, hour) or {})
    return {"pull_began": dg.MetadataValue.timestamp(began)} if began else {}


def _deliver(store: HourStore, hour: datetime, summary: HourSummary, webhook: WebhookResource) -> None:
    """Send what is new. A receiver that can't take it is told by a check: an hour does not fail for it."""
    told, before = summary_hash(summary), store.read_json(DELIVERIES, hour) or {}
    if before.get("digest") == told and not before.get("problem"):
        return
    problem = None
    try:
        webhook.post(summary)
    except ServiceError as error:
        problem = str(error)
    store.write_json(DELIVERIES, hour, {"digest": told, "problem": problem})


def summary_of(store: HourStore, hour: datetime) -> HourSummary:
    """The summary of an hour whose other assets are materialised.

    `flagged` are the actors whose deviations ring, `dismissed` so many of them for people to have said so; `below_threshold`
    those whose do not, with their `disposition`: `below_threshold` (unusual, but not among the rarest that the budget has
    tickets for), `allowed` (by the policy, `allowed_because`) or `organisation` (told once for all). `learning` says
    that less than a week of history is known, `still_learning` what else is judged by defaults for
    want of history. Raises `StoreError` if a part of the hour is missing.
    """
    entries = store.require(ENTRIES, hour, ["actor_key", "actor", "time", *COLUMNS])
    names = dict(entries.sort("time").select("actor_key", "actor").iter_rows())
    baselines = store.require(BASELINES, hour)
    tickets = {row["actor_key"]: row for row in store.require(TICKETS, hour).to_dicts()}
    told = store.require(FLAGGED, hour)
    rings = pl.col("disposition") == "ticket"
    flagged = told.filter(rings).partition_by("actor_key", maintain_order=True)
    below_threshold = told.filter(~rings).partition_by("actor_key", maintain_order=True)
    if any(rows["actor_key"][0] not in tickets for rows in flagged):
        raise StoreError(f"{TICKETS} of {key_of(hour)} is older than {FLAGGED}: materialise it for this hour.")
    summary: HourSummary = {
        "version": SUMMARY_VERSION,
        "hour": key_of(hour),
        "entries": {
            "pulled": entries.height,
            "by_stream": dict(entries.group_by("stream").len().sort("stream").iter_rows()),
            "changes": entries.filter(is_change(policy.counted())).height,
            "actors": entries["actor_key"].n_unique(),
            "quarantined": store.require(QUARANTINE, hour).height,
        },
        "history_since": _iso(history_since(baselines)),
        "learning": is_learning(baselines, hour),
        "still_learning": _still_learning(store, hour),
        "dismissed": sum(ticket["outcome"] == "dismissed" for ticket in tickets.values()),
        "flagged": [_flagged(rows.to_dicts(), names, tickets[rows["actor_key"][0]]) for rows in flagged],
        "below_threshold": [_actor(rows.to_dicts(), names) for rows in below_threshold],
    }
    if is_dry_run(store, hour):
        summary["dry_run"] = True
    return summary


def _shown(summary: HourSummary) -> dict[str, Any]:
    """Of a flood, as many actors as Dagster's database and pages can take; the hour store holds all."""
    return {
        **summary,
        "flagged": summary["flagged"][:ROWS_SHOWN],
        "below_threshold": summary["below_threshold"][:ROWS_SHOWN],
    }


def _still_learning(store: HourStore, hour: datetime) -> dict[str, str]:
    """What is judged by defaults for all actors of the hour, in words."""
    learning = store.require(ASSESSED, hour).filter(pl.col("hour") == hour)["learning"]
    everywhere = (set(LEARNING) - {"actor"}) & set(learning.explode().drop_nulls())
    before = store.require(SCORES_BEFORE, day_of(hour), ["hour"])["hour"].min()
    if not isinstance(before, datetime) or hour - before < timedelta(days=LEARNING_DAYS):
        everywhere.add("budget")
    return {piece: words for piece, words in LEARNING.items() if piece in everywhere}


def _flagged(rows: Sequence[Mapping[str, Any]], names: Mapping[str, str], ticket: Mapping[str, Any]) -> FlaggedActor:
    shown: TicketShown = {
        "outcome": ticket["outcome"],
        "identifier": ticket["identifier"],
        "url": ticket["url"],
        "closed": ticket["closed"],
    }
    if planned_action := ticket.get("planned_action"):
        shown["planned_action"] = planned_action
    return {**_actor(rows, names), "ticket": shown}


def _actor(rows: Sequence[Mapping[str, Any]], names: Mapping[str, str]) -> Actor:
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


def _deviation(row: Mapping[str, Any], names: Mapping[str, str], learning: bool) -> DeviationShown:
    numbers: Any = {key: row[key] for key in NUMBERS if row[key] not in (None, math.inf)}
    if "last_touched" in numbers:
        numbers["last_touched"] = _iso(numbers["last_touched"])
    return numbers | {"in_words": describe(deviation_of(row, names), learning=learning)}


NUMBERS = [name for name in DeviationShown.__annotations__ if name != "in_words"]


def _iso(time: Any) -> str | None:
    return time.isoformat() if isinstance(time, datetime) else None
