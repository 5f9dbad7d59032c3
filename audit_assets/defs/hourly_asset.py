"""What all hourly assets share, and what Dagster shows of each: what it reads, its table and the columns of that.

An asset reads tables, and its dependencies follow from who writes those (storage/tables.py). Each depends on the same
hour upstream and on no other.
"""

import warnings
from collections.abc import Callable, Mapping
from typing import Any

import dagster as dg

from audit_assets.defs.partitions import A_DAY_A_RUN, HOURLY
from audit_assets.defs.table_schemas import SCHEMAS
from audit_assets.storage.tables import writers_read_by

GROUP = "audit_log"
OWNERS = ["team:security"]


def hourly_asset(
    *, kinds: set[str], table: str, pool: str | None = None, code_version: str = "1"
) -> Callable[[Callable[..., Any]], dg.AssetsDefinition]:
    """`dagster.asset` for an asset of every hour. The docstring is the description in the UI; `table` is its output."""

    def decorate(body: Callable[..., Any]) -> dg.AssetsDefinition:
        deps = [
            dg.AssetDep(writer, partition_mapping=dg.IdentityPartitionMapping())
            for writer in writers_read_by(body.__name__)
        ]
        with warnings.catch_warnings():  # backfill policies are in beta; Dagster's version is pinned
            warnings.simplefilter("ignore", dg.BetaWarning)
            return dg.asset(
                deps=deps,
                kinds=kinds,
                pool=pool,
                code_version=code_version,
                group_name=GROUP,
                owners=OWNERS,
                metadata=describe_table(table),
                partitions_def=HOURLY,
                backfill_policy=A_DAY_A_RUN,
            )(body)

    return decorate


def describe_table(table: str) -> Mapping[str, Any]:
    """The metadata of an asset whose output is this table: its name, and its columns if it has any."""
    schema = SCHEMAS.get(table)
    columns = [dg.TableColumn(name, str(dtype)) for name, dtype in schema.items()] if schema else []
    named = {"dagster/table_name": table}
    return {**named, "dagster/column_schema": dg.TableSchema(columns)} if columns else named
