"""What a person did in other accounts, as its past in one in which it is new.

As long as it is not known here, it is what it was elsewhere; from its first hour here on it has a past of its own, and
what it does elsewhere changes nothing any more. So nobody's judgement changes from one day to the next: what was
elsewhere grows old as every past does.
"""

import polars as pl

from audit_assets.detection.hour_scores import ACTIVITY_HISTORY
from audit_assets.detection.schemas import ACTIVITY, DELETES, ELSEWHERE

A_DAY = "1d"

PAST_ELSEWHERE = pl.Schema({**ACTIVITY, DELETES: pl.Int64, ELSEWHERE: pl.String})
"""ACTIVITY with deletes, and the name of the other account in which it was."""


def past_elsewhere(elsewhere: pl.DataFrame, here: pl.DataFrame) -> pl.DataFrame:
    """Of what people did elsewhere (PAST_ELSEWHERE) the hours in which they were not known here: without an hour here
    on the same UTC day, or in the ACTIVITY_HISTORY before it. `here` (actor_key, hour): all hours of this account."""
    hours = here.select("actor_key", newest="hour", at="hour").unique().sort("at")
    end_of_day = (pl.col("hour").dt.truncate(A_DAY).dt.offset_by(A_DAY)).alias("at")
    with_newest = (
        elsewhere.with_columns(end_of_day)
        .sort("at")
        .join_asof(
            hours, on="at", by="actor_key", strategy="backward", allow_exact_matches=False, check_sortedness=False
        )
    )
    is_unknown = pl.col("newest").is_null() | (pl.col("hour") - pl.col("newest") > ACTIVITY_HISTORY)
    return with_newest.filter(is_unknown).select(PAST_ELSEWHERE.names()).sort("actor_key", "hour", "resource_type")
