"""Flagged actors → Linear: one ticket for each, as many as people can read; one for all the others.

In: the hour's deviations that ring, and the Parquet hour behind them. Out: per flagged actor the ticket, and whether it
was opened, joined or already told. True afterwards: every flagged actor of an hour that opens tickets is on exactly
one, however often the hour is run, or was dismissed by people. A backfill opens none: the hour must have ended not long
ago (AUDIT_ASSETS_TICKET_MAX_AGE_HOURS), and a week of history must be known, unless the run config says otherwise. A
dry run opens none either, renders all of them, and changes nothing for the runs that follow.
"""

from collections.abc import Mapping
from contextlib import closing
from datetime import datetime
from enum import Enum
from functools import partial
from typing import Any

import dagster as dg
import polars as pl

from audit_assets.config import settings
from audit_assets.defs.assets.actor_baselines import BASELINES
from audit_assets.defs.assets.flagged_actors import FLAGGED, flagged_actors
from audit_assets.defs.assets.organisation_history import day_of
from audit_assets.defs.failures import raise_as_dagster_failure
from audit_assets.defs.partitions import AN_HOUR, hourly_asset, hours_in, key_of
from audit_assets.defs.resources import (
    AxiomResource,
    CloudflareResource,
    LinearResource,
    StorageResource,
    TriageResource,
)
from audit_assets.defs.steps.day_digests import digest_of, tell_digest
from audit_assets.defs.steps.dry_runs import DRY_RUN, RENDERED, in_markdown, render_hour
from audit_assets.defs.steps.ticket_charts import tell_of
from audit_assets.defs.steps.ticket_writing import OPENED_TICKETS, TICKETS, with_earlier, write_tickets
from audit_assets.detection.baselines import is_learning
from audit_assets.reports.dry_run_hour import DryRunHour
from audit_assets.reports.summary import DigestShown
from audit_assets.storage.hour_store import HourStore
from audit_assets.triage.hour_notes import HourNotes


class OpenTickets(Enum):
    """Whether the run opens tickets. `auto`: for hours that ended not long ago, once a week is known."""

    auto = "auto"
    always = "always"
    never = "never"


class OpenedTicketsConfig(dg.Config):
    """The run config of `opened_tickets`. `dry_run`: render the tickets and open none; without it,
    LINEAR_DRY_RUN decides."""

    open_tickets: OpenTickets = OpenTickets.auto
    dry_run: bool | None = None


@hourly_asset(deps=[flagged_actors], kinds={"linear"}, pool="linear_tickets")
def opened_tickets(
    context: dg.AssetExecutionContext,
    config: OpenedTicketsConfig,
    axiom: dg.ResourceParam[AxiomResource],
    cloudflare: dg.ResourceParam[CloudflareResource],
    linear: dg.ResourceParam[LinearResource],
    storage: dg.ResourceParam[StorageResource],
    triage: dg.ResourceParam[TriageResource],
) -> None:
    """One Linear ticket per flagged actor, and one for all beyond AUDIT_ASSETS_TICKETS_PER_HOUR. Safe to run again: a
    ticket's id follows from account and actor, or from account and hour."""
    with raise_as_dagster_failure():
        store, account = storage.open(), cloudflare.account_id()
        problems: list[str] = []
        dry_run = settings.dry_run() if config.dry_run is None else config.dry_run
        last_of = {day_of(hour): hour for hour in hours_in(context)}
        linear = linear.dry_run() if dry_run else linear  # whoever gets it from here on can't write
        for hour in hours_in(context):
            flagged = store.require(FLAGGED, hour).filter(pl.col("disposition") == "ticket")
            reason = skip_reason(config.open_tickets, storage.now(), hour, store.require(BASELINES, hour))
            before = store.read(TICKETS, hour)
            if reason and _still_owed(reason, before):
                reason = None
            with closing(triage.hour_notes()) as notes:
                given: dict[str, Any] = {
                    "store": store,
                    "axiom": axiom,
                    "noted": notes.noted,
                    "run_id": context.run.run_id,
                }
                failed: list[str] = []
                if dry_run:
                    digest = digest_of(store, day_of(hour), account, axiom) if hour == last_of[day_of(hour)] else None
                    given |= {"digest": digest, "skip_reason": reason, "linear": linear}
                    rendered = render_hour(account, hour, flagged, **given)
                    _show(rendered, context, store, hour)
                    opened, failed = _after_dry_run(rendered.rows, before), rendered.problems
                elif reason or flagged.is_empty():
                    opened = _not_opened(flagged, reason, before)
                else:
                    with closing(linear.client()) as client:
                        opened, charts = write_tickets(account, flagged, client=client, **given)
                    tell_of(charts, context, hour)
                    failed = opened["problem"].drop_nulls().to_list()
                _tell_of(notes, context, hour)
            problems += failed
            store.write(TICKETS, hour, opened, {DRY_RUN: True} if dry_run else None)
            context.add_asset_metadata(_shown(opened), partition_key=key_of(hour))
            for refused in opened["refused"].drop_nulls().unique(maintain_order=True):
                context.log.warning(refused)
        for day, last in () if dry_run else last_of.items():
            told = partial(skip_reason, config.open_tickets, storage.now())
            if digest := tell_digest(store, day, account, told, axiom, linear):
                context.add_asset_metadata(_shown_digest(digest), partition_key=key_of(last))
        if problems:
            what = "could not be rendered" if dry_run else "got no ticket"
            raise dg.Failure(f"{len(problems):,} flagged actors {what}. First: {problems[0]}")


