"""Who is flagged, why, and what becomes of it: the scores at the budget, the plain rule beside them, and the policy.

Every deviation of either rule is in what comes out; `disposition` says whether it rings. Nothing disappears.
"""

from dataclasses import dataclass

import polars as pl

from audit_assets.config.policy_tables import Policy
from audit_assets.detection.allowances import allowed
from audit_assets.detection.hour_scores import FIRST_DAYS
from audit_assets.detection.organisation_wide import UNUSUAL, shared_matters
from audit_assets.detection.plain_rule import NEW_RESOURCE_TYPE, VOLUME, deviations
from audit_assets.detection.schemas import FLAG, ORGANISATION
from audit_assets.detection.severity import named, raised, rank

HOUR_OF_ACTOR = ("hour", "actor_key")

HOURS_OF_HORIZON = {"1h": 1, "6h": 6, "24h": 24, "24h, lagged": 24}

MONTHS_A_YEAR = 365.25 / 30

COLLEAGUES = pl.Schema({"actor_key": pl.String, "resource_type": pl.String})


@dataclass(frozen=True)
class Judged:
    """Some hours, and what they are judged by.

    `activity` (ACTIVITY) of the hours, `baselines` (BASELINE) and `touched` (TOUCHED) before them; `scores` (SCORES,
    with actor_key in place of actor) after `ranked`; `colleagues`, a row for each actor_key and resource_type of the
    organisation's last 90 days, which decide nothing and are told in tickets (COLLEAGUES; none in a backtest);
    `touches` (TOUCHES) and `names` (actor_key, actor, actor_type) from the entries.
    """

    activity: pl.DataFrame
    baselines: pl.DataFrame
    touched: pl.DataFrame
    scores: pl.DataFrame
    colleagues: pl.DataFrame
    touches: pl.DataFrame
    names: pl.DataFrame


def flags(judged: Judged, policy: Policy) -> pl.DataFrame:
    """Every deviation of the hours and what becomes of it: a FLAG frame with the columns actor and actor_type, the most
    severe first."""
    plain = deviations(judged.activity, judged.baselines, judged.touched, policy.plain)
    found = _by_plain_rule(plain) if policy.preset == "plain" else _calibrated(judged, plain)
    found = allowed(_named(found, judged.names), judged.activity, policy.allowances)
    if policy.preset == "plain":
        disposition = pl.when(pl.col("allowed_because").is_null()).then(pl.lit("ticket")).otherwise(pl.lit("allowed"))
        told = found.with_columns(disposition=disposition)
    else:
        told = _with_severity(_with_disposition(found, judged), judged, policy)
    return _in_order(pl.concat([pl.DataFrame(schema=FLAGGED), told], how="diagonal_relaxed"))


FLAGGED = pl.Schema({**FLAG, "actor": pl.String, "actor_type": pl.String})


def _by_plain_rule(plain: pl.DataFrame) -> pl.DataFrame:
    return plain.with_columns(horizon_hours=pl.when(pl.col("kind") == VOLUME).then(pl.lit(1, pl.Int64)))


def _calibrated(judged: Judged, plain: pl.DataFrame) -> pl.DataFrame:
    """The deviations of the scores and of the plain rule, each once, in the numbers of the scores; `rings` says which
    would open a ticket by themselves."""
    common = ["active_hours", "tickets_a_day", "learning", "judged_against"]
    scores = judged.scores.with_columns(
        judged_against=pl.when(pl.col("active_hours") > 0).then(pl.lit("actor")).otherwise(pl.lit("organisation"))
    )
    return pl.concat(
        [_volumes(judged, scores, plain, common), _new_types(judged, scores, plain, common)], how="diagonal"
    )


