"""The evidence for findings: of an hour's entries those that each is about, and what its ticket shows of them."""

from typing import Any

import polars as pl

from audit_assets.detection.schemas import GROUP_KINDS, MANY_DELETES, NAMES_OF_SEVERAL, VOLUME
from audit_assets.detection.watch_columns import WATCH_RULE
from audit_assets.tickets.finding import ENTRIES_SHOWN
from audit_assets.tickets.origins import ENTRY_COLUMNS, days_before, origins_of

SHOWN = {
    **{name: name for name in ("entry_id", "time", "action", "resource_type", "resource_id")},
    **{name: name for name in ("ip_address", "interface")},
    "zone": "zone_name",
    "result": "action_result",
}
"""What a ticket shows of an entry, by the names of EntryLine, and the columns of an entry."""

BEHIND = tuple(dict.fromkeys([*SHOWN.values(), "change_kind", *ENTRY_COLUMNS, "token_name", "actor_key", "actor"]))
"""The columns of an entry that a finding is made from."""


def members_of(flagged: pl.DataFrame) -> pl.DataFrame:
    """Who acted, for each flagged actor (`finding`): itself, its credential, or all (`actor_key`) that had a part in a
    finding of several."""
    itself = pl.coalesce("^credential_key$", "actor_key")
    acted = pl.when(pl.col("members").list.len() > 0).then("members").otherwise(pl.concat_list(itself))
    return flagged.select(finding="actor_key", actor_key=acted).explode("actor_key").unique(maintain_order=True)


def evidence_of(flagged: pl.DataFrame, entries: pl.LazyFrame, seen: pl.DataFrame | None) -> dict[str, dict[str, Any]]:
    """Per flagged actor what its ticket shows of the hour's entries, which are in the order of their times.

    What is found of them is collected piece by piece: of an hour of 500,000 changes it is in memory with the columns
    that each piece takes, and never with all.
    """
    members = members_of(flagged)
    theirs = _of_members(entries.with_columns(is_listed=True), members)
    behind = pl.concat([_behind(flagged, theirs), _matched_alone(flagged, theirs)], how="diagonal")
    hour = flagged["hour"][0]
    before = None if seen is None else seen.join(members, on="actor_key")
    evidence = flagged.select(finding="actor_key").unique()
    for part in (
        theirs.group_by("finding").agg(changes=pl.len().cast(pl.Int64)),
        behind.group_by("finding").agg(changes_behind=pl.col("is_listed").count().cast(pl.Int64)),
        _ends(behind),
        _creations(theirs, entries),
        _action_summaries(behind),
        _change_totals(behind, _resources_changed(behind).collect()),
        origins_of(behind, before, hour),
        days_before(evidence, before, hour).lazy(),
        _first_active(flagged, theirs, before),
    ):
        evidence = evidence.join(part.collect(), on="finding", how="left")
    others = pl.col("changes").fill_null(0) - pl.col("changes_behind").fill_null(0)
    counted = evidence.with_columns(pl.col("total").fill_null(0).cast(pl.Int64), others=others)
    counted = counted.drop("changes", "changes_behind")
    return {row.pop("finding"): row for row in counted.iter_rows(named=True)}


def _of_members(entries: pl.LazyFrame, members: pl.DataFrame) -> pl.LazyFrame:
    """The entries of these members, in their order, once for each `finding`. As a join that keeps the order, polars 2.1
    takes four times the memory of a large hour in every other run."""
    of_actor = dict(members.group_by("actor_key", maintain_order=True).agg("finding").iter_rows())
    findings = pl.col("actor_key").replace_strict(of_actor, default=None, return_dtype=pl.List(pl.String))
    return entries.with_columns(finding=findings).drop_nulls("finding").explode("finding")


def _behind(flagged: pl.DataFrame, theirs: pl.LazyFrame) -> pl.LazyFrame:
    """The entries that a finding is about: all of a burst's or a group's, else those of the resource types that
    deviate."""
    bursts = members_of(flagged.filter(pl.col("kind").is_in([VOLUME, MANY_DELETES, *GROUP_KINDS]))).lazy()
    of_types = flagged.filter(pl.col("kind") != WATCH_RULE)
    deviating = of_types.select("resource_type", finding="actor_key").unique().lazy()
    of_burst = theirs.join(bursts, on=["finding", "actor_key"], how="semi", maintain_order="left")
    others = theirs.join(bursts, on=["finding", "actor_key"], how="anti", maintain_order="left")
    deviate = others.join(deviating, on=["finding", "resource_type"], how="semi", maintain_order="left")
    return pl.concat([of_burst, deviate])


def _matched_alone(flagged: pl.DataFrame, theirs: pl.LazyFrame) -> pl.LazyFrame:
    """The entries behind the findings that only watch rules have: what the rules matched, changes or not, and all
    changes of the hour that did the same to the same resource types, since the rows keep but a few of many."""
    alone = flagged.filter((pl.col("kind") == WATCH_RULE).all().over("actor_key"))
    if "matched" not in flagged.columns or alone.is_empty():
        return theirs.clear()  # before it is known what matched, each entry would be read with its id and time
    matched = alone.select("matched", finding="actor_key").explode("matched").unnest("matched").lazy()
    the_same = ["finding", "actor_key", "action", "resource_type"]
    changes = theirs.join(matched, on=the_same, how="semi", nulls_equal=True, maintain_order="left")
    both = pl.concat([changes, matched], how="diagonal")
    return both.unique(["finding", "entry_id"], keep="first").sort("time", "resource_id")


