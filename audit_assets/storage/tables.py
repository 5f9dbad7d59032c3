"""Every stored table: what it is, under what it is filed, which asset writes it and which assets read it.

Dagster's dependencies are derived from this list, so an asset that reads a table is named here. A table is read for
the same hour, or for the day of the hour, never for a window of hours: the trailing days are queried in Axiom.
"""

from dataclasses import dataclass
from typing import Literal

ENTRIES = "raw_audit_entries"
QUARANTINE = "quarantined_entries"
AXIOM_DATASET = "axiom_dataset"
PRIORS = "organisation_priors"
TOUCHED_BY = "organisation_touched"
SCORES_BEFORE = "organisation_scores"
ACTIVITY = "actor_activity"
BASELINES = "actor_baselines"
TOUCHED = "touched_resource_types"
ASSESSED = "actor_scores"
FLAGGED = "flagged_actors"
TICKETS = "opened_tickets"
RENDERED = "rendered_tickets"
SUMMARY = "flagged_actor_summary"
DELIVERIES = "delivered_summaries"
DIGESTS = "digests"
VERDICTS = "ticket_verdicts"
PRECISION = "ticket_precision"


@dataclass(frozen=True)
class Table:
    """A stored table. `read_by`: the other assets that read it. `read_late_by`: assets that read it as it is when they
    run, without a declared dependency, because that would close a cycle."""

    name: str
    holds: str
    per: Literal["hour", "day", "none"]
    kept_as: Literal["Parquet", "JSON", "Axiom"]
    written_by: str
    read_by: tuple[str, ...] = ()
    read_late_by: tuple[str, ...] = ()


TABLES = (
    Table(
        name=ENTRIES,
        holds="the hour's audit entries, with the history of their pulls",
        per="hour",
        kept_as="Parquet",
        written_by="raw_audit_entries",
        read_by=(
            "axiom_ingest",
            "actor_baselines",
            "flagged_actors",
            "opened_tickets",
            "daily_digest",
            "flagged_actor_summary",
        ),
    ),
    Table(
        name=QUARANTINE,
        holds="what the log listed and could not be understood, with the reason",
        per="hour",
        kept_as="Parquet",
        written_by="raw_audit_entries",
        read_by=("axiom_ingest", "flagged_actor_summary"),
    ),
    Table(
        name=AXIOM_DATASET,
        holds="all entries as events: the durable, queryable record",
        per="none",
        kept_as="Axiom",
        written_by="axiom_ingest",
        read_by=("organisation_history", "actor_baselines", "opened_tickets"),
    ),
    Table(
        name=PRIORS,
        holds="the priors of each class of actor before the day",
        per="day",
        kept_as="Parquet",
        written_by="organisation_history",
        read_by=("actor_baselines",),
    ),
    Table(
        name=TOUCHED_BY,
        holds="who touched which resource type before the day",
        per="day",
        kept_as="Parquet",
        written_by="organisation_history",
        read_by=("actor_baselines", "flagged_actors"),
    ),
    Table(
        name=SCORES_BEFORE,
        holds="the scores of the organisation's last weeks before the day",
        per="day",
        kept_as="Parquet",
        written_by="organisation_history",
        read_by=("flagged_actors", "flagged_actor_summary"),
    ),
    Table(
        name=ACTIVITY,
        holds="what the hour's actors changed, as Axiom counts it",
        per="hour",
        kept_as="Parquet",
        written_by="actor_baselines",
        read_by=("flagged_actors",),
    ),
    Table(
        name=BASELINES,
        holds="what is usual for each actor of the hour and for the organisation",
        per="hour",
        kept_as="Parquet",
        written_by="actor_baselines",
        read_by=("flagged_actors", "opened_tickets", "daily_digest", "flagged_actor_summary"),
    ),
    Table(
        name=TOUCHED,
        holds="the resource types that each actor of the hour touched before",
        per="hour",
        kept_as="Parquet",
        written_by="actor_baselines",
        read_by=("flagged_actors",),
    ),
    Table(
        name=ASSESSED,
        holds="the scores of the hour's actors in its UTC day, up to the hour, before they are ranked",
        per="hour",
        kept_as="Parquet",
        written_by="actor_baselines",
        read_by=("flagged_actors", "flagged_actor_summary"),
    ),
    Table(
        name=FLAGGED,
        holds="every deviation of the hour and its disposition",
        per="hour",
        kept_as="Parquet",
        written_by="flagged_actors",
        read_by=("opened_tickets", "daily_digest", "flagged_actor_summary", "ticket_verdicts"),
    ),
    Table(
        name=TICKETS,
        holds="what became of each flagged actor of the hour in Linear",
        per="hour",
        kept_as="Parquet",
        written_by="opened_tickets",
        read_by=("daily_digest", "flagged_actor_summary", "ticket_verdicts"),
    ),
    Table(
        name=RENDERED,
        holds="the tickets of a dry run, whole",
        per="hour",
        kept_as="JSON",
        written_by="opened_tickets",
    ),
    Table(
        name=DIGESTS,
        holds="what became of the day's digest",
        per="day",
        kept_as="JSON",
        written_by="daily_digest",
    ),
    Table(
        name=SUMMARY,
        holds="the hour in one object",
        per="hour",
        kept_as="JSON",
        written_by="flagged_actor_summary",
    ),
    Table(
        name=DELIVERIES,
        holds="what the webhook got last of the hour, and the problem if it did not get it",
        per="hour",
        kept_as="JSON",
        written_by="flagged_actor_summary",
    ),
    Table(
        name=VERDICTS,
        holds="what people confirmed and dismissed, for each deviation that is on a ticket",
        per="none",
        kept_as="Parquet",
        written_by="ticket_verdicts",
        # They precede the tickets that a verdict is about: an hour is judged with the verdicts known when it runs.
        read_late_by=("organisation_history", "actor_baselines"),
    ),
    Table(
        name=PRECISION,
        holds="how often each month's tickets were right",
        per="none",
        kept_as="JSON",
        written_by="ticket_verdicts",
    ),
)


def writers_read_by(asset: str) -> list[str]:
    """The assets whose tables an asset reads, in the order in which the data flows."""
    return list(dict.fromkeys(table.written_by for table in TABLES if asset in table.read_by))
