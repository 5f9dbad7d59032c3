"""What all assets share, and what Dagster shows of each: what it reads, its table and the columns of that.

An asset reads tables, and its dependencies follow from who writes those (storage/tables.py). Each depends on the same
hour upstream and on no other.
"""

import warnings
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import wraps
from typing import Any

import dagster as dg
import polars as pl

from audit_assets.axiom.events import EVENT_SCHEMA
from audit_assets.cloudflare.entries import ENTRY_SCHEMA
from audit_assets.config.accounts import Account
from audit_assets.defs.account_keys import asset_key, bound_to
from audit_assets.defs.partitions import A_DAY_A_RUN, HOURLY, tag_run
from audit_assets.defs.steps.history_coverage import HOURS_PRESENT, stored_hours_present
from audit_assets.defs.steps.hour_flags import FLAGGED_ACTORS
from audit_assets.defs.steps.ticket_writing import OPENED_TICKETS
from audit_assets.detection.schemas import BASELINE, SCORES
from audit_assets.storage import tables
from audit_assets.storage.hour_store import HourStore
from audit_assets.storage.hours import key_of
from audit_assets.storage.pull_history import KnownPull, content_of, pulls_of
from audit_assets.tickets.verdict_table import TICKET_VERDICTS

PULL_BEGAN, CONTENT, CONTENT_SINCE = "pull_began", "content", "content_since"
"""The keys of when the pull began that an hour rests on, of what it held when it was judged, and of when the pull began
that the first run with that rests on."""

GROUP = "audit_log"
OWNERS = ["team:security"]

SCHEMAS = {
    tables.ENTRIES: ENTRY_SCHEMA,
    tables.AXIOM_DATASET: pl.Schema(EVENT_SCHEMA),
    tables.SCORES_BEFORE: SCORES,
    tables.BASELINES: BASELINE,
    tables.FLAGGED: FLAGGED_ACTORS,
    tables.TICKETS: OPENED_TICKETS,
    tables.VERDICTS: TICKET_VERDICTS,
}
"""The columns of what assets write; the other tables that an asset shows are JSON."""


AssetOf = Callable[[Account], dg.AssetsDefinition]
"""An asset as a module of assets/ has it: given an account, that account's definition."""


def hourly_asset(
    *, kinds: set[str], table: str, pool: str | None = None, code_version: str = "1"
) -> Callable[[Callable[..., Any]], AssetOf]:
    """`dagster.asset` for an asset of every hour, of each account. The docstring is the description in the UI; `table`
    is its output; `pool` is of the account alone."""

    def decorate(body: Callable[..., Any]) -> AssetOf:
        @wraps(body)
        def tagged(context: dg.AssetExecutionContext, **resources: Any) -> Any:
            tag_run(context)
            return body(context, **resources)

        @wraps(body)
        def define(account: Account) -> dg.AssetsDefinition:
            deps = [
                dg.AssetDep(asset_key(writer, account), partition_mapping=dg.IdentityPartitionMapping())
                for writer in tables.writers_read_by(body.__name__)
            ]

            with warnings.catch_warnings():  # backfill policies are in beta; Dagster's version is pinned
                warnings.simplefilter("ignore", dg.BetaWarning)
                return dg.asset(
                    key_prefix=[*account.prefix] or None,
                    deps=deps,
                    kinds=kinds,
                    pool=account.named(pool) if pool else None,
                    code_version=code_version,
                    group_name=account.named(GROUP),
                    owners=OWNERS,
                    metadata=describe_table(table),
                    partitions_def=HOURLY,
                    backfill_policy=A_DAY_A_RUN,
                )(bound_to(account, tagged))

        return define

    return decorate


def asset_of_no_hour(*, kinds: set[str], table: str) -> Callable[[Callable[..., Any]], AssetOf]:
    """The same for an asset without hours."""

    def decorate(body: Callable[..., Any]) -> AssetOf:
        @wraps(body)
        def define(account: Account) -> dg.AssetsDefinition:
            return dg.asset(
                key_prefix=[*account.prefix] or None,
                deps=[asset_key(writer, account) for writer in tables.writers_read_by(body.__name__)],
                kinds=kinds,
                code_version="1",
                group_name=account.named(GROUP),
                owners=OWNERS,
                metadata=describe_table(table),
            )(bound_to(account, body))

        return define

    return decorate


def describe_table(table: str) -> Mapping[str, Any]:
    """The metadata of an asset whose output is this table: its name, and its columns if it has any."""
    schema = SCHEMAS.get(table)
    columns = [dg.TableColumn(name, str(dtype)) for name, dtype in schema.items()] if schema else []
    named = {"dagster/table_name": table}
    return {**named, "dagster/column_schema": dg.TableSchema(columns)} if columns else named


def basis_metadata(store: HourStore, hour: datetime) -> Mapping[str, Any]:
    """What an asset of an hour rests on, as far as it was recorded: its last pull and what the hour held then, and how
    many of the hours before it were there (`hours_present`), as it is judged again once more are."""
    history = store.metadata(tables.ENTRIES, hour) or {}
    pulls, present = pulls_of(history), stored_hours_present(store, hour)
    return {
        **(basis_of(pulls[-1].began, content_of(history)) if pulls else {}),
        **({HOURS_PRESENT: present} if present is not None else {}),
    }


def without_zeros(counts: Mapping[str, Any]) -> Mapping[str, Any]:
    """What is not 0 or empty: each number takes 150 bytes in Dagster's database, of every hour and for ever."""
    return {name: value for name, value in counts.items() if value}


def observe_pull(entries: dg.AssetKey, hour: datetime, pull: KnownPull) -> dg.AssetObservation:
    """By which the ledger knows that an hour was pulled again, and whether a run has seen what that brought."""
    return dg.AssetObservation(entries, partition=key_of(hour), metadata=basis_of(pull.began, pull.content))


def basis_of(began: datetime, content: str | None) -> Mapping[str, Any]:
    """When a pull of an hour began (`pull_began`, by Cloudflare's clock), as it is pulled again until no late entry
    can come any more, and what the hour held then (`content`), as it is run again if a later pull finds another."""
    return {
        PULL_BEGAN: dg.MetadataValue.timestamp(began),
        **({CONTENT: content} if content else {}),
    }


def pull_in(event: dg.AssetMaterialization | dg.AssetObservation | None) -> KnownPull | None:
    """The pull of `basis_of` that an event has in its metadata, None if it has none."""
    began = time_in(event, PULL_BEGAN)
    return KnownPull(began, text_in(event, CONTENT)) if began else None


def time_in(event: dg.AssetMaterialization | dg.AssetObservation | None, name: str) -> datetime | None:
    """A time that an event has in its metadata, in UTC."""
    found = event.metadata.get(name) if event else None
    return datetime.fromtimestamp(found.value, UTC) if isinstance(found, dg.TimestampMetadataValue) else None


def text_in(event: dg.AssetMaterialization | dg.AssetObservation | None, name: str) -> str | None:
    """A text that an event has in its metadata."""
    found = event.metadata.get(name) if event else None
    return found.value if isinstance(found, dg.TextMetadataValue) else None