def _still_owed(reason: str, before: pl.DataFrame | None) -> bool:
    """Whether tickets of this hour were due in time and failed: they do not become too old meanwhile."""
    return reason == "too_old" and before is not None and (before["outcome"] == "failed").any()


def _not_opened(flagged: pl.DataFrame, reason: str | None, before: pl.DataFrame | None) -> pl.DataFrame:
    """A row per flagged actor with the reason, or with the ticket that an earlier run of the hour opened."""
    actors = flagged.select("hour", "actor_key", outcome=pl.lit(reason)).unique(maintain_order=True)
    rows = pl.concat([pl.DataFrame(schema=OPENED_TICKETS), actors], how="diagonal_relaxed")
    return rows if before is None else with_earlier(rows, before.drop_nulls("identifier"))


def _show(rendered: DryRunHour, context: dg.AssetExecutionContext, store: HourStore, hour: datetime) -> None:
    """The output of a dry run: the tickets, whole in the hour store, and as many as fit on the asset's page."""
    store.write_json(RENDERED, hour, rendered.as_json())
    context.add_asset_metadata({"rendered": dg.MetadataValue.md(in_markdown(rendered))}, partition_key=key_of(hour))


def _after_dry_run(rows: pl.DataFrame, before: pl.DataFrame | None) -> pl.DataFrame:
    """The rows of a dry run, which takes nothing back: what a real run opened, and what it still owes, stays."""
    if before is None:
        return rows
    done = pl.col("identifier").is_not_null() | pl.col("outcome").is_in(["failed", "unreadable"])
    return with_earlier(rows, before.filter(done))


def skip_reason(wanted: OpenTickets, now: datetime, hour: datetime, baselines: pl.DataFrame) -> str | None:
    """Why, as it is `now`, this hour opens no tickets: `never`, `too_old` or `learning`; None if it does.

    `baselines`: the hour's BASELINE frame, whose row for the organisation says how far back its history goes.
    """
    if wanted is OpenTickets.never:
        return "never"
    if wanted is OpenTickets.always:
        return None
    if now - (hour + AN_HOUR) > settings.ticket_max_age():
        return "too_old"
    return "learning" if is_learning(baselines, hour) else None


def _tell_of(notes: HourNotes, context: dg.AssetExecutionContext, hour: datetime) -> None:
    """How many notes a model wrote, and why others are missing: once an hour, and in no ticket's way."""
    if notes.written:
        context.add_asset_metadata({"triage_notes": notes.written}, partition_key=key_of(hour))
    if notes.errors:
        context.log.warning(" ".join(notes.errors))
        context.add_asset_metadata({"triage_errors": " ".join(notes.errors)}, partition_key=key_of(hour))


def _shown(tickets: pl.DataFrame) -> Mapping[str, Any]:
    outcomes = {outcome: count for outcome, count in tickets.group_by("outcome").len().iter_rows() if outcome}
    each = tickets.drop_nulls("url").unique("ticket_id", maintain_order=True)
    links = [f"[{identifier}]({url})" for identifier, url in each.select("identifier", "url").iter_rows()]
    refused = tickets["refused"].drop_nulls().unique(maintain_order=True).to_list()
    told = {"refused": " ".join(refused)} if refused else {}
    return {"tickets": len(links), **outcomes, **told, "links": dg.MetadataValue.md(" · ".join(links) or "none")}


def _shown_digest(digest: DigestShown) -> Mapping[str, Any]:
    ticket = f"[{digest['identifier']}]({digest['url']})" if digest["identifier"] else "none"
    said = f"{digest['day']}: {ticket} ({digest['outcome']})"
    return {"digest": dg.MetadataValue.md(said), "digest_findings": digest["findings"]}