def _volumes(judged: Judged, scores: pl.DataFrame, plain: pl.DataFrame, common: list[str]) -> pl.DataFrame:
    rings = pl.col("reasons").list.contains("volume")
    told = pl.col("flagged") & (rings | (pl.col("p_volume") <= UNUSUAL))
    by_plain_rule = (
        plain.filter(pl.col("kind") == VOLUME).select(HOUR_OF_ACTOR).with_columns(plainly=pl.lit(value=True))
    )
    most = judged.baselines.drop_nulls("actor_key").select(*HOUR_OF_ACTOR, "baseline_max")
    horizon = pl.when(told).then("horizon").otherwise(pl.lit("1h"))
    return (
        scores.lazy()
        .join(by_plain_rule.lazy(), on=HOUR_OF_ACTOR, how="left")
        .filter(told | pl.col("plainly"))
        .join(most.lazy(), on=HOUR_OF_ACTOR, how="left")
        .with_columns(
            changes=pl.when(told).then("horizon_changes").otherwise("changes"),
            baseline_mean=pl.when(told).then("horizon_baseline_mean").otherwise("baseline_mean"),
            horizon=horizon,
            horizon_hours=horizon.replace_strict(HOURS_OF_HORIZON, return_dtype=pl.Int64),
        )
        .select(
            *HOUR_OF_ACTOR,
            *common,
            "changes",
            "baseline_mean",
            "horizon",
            "horizon_hours",
            kind=pl.lit(VOLUME),
            ratio=pl.col("changes") / pl.col("baseline_mean"),
            baseline_max=pl.when(pl.col("horizon_hours") == 1).then("baseline_max"),
            p="p_volume",
            return_period_years=_return_period_years(pl.col("p_volume")),
            rings=rings,
        )
        .collect()
    )


def _new_types(judged: Judged, scores: pl.DataFrame, plain: pl.DataFrame, common: list[str]) -> pl.DataFrame:
    key = [*HOUR_OF_ACTOR, "resource_type"]
    ringing = pl.col("reasons").list.set_intersection(["new_resource_type", "many_new_resource_types"]).list.len() > 0
    p_new = pl.min_horizontal("p_novelty", "p_many_new")
    by_score = (
        scores.lazy()
        .filter(pl.col("flagged"), ringing | (p_new <= UNUSUAL))
        .select(*HOUR_OF_ACTOR, resource_type="new_resource_types", rings=ringing)
        .explode("resource_type")
        .drop_nulls("resource_type")
    )
    by_plain_rule = plain.lazy().filter(pl.col("kind") == NEW_RESOURCE_TYPE).select(key)
    own = judged.touched.lazy().drop_nulls("actor_key").select(*key, "last_touched")
    anybodys = judged.touched.lazy().filter(pl.col("actor_key").is_null()).select("hour", "resource_type", heard=True)
    others = judged.colleagues.lazy().group_by("resource_type").agg(touched_by=pl.col("actor_key").n_unique())
    itself = judged.colleagues.lazy().select("actor_key", "resource_type", itself=pl.lit(1)).unique()
    of_hour = judged.activity.lazy().group_by(key).agg(pl.col("changes").sum())
    return (
        pl.concat([by_score, by_plain_rule], how="diagonal")
        .group_by(key)
        .agg(pl.col("rings").any())
        .join(of_hour, on=key)
        .join(scores.lazy().drop("changes", "baseline_mean"), on=HOUR_OF_ACTOR)
        .join(own, on=key, how="left")
        .join(anybodys, on=["hour", "resource_type"], how="left")
        .join(others, on="resource_type", how="left")
        .join(itself, on=["actor_key", "resource_type"], how="left")
        .select(
            *key,
            *common,
            "changes",
            "last_touched",
            "rings",
            "touched_types",
            kind=pl.lit(NEW_RESOURCE_TYPE),
            first_ever=pl.col("last_touched").is_null(),
            new_to_organisation=pl.col("heard").is_null(),
            new_types=pl.col("new_resource_types").list.len().cast(pl.Int64),
            colleagues=pl.col("touched_by").fill_null(0) - pl.col("itself").fill_null(0),
            organisation_actors=pl.lit(judged.colleagues["actor_key"].n_unique(), pl.Int64),
            p=p_new,
            return_period_years=_return_period_years(p_new),
        )
        .collect()
    )


def _return_period_years(p: pl.Expr) -> pl.Expr:
    """1 / (p · active hours a year), as the actor was active in the last 30 days; null while it is hardly known."""
    a_year = pl.col("active_hours") * MONTHS_A_YEAR
    return pl.when(pl.col("active_hours") >= FIRST_DAYS - 1).then(1 / (p * a_year))


def _named(found: pl.DataFrame, names: pl.DataFrame) -> pl.DataFrame:
    return found.join(names, on="actor_key", how="left", maintain_order="left").with_columns(
        pl.col("actor").fill_null(pl.col("actor_key")), pl.col("actor_type").fill_null("unknown")
    )


