"""Every stored table, and which asset writes it and which assets read it.

Dagster's dependencies are derived from this, so an asset names each table that it reads here. A table is read for the
same hour, or for the day of the hour, never for a window of hours: the trailing days are queried in Axiom. What watch
rules count, and what relates findings, is read of the hours before as far as they are stored, without a dependency.
"""

from dataclasses import dataclass

# By hour, as Parquet
ENTRIES = "raw_audit_entries"  # the hour's audit entries, with the history of their pulls
QUARANTINE = "quarantined_entries"  # what the log listed and could not be understood, with the reason
ACTIVITY = "actor_activity"  # what everybody changed in the hour's UTC day, up to the hour, as Axiom counts it
BASELINES = "actor_baselines"  # what is usual for each actor of the hour and for the organisation
TOUCHED = "touched_resource_types"  # the resource types that each actor of the hour touched before
ASSESSED = "actor_scores"  # of all actors in the hour's UTC day, up to the hour, before they are ranked
ORIGINS = "actor_origins"  # from where everybody acted in the hour's UTC day, up to the hour
ADDRESSES = "actor_addresses"  # which addresses and user agents everybody used in the hour's UTC day, before the hour
NAMES = "actor_names"  # of everybody who did anything in the hour's UTC day or the day before
FLAGGED = "flagged_actors"  # every deviation of the hour and its disposition
TICKETS = "opened_tickets"  # what became of each flagged actor of the hour in Linear

# By hour, as JSON
RENDERED = "rendered_tickets"  # the tickets of a dry run, whole
MESSAGES = "channel_messages"  # the hour's findings as messages, and the channels that are to get each
SUMMARY = "flagged_actor_summary"  # the hour in one object
DELIVERIES = "delivered_summaries"  # what the webhook got last of the hour, and the problem if it did not get it
INGESTED_FINDINGS = "ingested_findings"  # why the dataset of findings did not take those of the hour, if it did not
HEARTBEATS = "sent_heartbeats"  # when the heartbeat address was called for the hour, and why it did not take it
SENT_MESSAGES = "sent_messages"  # which messages each channel took, and why it did not take others

# By UTC day: the digest as JSON, the others as Parquet
PRIORS = "organisation_priors"  # of each class of actor before the day
NEWCOMERS = "organisation_newcomers"  # what newcomers' hours looked like before the day
TOUCHED_BY = "organisation_touched"  # who touched which resource type before the day
ORIGINS_BEFORE = "organisation_origins"  # from where everybody acted before the day
HISTORY_BEFORE = "organisation_activity"  # what Axiom held of the hours before the day, as far as it is judged by
NAMES_BEFORE = "organisation_names"  # of everybody who did anything in the day before the day
PAST_BEFORE = "past_aggregates"  # by which digests what each actor changed before the day is known in Axiom
ELSEWHERE_BEFORE = "people_elsewhere"  # what the account's people did in others before the day, while not known here
SCORES_BEFORE = "organisation_scores"  # of the organisation's last weeks before the day
DIGESTS = "digests"  # what became of the day's digest

# Of no hour: in Axiom, as Parquet, as JSON
AXIOM_DATASET = "axiom_dataset"  # all entries as events: the durable, queryable record
VERDICTS = "ticket_verdicts"  # what people confirmed and dismissed, for each deviation that is on a ticket
AXIOM_RECORD = "axiom_record"  # how many events of each hour Axiom was seen to hold, and were pulled
PEOPLE = "people_activity"  # what the account's people did before its newest day, for the other accounts to read
FIRST_START = "first_start"  # the first hour that exists, where none is set
PRECISION = "ticket_precision"  # how often each month's tickets were right
FIRST_HOURS = "first_hours_of_accounts"  # beside the stores of several accounts: what each of them remembers
STORE_ACCOUNT = "store_account"  # whose hours these are, and which datasets were found to be that account's alone
FIRST_CONTACT = "first_contact"  # what a probe found otherwise than correctness needs it; `doctor --probe` writes it


@dataclass(frozen=True)
class AssetTables:
    """What an asset writes and reads. `reads_late`: as it is when the asset runs, without a declared dependency,
    because that would close a cycle."""

    writes: tuple[str, ...]
    reads: tuple[str, ...] = ()
    reads_late: tuple[str, ...] = ()


# Verdicts precede the tickets that they are about: an hour is judged with the verdicts known when it runs.
TABLES_OF = {
    "raw_audit_entries": AssetTables(writes=(ENTRIES, QUARANTINE)),
    "axiom_ingest": AssetTables(writes=(AXIOM_DATASET,), reads=(ENTRIES, QUARANTINE)),
    "organisation_history": AssetTables(
        writes=(
            *(PRIORS, NEWCOMERS, TOUCHED_BY, ORIGINS_BEFORE, SCORES_BEFORE),
            *(HISTORY_BEFORE, NAMES_BEFORE, PAST_BEFORE, AXIOM_RECORD),
            *(ELSEWHERE_BEFORE, PEOPLE),
        ),
        reads=(AXIOM_DATASET,),
        reads_late=(VERDICTS,),
    ),
    "actor_baselines": AssetTables(
        writes=(ACTIVITY, BASELINES, TOUCHED, ASSESSED, ORIGINS, ADDRESSES, NAMES),
        reads=(
            *(ENTRIES, AXIOM_DATASET, AXIOM_RECORD),
            *(PRIORS, NEWCOMERS, TOUCHED_BY, ORIGINS_BEFORE, NAMES_BEFORE, PAST_BEFORE, ELSEWHERE_BEFORE),
        ),
        reads_late=(VERDICTS,),
    ),
    "flagged_actors": AssetTables(
        writes=(FLAGGED,),
        reads=(
            *(ENTRIES, QUARANTINE, TOUCHED_BY, ORIGINS_BEFORE, SCORES_BEFORE),
            *(ACTIVITY, BASELINES, TOUCHED, ASSESSED, ORIGINS, NAMES),
        ),
        reads_late=(VERDICTS,),
    ),
    "opened_tickets": AssetTables(
        writes=(TICKETS, RENDERED, MESSAGES),
        reads=(
            *(ENTRIES, QUARANTINE, AXIOM_DATASET, ORIGINS_BEFORE, HISTORY_BEFORE, PAST_BEFORE),
            *(ACTIVITY, BASELINES, ORIGINS, ADDRESSES, FLAGGED),
        ),
    ),
    "daily_digest": AssetTables(writes=(DIGESTS,), reads=(ENTRIES, BASELINES, FLAGGED, TICKETS)),
    "flagged_actor_summary": AssetTables(
        writes=(SUMMARY, DELIVERIES, SENT_MESSAGES, INGESTED_FINDINGS, HEARTBEATS),
        reads=(ENTRIES, QUARANTINE, SCORES_BEFORE, BASELINES, ASSESSED, FLAGGED, TICKETS, MESSAGES),
        reads_late=(VERDICTS,),
    ),
    "ticket_verdicts": AssetTables(writes=(VERDICTS, PRECISION), reads=(FLAGGED, TICKETS)),
}
"""By asset, in the order in which the data flows."""


def writers_read_by(asset: str) -> list[str]:
    """The assets whose tables an asset reads, in the order in which the data flows."""
    read = TABLES_OF[asset].reads
    return [writer for writer, tables in TABLES_OF.items() if not set(tables.writes).isdisjoint(read)]
