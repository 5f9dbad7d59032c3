"""Who is flagged, why, and what becomes of it: the scores at the budget, the plain rule beside them, and the policy.

Every deviation of either rule is in the result; `disposition` shows which of them open a ticket. None disappears.
"""

import polars as pl

from audit_assets.config.policy_tables import Policy
from audit_assets.detection.allowances import mark_allowed
from audit_assets.detection.dispositions import add_dispositions, add_severities
from audit_assets.detection.judged_hours import JudgedHours
from audit_assets.detection.organisation_wide import UNUSUAL_P
from audit_assets.detection.origin_columns import ORIGIN_COLUMNS
from audit_assets.detection.plain_rule import find_plain_deviations
from audit_assets.detection.schemas import (
    BASELINE,
    FLAG,
    HOUR_OF_ACTOR,
    MANY_DELETES,
    NEW_RESOURCE_TYPE,
    NEWCOMER,
    VOLUME,
    WELL_KNOWN,
)
from audit_assets.detection.severity import severity_rank
from audit_assets.detection.threshold_falls import flag_threshold_falls
from audit_assets.detection.unreadable_entries import flag_unreadable
from audit_assets.detection.volume import HORIZONS
from audit_assets.detection.watch_alerts import flag_watch_alerts, raise_to_watch_rules
from audit_assets.detection.watch_columns import WATCH_RULE

HOURS_OF_HORIZON = {horizon.name: horizon.hours for horizon in HORIZONS}

MONTHS_A_YEAR = 365.25 / 30

NEW_TYPES = ("new_resource_type", "many_new_resource_types", "new_resource_types_over_days")
"""The reasons for which the new resource types of an hour alert."""

COLUMNS_OF_HOUR = (
    *("active_hours", "tickets_a_day", "learning", "judged_against", "hours_since_first"),
    *("time_share", *ORIGIN_COLUMNS.names()),
)
"""What both kinds of deviation take from the scores of their hour."""


def flag_deviations(judged: JudgedHours, policy: Policy) -> pl.DataFrame:
    """Every deviation of the hours and what becomes of it: a FLAG frame, the most severe first."""
    plain = find_plain_deviations(judged.activity, judged.baselines, judged.touched, policy.plain)
    found = _with_horizon(plain) if policy.preset == "plain" else _calibrated(judged, plain)
    found = _with_other_accounts(_with_names(found, judged.names), judged.baselines)
    found = mark_allowed(found, judged.activity, policy.allowances)
    if policy.preset == "plain":
        disposition = pl.when(pl.col("allowed_because").is_null()).then(pl.lit("ticket")).otherwise(pl.lit("allowed"))
        flagged = found.with_columns(disposition=disposition)
    else:
        flagged = add_severities(add_dispositions(found, judged), judged, policy)
    flagged = pl.concat([flagged, flag_watch_alerts(judged.watched)], how="diagonal_relaxed")
    flagged = _with_ticket_keys(_with_changes_by_type(raise_to_watch_rules(flagged), judged.activity), judged)
    of_log = [flag_unreadable(judged.unreadable)]
    if policy.preset != "plain":  # which has no threshold
        of_log.append(flag_threshold_falls(judged.threshold_falls))
    flagged = pl.concat([*of_log, flagged], how="diagonal_relaxed")
    flagged = flagged.with_columns(ticket_key=pl.coalesce("ticket_key", "actor_key"))
    return _in_order(_with_member_names(flagged, judged.names))


def _with_horizon(plain: pl.DataFrame) -> pl.DataFrame:
    return plain.with_columns(horizon_hours=pl.when(pl.col("kind") == VOLUME).then(pl.lit(1, pl.Int64)))


def _calibrated(judged: JudgedHours, plain: pl.DataFrame) -> pl.DataFrame:
    """The deviations of the scores and of the plain rule, each once, with the numbers of the scores; `alerts` marks
    those that exceed the threshold."""
    scores = judged.scores.join(judged.first_hours, on=HOUR_OF_ACTOR, how="left").with_columns(
        judged_against=pl.when(pl.col("active_hours") > 0).then(pl.lit("actor")).otherwise(pl.lit("organisation"))
    )
    found = [_bursts(judged, scores, plain), _new_types(judged, scores, plain), _deletes(scores)]
    return pl.concat(found, how="diagonal")


