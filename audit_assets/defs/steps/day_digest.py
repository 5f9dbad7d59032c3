"""A UTC day's findings below the alert threshold → one ticket, opened once all hours of the day are there.

A day with a missing hour has no digest yet: the check `every_hour_is_done` names that hour.
"""

from collections.abc import Mapping
from contextlib import closing
from datetime import datetime
from typing import Any

import polars as pl

from audit_assets.cloudflare.entries import ENTRY_SCHEMA
from audit_assets.config.errors import AuditAssetsError
from audit_assets.defs.resources import AxiomResource, LinearResource
from audit_assets.defs.steps.history_coverage import hours_present_when_flagged
from audit_assets.defs.steps.run_inputs import RunInputs
from audit_assets.defs.steps.skip_reasons import STILL_OWED, OpenTickets, skip_reason
from audit_assets.detection.schemas import FLAG as FLAGGED_BY_NAME
from audit_assets.detection.schemas import WINDOW
from audit_assets.reports.summary import DigestShown
from audit_assets.storage.first_start import first_hour
from audit_assets.storage.hour_store import HourStore
from audit_assets.storage.hours import A_DAY, AN_HOUR, hours_between
from audit_assets.storage.tables import BASELINES, DIGESTS, FLAGGED
from audit_assets.tickets.digest import (
    DayBelowThreshold,
    HourBelowThreshold,
    digest_ticket,
    rarest_first,
    rarest_of_each,
)
from audit_assets.tickets.finding_builder import findings_of
from audit_assets.tickets.shared_ticket import SharedTicket, content_hash_of

LISTED = 200
"""Of an hour's findings so many are rendered, the rarest: about what a description holds."""

LINKED = 20
"""Of the actors so many are in the query that is linked: with all of them no browser would open it."""

HASH_LENGTH = 12
"""Characters of the hash of an hour's findings: one attachment holds those of 24 hours."""


def publish_digest(
    inputs: RunInputs, day: datetime, mode: OpenTickets, now: datetime, axiom: AxiomResource, linear: LinearResource
) -> DigestShown | None:
    """Open a day's digest, or add to it what is new. None if an hour is missing or nothing is below the threshold.

    Whether it opens is decided as for the tickets of the day's last hour, in this `mode`. A failure is an outcome, with
    its `problem`; raises `StoreError` if that can't be kept.
    """
    before: Mapping[str, Any] = inputs.store.read_json(DIGESTS, day) or {}
    published: dict[str, Any] | None
    try:
        published = _publish(inputs, day, mode, now, axiom, linear, before.get("outcome"))
    except AuditAssetsError as error:
        published = {"outcome": "failed", "problem": str(error)}
    if published is None:
        return None
    digest: DigestShown = {
        "day": f"{day:%Y-%m-%d}",
        "outcome": published["outcome"],
        "identifier": published.get("identifier", before.get("identifier")),
        "url": published.get("url", before.get("url")),
        "findings": published.get("findings", before.get("findings", 0)),
        "actors": published.get("actors", before.get("actors", 0)),
        "problem": published.get("problem"),
    }
    inputs.store.write_json(DIGESTS, day, digest)
    return digest


def build_digest_ticket(inputs: RunInputs, day: datetime, axiom: AxiomResource) -> SharedTicket | None:
    """A day's digest as it would be published. None if an hour is missing or nothing is below the threshold."""
    flags = _flags_of(inputs.store, day)
    if flags is None or not (flags["disposition"] == "below_threshold").any():
        return None
    return digest_ticket(_day(inputs.account_id, day, flags, axiom))


