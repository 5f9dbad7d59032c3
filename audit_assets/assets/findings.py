"""Flagged rows and the entries behind them → what a ticket is written from. Pure: frames in, findings out."""

from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl

from audit_assets.detection.frames import ORGANISATION
from audit_assets.detection.plain_rule import VOLUME
from audit_assets.linear.findings import Deviation, EntryLine, Finding

SHOWN_ENTRIES = 20

BEHIND = ("time", "action", "resource_type", "resource_id", "ip_address", "interface", "zone_name", "action_result")
"""The columns of an entry that a ticket shows."""


def findings_of(account_id: str, flagged: pl.DataFrame, entries: pl.DataFrame) -> list[Finding]:
    """What a ticket is written from: one finding per flagged actor, in the order of `flagged`.

    `flagged` has the columns of FLAGGED_ACTORS, `entries` those of ENTRY_SCHEMA (at least BEHIND, actor_key and actor)
    and only what counts as a change; both of one hour.
    """
    names = dict(entries.sort("time").select("actor_key", "actor").iter_rows())
    by_actor = flagged.partition_by("actor_key", maintain_order=True)
    return [_finding(account_id, rows.to_dicts(), entries, names) for rows in by_actor]


def _finding(
    account_id: str, rows: Sequence[Mapping[str, Any]], entries: pl.DataFrame, names: Mapping[str, str]
) -> Finding:
    first = rows[0]
    actors = {member for row in rows for member in row["members"] or [row["actor_key"]]}
    behind = entries.filter(pl.col("actor_key").is_in(actors)).sort("time")
    if all(row["kind"] != VOLUME for row in rows):
        behind = behind.filter(pl.col("resource_type").is_in([row["resource_type"] for row in rows]))
    who = pl.col("actor") if first["kind"] == ORGANISATION else pl.lit(None, pl.String).alias("actor")
    shown = behind.select(*BEHIND, who).rename({"zone_name": "zone", "action_result": "result"})
    return Finding(
        account_id=account_id,
        actor_key=first["actor_key"],
        actor=first["actor"],
        actor_type=first["actor_type"],
        hour=first["hour"],
        severity=first["severity"],
        deviations=tuple(deviation_of(row, names) for row in rows),
        entries=tuple(EntryLine(**line) for line in shown.head(SHOWN_ENTRIES).to_dicts()),
        entries_total=behind.height,
        axiom_url=first["axiom_url"],
        severity_because=tuple(first["severity_because"] or ()),
        learning=bool(first["learning"]),
    )


def deviation_of(row: Mapping[str, Any], names: Mapping[str, str] | None = None) -> Deviation:
    """One row of a FLAGGED_ACTORS frame, as a ticket takes it. `names`: what members are called, by actor key."""
    called = names or {}
    return Deviation(
        **{name: row[name] for name in SAID_AS_IT_STANDS},
        active_hours=row["active_hours"] or 0,
        judged_against=row["judged_against"] or "organisation",
        horizon_hours=row["horizon_hours"] or 1,
        members=tuple(called.get(member) or member for member in row["members"] or ()),
    )


SAID_AS_IT_STANDS = (
    "kind",
    "resource_type",
    "changes",
    "usual",
    "ratio",
    "most",
    "first_ever",
    "last_touched",
    "new_to_organisation",
    "once_in_years",
    "colleagues",
    "organisation_actors",
    "new_types",
    "touched_types",
)
"""The columns of FLAGGED_ACTORS that a deviation takes by the same name."""
