"""Findings as events of a dataset of their own: an event for each actor that deviated in an hour.

An event has the id of what it says of where the finding is: another disposition or another ticket is another event, and
everything else is as it was when that event was sent first. `finding_id` is the same in all events of a finding, so
that a query that counts distinct ones counts each finding once.
"""

import hashlib

import polars as pl

from audit_assets.axiom.events import CUT, LONGEST_TEXT, TIME

TICKET = "ticket"
"""The disposition of what is to get a ticket."""

FINDING_EVENT = pl.Schema(
    {
        TIME: pl.Datetime("us", "UTC"),
        **dict.fromkeys(("entry_id", "finding_id", "account_id", "actor_key", "actor", "actor_type"), pl.String),
        **dict.fromkeys(("severity", "severity_because", "kinds", "resource_types", "disposition"), pl.String),
        **dict.fromkeys(("outcome", "ticket", "ticket_url", "axiom_url"), pl.String),
        **dict.fromkeys(("changes", "active_hours"), pl.Int64),
        **dict.fromkeys(("baseline_mean", "ratio", "p", "return_period_years", "tickets_a_day"), pl.Float64),
        "deviations": pl.Int64,
    }
)
"""`_time` is the start of the hour. Texts that are missing are empty, so that Axiom knows their fields from the first
event on; numbers that do not apply are missing. The last is never null, as AxiomClient.ingest requires."""


def finding_events(deviations: pl.DataFrame, tickets: pl.DataFrame, account_id: str) -> pl.DataFrame:
    """The events of an hour, in FINDING_EVENT.

    `deviations`: columns of flagged_actors (hour, actor_key, actor, actor_type, severity, severity_because, kind,
    resource_type, disposition, axiom_url and the numbers); `tickets`: of opened_tickets (actor_key, outcome,
    identifier, url).
    """
    first = ("actor", "actor_type", "severity", "axiom_url", "tickets_a_day")
    by_actor = deviations.group_by("hour", "actor_key", maintain_order=True).agg(
        *(pl.col(name).first() for name in first),
        *(pl.col(name).max() for name in ("changes", "active_hours", "baseline_mean", "return_period_years")),
        ratio=pl.col("ratio").filter(pl.col("ratio").is_finite()).max(),
        p=pl.col("p").min(),
        severity_because=_joined(pl.col("severity_because").explode()),
        kinds=_joined(pl.col("kind")),
        resource_types=_joined(pl.col("resource_type")),
        disposition=pl.when((pl.col("disposition") == TICKET).any())
        .then(pl.lit(TICKET))
        .otherwise(pl.col("disposition").first()),
        deviations=pl.len(),
    )
    of_tickets = tickets.select("actor_key", "outcome", ticket="identifier", ticket_url="url")
    found = by_actor.join(of_tickets, on="actor_key", how="left", maintain_order="left").rename({"hour": TIME})
    texts = [name for name, dtype in FINDING_EVENT.items() if dtype == pl.String]
    known = found.with_columns(account_id=pl.lit(account_id), entry_id=pl.lit(""), finding_id=pl.lit(""))
    filled = known.with_columns(pl.col(texts).fill_null("")).with_columns(map(_truncated, texts))
    return _with_ids(filled.select(pl.col(name).cast(dtype) for name, dtype in FINDING_EVENT.items()))


def _joined(values: pl.Expr) -> pl.Expr:
    return values.drop_nulls().unique(maintain_order=True).str.join(", ")


def _truncated(name: str) -> pl.Expr:
    text = pl.col(name)
    return (
        pl.when(text.str.len_chars() > LONGEST_TEXT).then(text.str.head(LONGEST_TEXT) + CUT).otherwise(text).alias(name)
    )


def _with_ids(events: pl.DataFrame) -> pl.DataFrame:
    finding = ["account_id", TIME, "actor_key"]
    rows = events.select(*finding, "disposition", "ticket").rows()
    return events.with_columns(
        finding_id=pl.Series([_id_of(*row[: len(finding)]) for row in rows], dtype=pl.String),
        entry_id=pl.Series([_id_of(*row) for row in rows], dtype=pl.String),
    )


def _id_of(*parts: object) -> str:
    return hashlib.sha256("\0".join(["finding", *map(str, parts)]).encode()).hexdigest()
