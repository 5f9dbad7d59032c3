"""What becomes of each deviation: its disposition, what several actors share, and how severe a ticket is."""

import polars as pl

from audit_assets.config.policy_tables import Policy
from audit_assets.detection.judged_hours import JudgedHours
from audit_assets.detection.organisation_wide import find_organisation_wide_deviations
from audit_assets.detection.schemas import (
    ALL_ACTORS,
    CREDENTIALS,
    HOUR_OF_ACTOR,
    MANY_ACTORS,
    MIN_BURST_RATIO,
    NAMES_OF_SEVERAL,
    NEW_ACTORS,
    ORGANISATION,
    VOLUME,
)
from audit_assets.detection.severity import SEVERITIES, raise_severity, severity_of_rank, severity_rank


def add_dispositions(found: pl.DataFrame, judged: JudgedHours) -> pl.DataFrame:
    """Adds `disposition`, `shared_type` (the resource type of a deviation that many actors share) and the
    organisation's own findings."""
    shared = find_organisation_wide_deviations(judged.scores, judged.activity)
    of_volume = shared.filter(pl.col("kind") == VOLUME).select(*HOUR_OF_ACTOR, "kind", type_of_burst="resource_type")
    of_type = shared.filter(pl.col("kind") != VOLUME).with_columns(type_itself="resource_type")
    found = (
        found.join(of_volume, on=[*HOUR_OF_ACTOR, "kind"], how="left")
        .join(of_type, on=[*HOUR_OF_ACTOR, "kind", "resource_type"], how="left")
        .with_columns(shared_type=pl.coalesce("type_of_burst", "type_itself"))
    )
    alerts = pl.col("alerts") & pl.col("allowed_because").is_null()
    alerting = found.filter(alerts, pl.col("shared_type").is_not_null()).select("hour", "shared_type").unique()
    found = found.join(alerting.with_columns(of_organisation=True), on=["hour", "shared_type"], how="left")
    of_organisation = pl.col("of_organisation").fill_null(value=False)
    own_ticket = (alerts & ~of_organisation).any().over(HOUR_OF_ACTOR)
    found = found.with_columns(
        disposition=pl.when(pl.col("allowed_because").is_not_null())
        .then(pl.lit("allowed"))
        .when(of_organisation)
        .then(pl.lit("organisation"))
        .when(own_ticket)
        .then(pl.lit("ticket"))
        .otherwise(pl.lit("below_threshold"))
    )
    shared = shared.rename({"resource_type": "shared_type"}).join(alerting, on=["hour", "shared_type"], how="semi")
    of_several = [_findings_of_organisation(shared, judged), _findings_of_groups(found, judged)]
    return pl.concat([found, *of_several], how="diagonal")


def _findings_of_groups(found: pl.DataFrame, judged: JudgedHours) -> pl.DataFrame:
    """What newcomers or an owner's credentials did is a finding; what all did only if those who are on no ticket,
    not allowed and not doing what people dismissed exceed the threshold without the others."""
    explained = found.filter(pl.col("disposition") != "below_threshold").select("hour", members="actor_key").unique()
    totals = judged.activity.group_by("hour", members="actor_key").agg(own=pl.col("changes").sum())
    dismissed = judged.baselines.drop_nulls("actor_key").select("hour", "dismissed", members="actor_key")
    of_all = judged.groups.filter(pl.col("actor_key") == ALL_ACTORS)
    unexplained = (
        of_all.select("hour", "kind", "threshold", "members")
        .explode("members")
        .join(explained, on=["hour", "members"], how="anti")
        .join(totals, on=["hour", "members"])
        .join(dismissed, on=["hour", "members"], how="left")
        .filter((pl.col("own") > MIN_BURST_RATIO * pl.col("dismissed")).fill_null(value=True))
        .group_by("hour", "kind")
        .agg(pl.col("threshold").first(), actors=pl.len(), changes=pl.col("own").sum())
        .filter(pl.when(pl.col("kind") == MANY_ACTORS).then("actors").otherwise("changes") >= pl.col("threshold"))
    )
    of_all = of_all.join(unexplained, on=["hour", "kind"], how="semi")
    others = judged.groups.filter(pl.col("kind").is_in([NEW_ACTORS, CREDENTIALS]))
    of_all_actors = pl.col("actor_key").is_in([*NAMES_OF_SEVERAL])
    name_of_several = pl.col("actor_key").replace_strict(NAMES_OF_SEVERAL, default=None, return_dtype=pl.String)
    return (
        pl.concat([others, of_all])
        .drop("threshold")
        .join(judged.names, on="actor_key", how="left", maintain_order="left")
        .with_columns(
            actor=pl.coalesce(name_of_several, "actor", "actor_key"),
            actor_type=pl.when(of_all_actors)
            .then(pl.lit(ORGANISATION))
            .otherwise(pl.col("actor_type").fill_null("unknown")),
            disposition=pl.lit("ticket"),
            ratio=pl.col("changes") / pl.col("baseline_mean"),
        )
    )