def _bursts(judged: JudgedHours, scores: pl.DataFrame, plain: pl.DataFrame) -> pl.DataFrame:
    alerts = pl.col("reasons").list.contains("volume")
    by_score = pl.col("flagged") & (alerts | (pl.col("p_volume") <= UNUSUAL_P))
    by_plain_rule = (
        plain.lazy().filter(pl.col("kind") == VOLUME).select(*HOUR_OF_ACTOR, by_plain_rule=pl.lit(value=True))
    )
    most = judged.baselines.lazy().drop_nulls("actor_key").select(*HOUR_OF_ACTOR, "baseline_max")
    horizon = pl.when(by_score).then("horizon").otherwise(pl.lit("1h"))
    return (
        scores.lazy()
        .join(by_plain_rule, on=HOUR_OF_ACTOR, how="left")
        .filter(by_score | pl.col("by_plain_rule"))
        .join(most, on=HOUR_OF_ACTOR, how="left")
        .with_columns(
            changes=pl.when(by_score).then("horizon_changes").otherwise("changes"),
            baseline_mean=pl.when(by_score).then("horizon_baseline_mean").otherwise("baseline_mean"),
            horizon=horizon,
            horizon_hours=horizon.replace_strict(HOURS_OF_HORIZON, return_dtype=pl.Int64),
        )
        .with_columns(
            pl.when(pl.col("horizon_hours") == 1).then(pl.col("baseline_max", "smaller_hours", "known_hours")),
            judged_against=pl.when(by_score & (pl.col("familiarity") == NEWCOMER))
            .then(pl.lit("newcomers"))
            .otherwise("judged_against"),
        )
        .select(
            *HOUR_OF_ACTOR,
            *COLUMNS_OF_HOUR,
            "changes",
            "baseline_mean",
            "baseline_max",
            "smaller_hours",
            "known_hours",
            "horizon",
            "horizon_hours",
            kind=pl.lit(VOLUME),
            ratio=pl.col("changes") / pl.col("baseline_mean"),
            p="p_volume",
            return_period_years=_return_period_years(pl.col("p_volume")),
            alerts=alerts,
        )
        .collect()
    )


def _new_types(judged: JudgedHours, scores: pl.DataFrame, plain: pl.DataFrame) -> pl.DataFrame:
    key = [*HOUR_OF_ACTOR, "resource_type"]
    alerts = pl.col("reasons").list.set_intersection([*NEW_TYPES]).list.len() > 0
    p_new = pl.min_horizontal("p_novelty", "p_many_new", "p_slow")
    by_score = (
        scores.lazy()
        .filter(pl.col("flagged"), alerts | (p_new <= UNUSUAL_P))
        .select(*HOUR_OF_ACTOR, resource_type="new_resource_types", alerts=alerts)
        .explode("resource_type")
        .drop_nulls("resource_type")
    )
    by_plain_rule = plain.lazy().filter(pl.col("kind") == NEW_RESOURCE_TYPE).select(key)
    own = judged.touched.lazy().drop_nulls("actor_key").select(*key, "last_touched")
    known = judged.touched.lazy().filter(pl.col("actor_key").is_null()).select("hour", "resource_type", known=True)
    touched_by = judged.colleagues.lazy().group_by("resource_type").agg(touched_by=pl.col("actor_key").n_unique())
    itself = judged.colleagues.lazy().select("actor_key", "resource_type", itself=pl.lit(1)).unique()
    of_hour = judged.activity.lazy().group_by(key).agg(pl.col("changes").sum())
    return (
        pl.concat([by_score, by_plain_rule], how="diagonal")
        .group_by(key)
        .agg(pl.col("alerts").any())
        .join(of_hour, on=key)
        .join(scores.lazy().drop("changes", "baseline_mean"), on=HOUR_OF_ACTOR)
        .join(own, on=key, how="left")
        .join(known, on=["hour", "resource_type"], how="left")
        .join(touched_by, on="resource_type", how="left")
        .join(itself, on=["actor_key", "resource_type"], how="left")
        .select(
            *key,
            *COLUMNS_OF_HOUR,
            "changes",
            "last_touched",
            "alerts",
            "touched_types",
            kind=pl.lit(NEW_RESOURCE_TYPE),
            first_ever=pl.col("last_touched").is_null(),
            new_to_organisation=pl.col("known").is_null(),
            new_types=pl.col("new_resource_types").list.len().cast(pl.Int64),
            new_type_days=pl.when(pl.col("reasons").list.contains("new_resource_types_over_days")).then(
                "new_type_days"
            ),
            colleagues=pl.col("touched_by").fill_null(0) - pl.col("itself").fill_null(0),
            organisation_actors=pl.lit(judged.colleagues["actor_key"].n_unique(), pl.Int64),
            p=p_new,
            return_period_years=_return_period_years(p_new),
        )
        .collect()
    )


