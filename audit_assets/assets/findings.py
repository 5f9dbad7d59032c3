"""Flagged rows and the entries behind them → what a ticket is written from."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import polars as pl

from audit_assets.assets.origins import OF_ENTRIES, days_before, origins_of
from audit_assets.detection.frames import ORGANISATION
from audit_assets.detection.plain_rule import VOLUME
from audit_assets.detection.volume import DAY_AGAINST_LAST_MONTH
from audit_assets.linear.findings import ENTRIES_SHOWN, Deed, Deviation, EntryLine, Finding
from audit_assets.partitions import AN_HOUR
from audit_assets.resources import AxiomResource
from audit_assets.settings import dagster_url

SHOWN = ("time", "action", "resource_type", "resource_id", "ip_address", "interface", "zone_name", "action_result")
"""The columns of an entry that a ticket shows."""

BEHIND = tuple(dict.fromkeys([*SHOWN, "change_kind", *OF_ENTRIES, "token_name", "actor_key", "actor"]))
"""The columns of an entry that a finding is made from."""


@dataclass(frozen=True)
class Links:
    """Where a ticket of an hour leads, but for its query. `entries`: per actor key the address of its raw entries.
    `run_url` opens the Dagster run of `run_id`; empty if it is not known where Dagster's UI is."""

    entries: Mapping[str, str] = field(default_factory=dict)
    run_id: str = ""
    run_url: str = ""


def members_of(flagged: pl.DataFrame) -> dict[str, list[str]]:
    """Per flagged actor the keys of those who acted: itself, or those who had a part in the organisation's finding."""
    acted = pl.when(pl.col("members").list.len() > 0).then("members").otherwise(pl.concat_list("actor_key"))
    by_actor = flagged.group_by("actor_key", maintain_order=True).agg(acted.explode().unique().sort().alias("acted"))
    return dict(by_actor.iter_rows())


def links_of(axiom: AxiomResource, members: Mapping[str, Sequence[str]], hour: datetime, run_id: str) -> Links:
    """The links of an hour's tickets. `members` as `members_of` gives them."""
    dagster = dagster_url()
    return Links(
        entries={key: axiom.entries_link(acted, hour, hour + AN_HOUR) for key, acted in members.items()},
        run_id=run_id,
        run_url=f"{dagster}/runs/{run_id}" if dagster else "",
    )


def findings_of(
    account_id: str,
    flagged: pl.DataFrame,
    entries: pl.DataFrame,
    *,
    seen: pl.DataFrame | None = None,
    links: Links | None = None,
) -> list[Finding]:
    """What a ticket is written from: one finding per flagged actor, in the order of `flagged`.

    `flagged` has the columns of FLAGGED_ACTORS, `entries` those of ENTRY_SCHEMA (at least BEHIND) and only what counts
    as a change; both of one hour. `seen`: from where the flagged actors acted before (`AxiomClient.origins`); None if
    that is not known.
    """
    in_order = entries.sort("time")
    names = dict(in_order.select("actor_key", "actor").iter_rows())
    members = members_of(flagged)
    findings = []
    for rows in flagged.partition_by("actor_key", maintain_order=True):
        acted = members[rows["actor_key"][0]]
        theirs = in_order.filter(pl.col("actor_key").is_in(acted))
        before = None if seen is None else seen.filter(pl.col("actor_key").is_in(acted))
        findings.append(_finding(account_id, rows.to_dicts(), theirs, before, names, links or Links()))
    return findings


def _finding(
    account_id: str,
    rows: Sequence[Mapping[str, Any]],
    theirs: pl.DataFrame,
    seen: pl.DataFrame | None,
    names: Mapping[str, str],
    links: Links,
) -> Finding:
    first = rows[0]
    behind = _behind(rows, theirs)
    lines = _lines(behind, named=first["kind"] == ORGANISATION)
    return Finding(
        account_id=account_id,
        actor_key=first["actor_key"],
        actor=first["actor"],
        actor_type=first["actor_type"],
        hour=first["hour"],
        severity=first["severity"],
        deviations=tuple(deviation_of(row, names) for row in rows),
        entries=lines[:ENTRIES_SHOWN],
        last_entries=lines[ENTRIES_SHOWN:],
        entries_total=behind.height,
        deeds=tuple(Deed(**deed) for deed in _deeds(behind).iter_rows(named=True)),
        other_changes=theirs.height - behind.height,
        origins=tuple(origins_of(behind, seen, first["hour"])),
        active_days=None if seen is None else days_before(seen, first["hour"]),
        axiom_url=first["axiom_url"],
        entries_url=links.entries.get(first["actor_key"], ""),
        run_id=links.run_id,
        run_url=links.run_url,
        severity_because=tuple(first["severity_because"] or ()),
        learning=bool(first["learning"]),
    )


def _behind(rows: Sequence[Mapping[str, Any]], theirs: pl.DataFrame) -> pl.DataFrame:
    """What a finding is about: everything of a burst, else what touched the resource types that deviate."""
    if any(row["kind"] == VOLUME for row in rows):
        return theirs
    return theirs.filter(pl.col("resource_type").is_in([row["resource_type"] for row in rows]))


def _lines(behind: pl.DataFrame, *, named: bool) -> tuple[EntryLine, ...]:
    """The first entries and the last ones, none of them twice. `named`: each says whose it is."""
    last = behind.slice(ENTRIES_SHOWN).tail(ENTRIES_SHOWN)
    who = pl.col("actor") if named else pl.lit(None, pl.String).alias("actor")
    shown = pl.concat([behind.head(ENTRIES_SHOWN), last]).select(*SHOWN, who)
    renamed = shown.rename({"zone_name": "zone", "action_result": "result"})
    return tuple(EntryLine(**line) for line in renamed.iter_rows(named=True))


def _deeds(behind: pl.DataFrame) -> pl.DataFrame:
    """The entries by action and resource type, what was done most first: a column per field of Deed."""
    by_deed = behind.group_by("action", "resource_type").agg(
        changes=pl.len(),
        oldest=pl.col("time").min(),
        newest=pl.col("time").max(),
        deletes=(pl.col("change_kind") == "delete").any(),
    )
    return by_deed.sort(-pl.col("changes").cast(pl.Int64), "oldest", "resource_type", "action")


def deviation_of(row: Mapping[str, Any], names: Mapping[str, str] | None = None) -> Deviation:
    """One row of a FLAGGED_ACTORS frame, as a ticket takes it. `names`: what members are called, by actor key."""
    called = names or {}
    return Deviation(
        **{name: row[name] for name in SAID_AS_IT_STANDS},
        active_hours=row["active_hours"] or 0,
        judged_against=row["judged_against"] or "organisation",
        horizon_hours=row["horizon_hours"] or 1,
        slow_growth=row["horizon"] == DAY_AGAINST_LAST_MONTH.name,
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
