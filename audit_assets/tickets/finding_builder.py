"""Builds findings from flagged rows and the audit entries behind them: pure functions on frames."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from datetime import timedelta
from typing import Any

import polars as pl

from audit_assets.config.policy_tables import SEVERITIES
from audit_assets.detection.allowances import PERSON
from audit_assets.detection.schemas import FLAG
from audit_assets.detection.severity import severity_of_rank, severity_rank
from audit_assets.detection.volume import ACTIVE_HOURS, DAY_AGAINST_LAST_MONTH, FORTNIGHT_AGAINST_LAST_MONTH
from audit_assets.detection.watch_columns import WATCH_RULE
from audit_assets.tickets.finding import (
    ActionSummary,
    ChangeTotal,
    Deviation,
    EntryLine,
    Finding,
    Origin,
    PastDismissal,
    WatchedRule,
)
from audit_assets.tickets.finding_evidence import SHOWN, evidence_of

BY_TICKET = pl.Schema({name: FLAG[name] for name in ("ticket_key", "owner")})
"""What flags that were stored by earlier versions lack."""


@dataclass(frozen=True)
class Links:
    """The links of an hour's tickets besides their queries. `entries`: per actor key the address of its raw entries.
    `run_url` opens the Dagster run of `run_id`; empty if it is not known where Dagster's UI is."""

    entries: Mapping[str, str] = field(default_factory=dict)
    run_id: str = ""
    run_url: str = ""


def by_ticket(flagged: pl.DataFrame) -> pl.DataFrame:
    """Flagged rows (FLAG) under the key and the name of whose ticket they are for.

    A new credential's rows become its owner's, with its name as `credential` and its key as `credential_key`, and what
    is on one ticket has one severity: the highest. Rows that were stored by earlier versions stay as they are.
    """
    known = pl.concat([pl.DataFrame(schema=BY_TICKET), flagged], how="diagonal")
    moves = (pl.col("ticket_key") != pl.col("actor_key")).fill_null(value=False)
    of_owner = pl.concat_str(pl.lit(" of "), "owner")
    moved = known.with_columns(
        credential=pl.when(moves).then(pl.col("actor").str.strip_suffix(of_owner)),
        credential_key=pl.when(moves).then("actor_key"),
        actor_key=pl.coalesce("ticket_key", "actor_key"),
        actor=pl.when(moves).then("owner").otherwise("actor"),
        actor_type=pl.when(moves).then(pl.lit(PERSON)).otherwise("actor_type"),
    )
    whole = moved.group_by("actor_key").agg(
        rank=severity_rank(pl.col("severity")).max(),
        rate=pl.col("tickets_a_day").min(),
        causes=pl.col("severity_because").explode().drop_nulls().unique(maintain_order=True),
    )
    has_credentials = pl.col("credential_key").is_not_null().any().over("actor_key")
    return (
        moved.join(whole, on="actor_key", how="left", maintain_order="left")
        .with_columns(
            severity=pl.when(has_credentials).then(severity_of_rank(pl.col("rank"))).otherwise("severity"),
            tickets_a_day=pl.when(has_credentials).then("rate").otherwise("tickets_a_day"),
            severity_because=pl.when(has_credentials).then("causes").otherwise("severity_because"),
        )
        .drop("rank", "rate", "causes")
    )


def findings_of(
    account_id: str,
    flagged: pl.DataFrame,
    entries: pl.DataFrame | pl.LazyFrame,
    *,
    seen: pl.DataFrame | None = None,
    links: Links | None = None,
) -> list[Finding]:
    """What a ticket is written from: one finding per flagged actor, in the order of `flagged`.

    `flagged` has the columns of FLAGGED_ACTORS, as they are or `by_ticket`, `entries` those of ENTRY_SCHEMA (at least
    BEHIND) and only what counts as a change; both of one hour. `seen`: from where the flagged actors acted before
    (`AxiomClient.origins`); None if that is not known.
    """
    if flagged.is_empty():
        return []
    in_order = entries.lazy()
    if not in_order.select((pl.col("time").diff() >= timedelta(0)).all()).collect().item():
        in_order = in_order.sort("time", maintain_order=True)  # which takes a copy of a large hour
    evidence = evidence_of(flagged, in_order, seen)
    by_actor = flagged.partition_by("actor_key", maintain_order=True)
    return [build_finding(account_id, rows.to_dicts(), evidence, links or Links()) for rows in by_actor]