def _findings_of_organisation(shared: pl.DataFrame, judged: JudgedHours) -> pl.DataFrame:
    members = shared.select(*HOUR_OF_ACTOR, "shared_type").unique()
    changes = judged.activity.select(*HOUR_OF_ACTOR, "changes", shared_type="resource_type")
    return (
        members.lazy()
        .join(changes.lazy(), on=[*HOUR_OF_ACTOR, "shared_type"], how="left")
        .join(judged.scores.lazy().select(*HOUR_OF_ACTOR, "p", "tickets_a_day"), on=HOUR_OF_ACTOR)
        .group_by("hour", "shared_type")
        .agg(
            pl.col("changes").sum(),
            pl.col("p", "tickets_a_day").min(),
            members=pl.col("actor_key").unique().sort(),
        )
        .with_columns(
            resource_type="shared_type",
            actor_key=pl.lit(ORGANISATION),
            actor=pl.lit(NAMES_OF_SEVERAL[ORGANISATION]),
            actor_type=pl.lit(ORGANISATION),
            kind=pl.lit(ORGANISATION),
            disposition=pl.lit("ticket"),
        )
        .collect()
    )


def add_severities(found: pl.DataFrame, judged: JudgedHours, policy: Policy) -> pl.DataFrame:
    """A ticket has the severity of its rarity, raised by what was touched. Before that, a volume alone whose ratio is
    below that of the plain rule is at most medium, however steady its actor. The organisation's ticket has the severity
    of its most severe member; a group's is raised by what a member of it touched."""
    rarity = (
        pl.concat(each.select(*HOUR_OF_ACTOR, "severity") for each in (judged.scores, judged.groups))
        .group_by(HOUR_OF_ACTOR)
        .agg(rarity=severity_rank(pl.col("severity")).max())
    )
    of_actors = raise_severity(judged.touches, policy.sensitive)
    of_members = (
        judged.groups.select(*HOUR_OF_ACTOR, "members")
        .explode("members")
        .join(of_actors, left_on=["hour", "members"], right_on=HOUR_OF_ACTOR)
        .sort("raises", descending=True, maintain_order=True)
        .unique(HOUR_OF_ACTOR, keep="first", maintain_order=True)
    )
    raises = pl.concat([of_members.select(of_actors.columns), of_actors]).unique(HOUR_OF_ACTOR, keep="first")
    large = (pl.col("kind") != VOLUME) | (pl.col("ratio") >= policy.plain.ratio)
    most = (
        pl.when(large.any().over(HOUR_OF_ACTOR)).then(SEVERITIES.index("urgent")).otherwise(SEVERITIES.index("medium"))
    )
    rank = pl.min_horizontal("rarity", most).fill_null(0) + pl.col("raises").fill_null(0)
    is_ticket, of_organisation = (pl.col("disposition") == name for name in ("ticket", "organisation"))
    most_severe = pl.col("rank").filter(of_organisation).max().over("hour", "shared_type")
    found = found.join(rarity, on=HOUR_OF_ACTOR, how="left").join(raises, on=HOUR_OF_ACTOR, how="left")
    return (
        _with_causes_of_members(found)
        .with_columns(rank=rank)
        .with_columns(rank=pl.when(pl.col("kind") == ORGANISATION).then(most_severe).otherwise("rank"))
        .with_columns(
            severity=pl.when(is_ticket).then(severity_of_rank(pl.col("rank"))).otherwise(pl.lit("low")),
            severity_because=pl.when(is_ticket | of_organisation).then("severity_because"),
        )
    )


def _with_causes_of_members(found: pl.DataFrame) -> pl.DataFrame:
    """What raised the severity of a member's hour raised that of the organisation's finding."""
    of_members = (
        found.filter(pl.col("disposition") == "organisation")
        .explode("severity_because")
        .drop_nulls("severity_because")
        .group_by("hour", "shared_type", maintain_order=True)
        .agg(of_members=pl.col("severity_because").unique(maintain_order=True), kind=pl.lit(ORGANISATION))
    )
    joined = found.join(of_members, on=["hour", "shared_type", "kind"], how="left", maintain_order="left")
    return joined.with_columns(severity_because=pl.coalesce("of_members", "severity_because")).drop("of_members")