def _publish(
    inputs: RunInputs,
    day: datetime,
    mode: OpenTickets,
    now: datetime,
    axiom: AxiomResource,
    linear: LinearResource,
    outcome_before: str | None,
) -> dict[str, Any] | None:
    if (flags := _flags_of(inputs.store, day)) is None:
        return None
    if not (flags["disposition"] == "below_threshold").any():
        return {"outcome": "nothing", "findings": 0, "actors": 0} if outcome_before else None
    found = _day(inputs.account_id, day, flags, axiom)
    counts = {"findings": found.total, "actors": len(found.hours_of)}
    last = _hours_of(inputs.store, day)[-1]
    baselines, owed = inputs.store.require(BASELINES, last), outcome_before in STILL_OWED
    present = _fewest_hours_present(inputs.store, day)
    if reason := skip_reason(mode, now, last, baselines, hours_present=present, still_owed=owed):
        return {"outcome": reason, **counts}
    with closing(linear.opener()) as opener:
        ticket = opener.open_shared_ticket(digest_ticket(found))
    outcome = "published" if ticket.outcome == "on_shared_ticket" else ticket.outcome
    return {"outcome": outcome, "identifier": ticket.identifier, "url": ticket.url, **counts}


def _fewest_hours_present(store: HourStore, day: datetime) -> int | None:
    """On how many hours of history that hour of a day rests which has the fewest."""
    known = (hours_present_when_flagged(store, hour) for hour in _hours_of(store, day))
    return min((each for each in known if each is not None), default=None)


def _hours_of(store: HourStore, day: datetime) -> list[datetime]:
    """The hours of a day that exist."""
    return hours_between(max(day, first_hour(store)), day + A_DAY - AN_HOUR)


def _flags_of(store: HourStore, day: datetime) -> pl.DataFrame | None:
    """What opened no ticket on a day, or None if one of its hours is missing: mostly that is the last one."""
    frames: list[pl.DataFrame] = []
    for hour in reversed(_hours_of(store, day)):
        if (flags := store.read(FLAGGED, hour)) is None:
            return None
        # Earlier versions stored fewer columns
        known = pl.concat([FLAGGED_BY_NAME.to_frame(), flags], how="diagonal").select(FLAGGED_BY_NAME.names())
        frames.append(known.filter(pl.col("disposition") != "ticket"))
    return pl.concat(reversed(frames)) if frames else None


def _day(account_id: str, day: datetime, flags: pl.DataFrame, axiom: AxiomResource) -> DayBelowThreshold:
    under = flags.filter(pl.col("disposition") == "below_threshold")
    hours = tuple(_hour(account_id, rows) for rows in under.partition_by("hour", maintain_order=True))
    hours_of = under.group_by("actor_key").agg(pl.col("hour").n_unique())
    others = dict(flags.unique(["hour", "actor_key", "disposition"]).group_by("disposition").len().iter_rows())
    linked = [finding.actor_key for finding in rarest_of_each(hours)[:LINKED]]
    return DayBelowThreshold(
        account_id=account_id,
        day=day,
        hours=hours,
        hours_of=dict(hours_of.iter_rows()),
        allowed=others.get("allowed", 0),
        of_organisation=others.get("organisation", 0),
        axiom_url=axiom.activity_link(linked, day - WINDOW, day + A_DAY),
        linked=len(linked),
        summary=f"`audit-assets summary {day:%Y-%m-%d}`",
    )


def _hour(account_id: str, flags: pl.DataFrame) -> HourBelowThreshold:
    """Of an hour's deviations below the threshold. The entries behind them are left out."""
    by_actor = flags.group_by("actor_key").agg(pl.col("tickets_a_day").min())
    rarest = by_actor.sort("tickets_a_day", "actor_key", nulls_last=True).head(LISTED).select("actor_key")
    shown = flags.join(rarest, on="actor_key", how="semi", maintain_order="left").with_columns(axiom_url=pl.lit(""))
    deviation = pl.concat_str("actor_key", "kind", pl.col("resource_type").fill_null(""), separator=" ")
    hour = flags["hour"][0]
    return HourBelowThreshold(
        hour=hour,
        findings=tuple(rarest_first(findings_of(account_id, shown, pl.DataFrame(schema=ENTRY_SCHEMA)))),
        total=by_actor.height,
        content_hash=content_hash_of([hour.isoformat(), *flags.select(deviation).to_series()], HASH_LENGTH),
    )