def _with_disposition(found: pl.DataFrame, judged: Judged) -> pl.DataFrame:
    """Adds `disposition`, `matter` (the resource type that many actors share) and the organisation's own findings."""
    shared = shared_matters(judged.scores, judged.activity)
    of_volume = shared.filter(pl.col("kind") == VOLUME).select(*HOUR_OF_ACTOR, "kind", burst_about="resource_type")
    of_type = shared.filter(pl.col("kind") != VOLUME).with_columns(also="resource_type")
    found = (
        found.join(of_volume, on=[*HOUR_OF_ACTOR, "kind"], how="left")
        .join(of_type, on=[*HOUR_OF_ACTOR, "kind", "resource_type"], how="left")
        .with_columns(matter=pl.coalesce("burst_about", "also"))
    )
    rings = pl.col("rings") & pl.col("allowed_because").is_null()
    ringing = found.filter(rings, pl.col("matter").is_not_null()).select("hour", "matter").unique()
    found = found.join(ringing.with_columns(told_once=True), on=["hour", "matter"], how="left")
    told_once = pl.col("told_once").fill_null(value=False)
    by_itself = (rings & ~told_once).any().over(HOUR_OF_ACTOR)
    found = found.with_columns(
        disposition=pl.when(pl.col("allowed_because").is_not_null())
        .then(pl.lit("allowed"))
        .when(told_once)
        .then(pl.lit("organisation"))
        .when(by_itself)
        .then(pl.lit("ticket"))
        .otherwise(pl.lit("below_threshold"))
    )
    matters = shared.rename({"resource_type": "matter"}).join(ringing, on=["hour", "matter"], how="semi")
    return pl.concat([found, _of_organisation(matters, judged)], how="diagonal")


def _of_organisation(matters: pl.DataFrame, judged: Judged) -> pl.DataFrame:
    members = matters.select(*HOUR_OF_ACTOR, "matter").unique()
    changes = judged.activity.select(*HOUR_OF_ACTOR, "changes", matter="resource_type")
    return (
        members.lazy()
        .join(changes.lazy(), on=[*HOUR_OF_ACTOR, "matter"], how="left")
        .join(judged.scores.lazy().select(*HOUR_OF_ACTOR, "p", "tickets_a_day"), on=HOUR_OF_ACTOR)
        .group_by("hour", "matter")
        .agg(
            pl.col("changes").sum(),
            pl.col("p", "tickets_a_day").min(),
            members=pl.col("actor_key").unique().sort(),
        )
        .select(
            "hour",
            "matter",
            "changes",
            "p",
            "tickets_a_day",
            "members",
            resource_type="matter",
            actor_key=pl.lit(ORGANISATION),
            actor=pl.lit("the organisation"),
            actor_type=pl.lit(ORGANISATION),
            kind=pl.lit(ORGANISATION),
            disposition=pl.lit("ticket"),
        )
        .collect()
    )


def _with_severity(found: pl.DataFrame, judged: Judged, policy: Policy) -> pl.DataFrame:
    """What rings has the severity of its rarity, raised by what was touched; a burst alone that is no multiple to speak
    of is at most medium before that, however steady its actor. The organisation's has that of its most severe member."""
    rarity = judged.scores.select(*HOUR_OF_ACTOR, rarity=rank(pl.col("severity")))
    of_actor = raised(judged.touches, policy.sensitive)
    large = (pl.col("kind") != VOLUME) | (pl.col("ratio") >= policy.plain.ratio)
    most = pl.when(large.any().over(HOUR_OF_ACTOR)).then(pl.lit(3)).otherwise(pl.lit(1))
    weight = pl.min_horizontal("rarity", most).fill_null(0) + pl.col("raises").fill_null(0)
    most_severe = pl.col("weight").filter(pl.col("disposition") == "organisation").max().over("hour", "matter")
    return (
        found.join(rarity, on=HOUR_OF_ACTOR, how="left")
        .join(of_actor, on=HOUR_OF_ACTOR, how="left")
        .with_columns(weight=weight)
        .with_columns(weight=pl.when(pl.col("kind") == ORGANISATION).then(most_severe).otherwise("weight"))
        .with_columns(
            severity=pl.when(pl.col("disposition") == "ticket").then(named(pl.col("weight"))).otherwise(pl.lit("low")),
            severity_because=pl.when(pl.col("disposition") == "ticket").then("severity_because"),
        )
    )


def _in_order(found: pl.DataFrame) -> pl.DataFrame:
    """What rings first, the most severe of it first; an actor's rows stay together."""
    return (
        found.select(FLAGGED.names())
        .cast(FLAGGED)
        .sort(
            (pl.col("disposition") != "ticket").cast(pl.Int8).min().over(HOUR_OF_ACTOR),
            -rank(pl.col("severity")).max().over(HOUR_OF_ACTOR),
            "hour",
            "actor_key",
            pl.col("kind") == NEW_RESOURCE_TYPE,
            pl.col("changes") * -1,
            "resource_type",
        )
    )