def _creations(theirs: pl.LazyFrame, entries: pl.LazyFrame) -> pl.LazyFrame:
    """Per finding when and by whom its token was created in the hour, by the token's id: a name proves nothing."""
    created = entries.filter(pl.col("change_kind") == "create").select(
        pl.col("resource_id").alias("token_id"), created_at="time", created_by="actor"
    )
    tokens = theirs.filter(~pl.col("finding").is_in([*NAMES_OF_SEVERAL])).select("finding", "token_id").unique()
    return tokens.join(created, on="token_id").sort("created_at").unique("finding", keep="first").drop("token_id")


def _ends(behind: pl.LazyFrame) -> pl.LazyFrame:
    """Per finding the first entries and the last ones, none of them twice, and the total. Which they are is found by
    few columns; with all columns only these are looked at."""
    of_several = pl.col("finding").is_in([*NAMES_OF_SEVERAL]) | (pl.col("actor_key").n_unique() > 1)
    ids = pl.col("entry_id")
    of_findings = (
        behind.group_by("finding")
        .agg(of_several=of_several.first(), total=pl.len(), first=ids.head(ENTRIES_SHOWN), last=ids.tail(ENTRIES_SHOWN))
        .collect()
    )
    shown = of_findings.select(pl.concat_list("first", "last").explode()).to_series()
    who = pl.when("of_several").then("actor").alias("actor")
    line = pl.struct(who, *(pl.col(column).alias(name) for name, column in SHOWN.items()))
    return (
        behind.filter(pl.col("entry_id").is_in(shown.implode()))
        .join(of_findings.lazy().drop("first", "last"), on="finding", maintain_order="left")
        .group_by("finding", maintain_order=True)
        .agg(
            entries=line.head(ENTRIES_SHOWN),
            last_entries=line.slice(ENTRIES_SHOWN).tail(ENTRIES_SHOWN),
            total=pl.col("total").first(),
        )
    )


def _first_active(flagged: pl.DataFrame, theirs: pl.LazyFrame, before: pl.DataFrame | None) -> pl.LazyFrame:
    """Per finding about credentials when the first of them began; null if one acted before, or if that is not known."""
    if before is None or "credential_key" not in flagged.columns:
        return flagged.lazy().select(finding="actor_key", first_active=pl.lit(None, pl.Datetime("us", "UTC"))).unique()
    credentials = flagged.select(finding="actor_key", actor_key="credential_key").drop_nulls().unique()
    acted_before = before.select("finding", "actor_key").unique()
    new = credentials.join(acted_before, on=["finding", "actor_key"], how="anti").lazy()
    began = theirs.join(new, on=["finding", "actor_key"], how="semi").group_by("finding")
    return began.agg(first_active=pl.col("time").min())


def _action_summaries(behind: pl.LazyFrame) -> pl.LazyFrame:
    """Per finding the entries by action and resource type, what was done most first."""
    by_action = behind.group_by("finding", "action", "resource_type").agg(
        changes=pl.len().cast(pl.Int64),
        oldest=pl.col("time").min(),
        newest=pl.col("time").max(),
        deletes=(pl.col("change_kind") == "delete").any(),
    )
    in_order = by_action.sort(-pl.col("changes"), "oldest", "resource_type", "action")
    summary = pl.struct(pl.exclude("finding"))
    return in_order.group_by("finding", maintain_order=True).agg(action_summaries=summary)


def _resources_changed(behind: pl.LazyFrame) -> pl.LazyFrame:
    """Per finding, kind and resource type how many resources were changed; null if some have no id."""
    names_all = pl.col("resource_id").is_not_null().all()
    resources = pl.when(names_all).then(pl.col("resource_id").n_unique().cast(pl.Int64))
    return behind.drop_nulls("change_kind").group_by("finding", "resource_type", "change_kind").agg(resources=resources)


def _change_totals(behind: pl.LazyFrame, resources: pl.DataFrame) -> pl.LazyFrame:
    """Per finding the changes by their kind and resource type, what was done most first. `resources`: how many each is
    about. They are counted by zone first, since most hours have few of these."""
    of_kind, zones = ["finding", "resource_type", "change_kind"], pl.col("zone_name").drop_nulls()
    by_kind = (
        behind.drop_nulls("change_kind")
        .group_by(*of_kind, "zone_name")
        .agg(changes=pl.len().cast(pl.Int64))
        .group_by(of_kind)
        .agg(
            pl.col("changes").sum(),
            zones=zones.len().cast(pl.Int64),
            zone=pl.when(zones.len() == 1).then(zones.first()),
        )
        .join(resources.lazy(), on=of_kind, how="left", nulls_equal=True)
        .rename({"change_kind": "kind"})
    )
    in_order = by_kind.sort(-pl.col("changes"), "resource_type", "kind")
    return in_order.group_by("finding", maintain_order=True).agg(change_totals=pl.struct(pl.exclude("finding")))
