"""The summary of an hour, built from what its other assets stored, and its delivery to the team's webhook."""

import math
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import polars as pl

from audit_assets.config.accounts_file import account_to_name
from audit_assets.config.errors import ServiceError, SettingError, StoreError
from audit_assets.defs.delivery_resources import WebhookResource
from audit_assets.defs.steps.dry_runs import is_dry_run
from audit_assets.defs.steps.history_coverage import stored_hours_present
from audit_assets.defs.steps.run_inputs import RunInputs
from audit_assets.detection.alert_threshold import LEARNING_DAYS
from audit_assets.detection.baselines import history_since, is_learning
from audit_assets.detection.schemas import LEARNING
from audit_assets.detection.volume import ACTIVE_HOURS
from audit_assets.reports.summary import (
    SUMMARY_VERSION,
    Actor,
    DeviationShown,
    Entries,
    FlaggedActor,
    HourSummary,
    TicketShown,
    summary_hash,
)
from audit_assets.storage.hour_store import HourStore
from audit_assets.storage.hours import day_of, key_of
from audit_assets.storage.tables import ASSESSED, BASELINES, DELIVERIES, FLAGGED, QUARANTINE, SCORES_BEFORE, TICKETS
from audit_assets.tickets.deviation_sentences import (
    describe,
    describe_origin,
    describe_other_accounts,
    describe_time,
    describe_together,
)
from audit_assets.tickets.finding_builder import deviation_of
from audit_assets.tickets.phrases import rarest_types_first


def build_summary(inputs: RunInputs, hour: datetime) -> HourSummary:
    """The summary of an hour whose other assets are materialised: `flagged` are the actors who are to get a ticket,
    `below_threshold` the others. Raises `StoreError` if a part of the hour is missing."""
    store = inputs.store
    baselines = store.require(BASELINES, hour)
    tickets = {row["actor_key"]: row for row in store.require(TICKETS, hour).to_dicts()}
    deviations = store.require(FLAGGED, hour)
    alerts = pl.col("disposition") == "ticket"
    flagged = deviations.filter(alerts).partition_by("actor_key", maintain_order=True)
    below_threshold = deviations.filter(~alerts).partition_by("actor_key", maintain_order=True)
    if any(rows["actor_key"][0] not in tickets for rows in flagged):
        raise StoreError(f"{TICKETS} of {key_of(hour)} is older than {FLAGGED}: materialise it for this hour.")
    summary: HourSummary = {
        "version": SUMMARY_VERSION,
        "hour": key_of(hour),
        "entries": _entries(inputs, hour),
        "history_since": _iso(history_since(baselines)),
        "learning": is_learning(baselines, hour),
        "still_learning": _still_learning(store, hour),
        "dismissed": sum(ticket["outcome"] == "dismissed" for ticket in tickets.values()),
        "flagged": [_flagged(rows.to_dicts(), tickets[rows["actor_key"][0]]) for rows in flagged],
        "below_threshold": [_actor(rows.to_dicts()) for rows in below_threshold],
    }
    if (present := stored_hours_present(store, hour)) is not None:
        summary["hours_present"] = present
    if is_dry_run(store, hour):
        summary["dry_run"] = True
    if account := account_to_name():
        summary["account"] = {"key": account.key, "name": account.name, "id": inputs.account_id}
    return summary


def deliver_summary(store: HourStore, hour: datetime, summary: HourSummary, webhook: WebhookResource) -> None:
    """Send what is new to the webhook. A receiver that can't take it is reported by a check: no hour fails for it."""
    if not webhook.is_set():
        return
    content, before = summary_hash(summary), store.read_json(DELIVERIES, hour) or {}
    if before.get("digest") == content and not before.get("problem"):
        return
    problem = None
    try:
        webhook.post(summary, is_update=bool(before) and not before.get("problem"))
    except (ServiceError, SettingError) as error:
        problem = str(error)
    store.write_json(DELIVERIES, hour, {"digest": content, "problem": problem})


def _entries(inputs: RunInputs, hour: datetime) -> Entries:
    loaded = inputs.entries_of(hour)
    return {
        "pulled": loaded.entries.height,
        "by_stream": dict(loaded.entries.group_by("stream").len().sort("stream").iter_rows()),
        "changes": int(loaded.change_counts["changes"].sum()),
        "actors": loaded.actors.height,
        "quarantined": inputs.store.require(QUARANTINE, hour, ["stream"]).height,
    }


def _still_learning(store: HourStore, hour: datetime) -> dict[str, str]:
    """What is judged by defaults for all actors of the hour, in words."""
    learning = store.require(ASSESSED, hour).filter(pl.col("hour") == hour)["learning"]
    everywhere = (set(LEARNING) - {"actor", "newcomer"}) & set(learning.explode().drop_nulls())
    before = store.require(SCORES_BEFORE, day_of(hour), ["hour"])["hour"].min()
    if not isinstance(before, datetime) or hour - before < timedelta(days=LEARNING_DAYS):
        everywhere.add("budget")
    return {piece: words for piece, words in LEARNING.items() if piece in everywhere}


def _flagged(rows: Sequence[Mapping[str, Any]], ticket: Mapping[str, Any]) -> FlaggedActor:
    shown: TicketShown = {
        "outcome": ticket["outcome"],
        "identifier": ticket["identifier"],
        "url": ticket["url"],
        "closed": ticket["closed"],
    }
    if planned_action := ticket.get("planned_action"):
        shown["planned_action"] = planned_action
    if related := ticket.get("related"):
        shown["related"] = related
    actor = _actor(rows)
    if exceeds := ticket.get("exceeds"):
        actor["in_words"] = [*actor["in_words"], exceeds]
    return {**actor, "ticket": shown}


def _actor(rows: Sequence[Mapping[str, Any]]) -> Actor:
    first = rows[0]
    learning = bool(first["learning"])
    deviations = rarest_types_first([deviation_of(row) for row in rows])
    together = describe_together(deviations, learning=learning)
    of_hour = (
        describe_time(deviations, first["hour"]),
        describe_origin(deviations),
        describe_other_accounts(deviations),
    )
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
            *(sentence for sentence in of_hour if sentence),
        ],
        "deviations": [_deviation(row, learning) for row in rows],
        "axiom_url": first["axiom_url"],
    }


NUMBERS = [name for name in DeviationShown.__annotations__ if name != "in_words"]


def _deviation(row: Mapping[str, Any], learning: bool) -> DeviationShown:
    numbers: Any = {key: row[key] for key in NUMBERS if row.get(key) not in (None, math.inf)}
    if numbers.get("horizon") == ACTIVE_HOURS.name:
        in_place_of = {"active_of_24_hours": "changes", "usual_of_24_hours": "baseline_mean"}
        numbers |= {name: numbers.pop(other) for name, other in in_place_of.items()}
    if "last_touched" in numbers:
        numbers["last_touched"] = _iso(numbers["last_touched"])
    return numbers | {"in_words": describe(deviation_of(row), learning=learning)}


def _iso(time: Any) -> str | None:
    return time.isoformat() if isinstance(time, datetime) else None