def build_finding(
    account_id: str,
    rows: Sequence[Mapping[str, Any]],
    evidence: Mapping[str, Mapping[str, Any]],
    links: Links,
) -> Finding:
    """The finding of one actor's rows of FLAGGED_ACTORS. `evidence`: by actor key what its ticket shows of entries."""
    first = rows[0]
    behind = evidence[first["actor_key"]]
    is_of_rules = all(row["kind"] == WATCH_RULE for row in rows)
    return Finding(
        account_id=account_id,
        actor_key=first["actor_key"],
        actor=first["actor"],
        actor_type=first["actor_type"],
        hour=first["hour"],
        severity=first["severity"],
        deviations=tuple(deviation_of(row) for row in rows),
        entries=tuple(EntryLine(**line) for line in behind["entries"] or ()),
        last_entries=tuple(EntryLine(**line) for line in behind["last_entries"] or ()),
        entries_total=max([behind["total"], *(row["changes"] for row in rows if is_of_rules)]),
        other_changes=behind["others"],
        action_summaries=_all_of_one_kind(behind, rows) if is_of_rules else _summaries(behind),
        change_totals=tuple(ChangeTotal(**each) for each in behind["change_totals"] or ()),
        origins=tuple(Origin(**origin) for origin in behind["origins"] or ()),
        active_days=behind["active_days"],
        too_many_origins=behind["too_many_origins"],
        created_at=behind["created_at"],
        created_by=behind["created_by"],
        axiom_url=first["axiom_url"],
        entries_url=links.entries.get(first["actor_key"], ""),
        run_id=links.run_id,
        run_url=links.run_url,
        severity_because=tuple(first["severity_because"] or ()),
        learning=any(row["learning"] for row in rows),
        tickets_a_day=first["tickets_a_day"],
        first_active=behind["first_active"],
    )


def _summaries(behind: Mapping[str, Any]) -> tuple[ActionSummary, ...]:
    return tuple(ActionSummary(**each) for each in behind["action_summaries"] or ())


def _all_of_one_kind(behind: Mapping[str, Any], rows: Sequence[Mapping[str, Any]]) -> tuple[ActionSummary, ...]:
    """As `_summaries`; if all that rules matched is of one kind, with its whole number: but a few of many are kept."""
    summaries = _summaries(behind)
    most = max(row["changes"] for row in rows)
    return (replace(summaries[0], changes=max(summaries[0].changes, most)),) if len(summaries) == 1 else summaries


def deviation_of(row: Mapping[str, Any]) -> Deviation:
    """One row of a FLAGGED_ACTORS frame, as a ticket takes it."""
    watch, matched = row.get("watch"), row.get("matched")
    adapted = {
        "watch": WatchedRule(**_texts(watch), entries=tuple(map(_entry_line, matched or ()))) if watch else None,
        "active_hours": row["active_hours"] or 0,
        "judged_against": row["judged_against"] or "organisation",
        "horizon_hours": row["horizon_hours"] or 1,
        "slow_growth": row["horizon"] in (DAY_AGAINST_LAST_MONTH.name, FORTNIGHT_AGAINST_LAST_MONTH.name),
        "counts_hours": row["horizon"] == ACTIVE_HOURS.name,
        "members": tuple(row.get("member_names") or row["members"] or ()),
        "member_keys": tuple(row["members"] or ()),
        "changes_by_type": tuple((each["resource_type"], each["changes"]) for each in row.get("changes_by_type") or ()),
        "dismissed": _past_dismissal(row),
        "new_origins": tuple(row.get("new_origins") or ()),
        "other_accounts": tuple(row.get("other_accounts") or ()),
    }
    same = {each.name: row.get(each.name) for each in fields(Deviation) if each.name not in adapted}
    return Deviation(**same, **adapted)


def _texts(watch: Mapping[str, Any]) -> dict[str, Any]:
    return {name: tuple(value) if isinstance(value, list) else value for name, value in watch.items()}


def _entry_line(entry: Mapping[str, Any]) -> EntryLine:
    return EntryLine(**{name: entry[column] for name, column in SHOWN.items()})


def _past_dismissal(row: Mapping[str, Any]) -> PastDismissal | None:
    if not row.get("dismissed_ticket"):
        return None
    severity = row["dismissed_severity"]
    is_less_severe = severity is not None and SEVERITIES.index(severity) < SEVERITIES.index(row["severity"])
    return PastDismissal(
        on=row["dismissed_on"],
        identifier=row["dismissed_ticket"],
        url=row["dismissed_url"],
        changes=row["dismissed_changes"],
        resource_type=row["dismissed_type"],
        less_severe=severity if is_less_severe else None,
    )