def _deletes(scores: pl.DataFrame) -> pl.DataFrame:
    """Hours of which unusually many changes are deletes."""
    alerts = pl.col("reasons").list.contains(MANY_DELETES)
    return scores.filter(pl.col("flagged"), alerts | (pl.col("p_deletes") <= UNUSUAL_P)).select(
        *HOUR_OF_ACTOR,
        *COLUMNS_OF_HOUR,
        "usual_deletes",
        changes="deletes",
        hour_changes="changes",
        kind=pl.lit(MANY_DELETES),
        horizon_hours=pl.lit(1, pl.Int64),
        p="p_deletes",
        alerts=alerts,
    )


def _return_period_years(p: pl.Expr) -> pl.Expr:
    """1 / (p · active hours a year), as the actor was active in the last 30 days; null for all but the well-known,
    since the p of others is not of their own past."""
    a_year = pl.col("active_hours") * MONTHS_A_YEAR
    return pl.when(pl.col("familiarity") == WELL_KNOWN).then(1 / (p * a_year))


def _with_names(found: pl.DataFrame, names: pl.DataFrame) -> pl.DataFrame:
    return found.join(names, on="actor_key", how="left", maintain_order="left").with_columns(
        pl.col("actor").fill_null(pl.col("actor_key")), pl.col("actor_type").fill_null("unknown")
    )


def _with_other_accounts(found: pl.DataFrame, baselines: pl.DataFrame) -> pl.DataFrame:
    """From which other accounts the actor is known."""
    baselines = pl.concat([BASELINE.to_frame(), baselines], how="diagonal")  # stored ones of before lack it
    known = baselines.drop_nulls("other_accounts").select(*HOUR_OF_ACTOR, "hours_elsewhere", "other_accounts")
    return found.join(known, on=HOUR_OF_ACTOR, how="left", maintain_order="left")


def _with_member_names(found: pl.DataFrame, names: pl.DataFrame) -> pl.DataFrame:
    if "members" not in found.columns:  # the plain rule has no findings of several
        return found
    called = pl.element().replace(names["actor_key"], names["actor"].fill_null(names["actor_key"]))
    return found.with_columns(member_names=pl.col("members").list.eval(called))


def _with_changes_by_type(found: pl.DataFrame, activity: pl.DataFrame) -> pl.DataFrame:
    """What a burst's hour changed, by resource type: a person who dismisses the burst dismisses that."""
    bursts = found.lazy().filter(pl.col("kind") == VOLUME).select(HOUR_OF_ACTOR).unique()
    by_type = (
        activity.lazy()
        .join(bursts, on=HOUR_OF_ACTOR, how="semi")
        .group_by(*HOUR_OF_ACTOR, "resource_type")
        .agg(pl.col("changes").sum())
        .sort(-pl.col("changes"), "resource_type")
        .group_by(HOUR_OF_ACTOR, maintain_order=True)
        .agg(changes_by_type=pl.struct("resource_type", "changes"), kind=pl.lit(VOLUME))
        .collect()
    )
    return found.join(by_type, on=[*HOUR_OF_ACTOR, "kind"], how="left", maintain_order="left")


def _with_ticket_keys(found: pl.DataFrame, judged: JudgedHours) -> pl.DataFrame:
    """Whose ticket each deviation is for, and the owner's name if that is another actor."""
    credentials = judged.scores.filter(pl.col("owner") != pl.col("actor_key"))
    owners = credentials.select(*HOUR_OF_ACTOR, "familiarity", owner_key="owner")
    names = judged.names.select(owner_key="actor_key", owner="actor")
    of_owner = (pl.col("familiarity") == NEWCOMER) & (pl.col("disposition") == "ticket")
    return (
        found.join(owners, on=HOUR_OF_ACTOR, how="left", maintain_order="left")
        .join(names, on="owner_key", how="left", maintain_order="left")
        .with_columns(
            owner=pl.coalesce("owner", "owner_key"),
            ticket_key=pl.when(of_owner).then("owner_key").otherwise("actor_key"),
        )
    )


def _in_order(found: pl.DataFrame) -> pl.DataFrame:
    """Actors with a ticket first, the most severe of them first; an actor's rows stay together."""
    return (
        found.select(FLAG.names())
        .cast(FLAG)
        .sort(
            (pl.col("disposition") != "ticket").cast(pl.Int8).min().over(HOUR_OF_ACTOR),
            -severity_rank(pl.col("severity")).max().over(HOUR_OF_ACTOR),
            *HOUR_OF_ACTOR,
            pl.col("kind").replace_strict({VOLUME: 0, NEW_RESOURCE_TYPE: 2, WATCH_RULE: 3}, default=1),
            pl.col("changes") * -1,
            "resource_type",
        )
    )
