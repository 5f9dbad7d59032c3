"""The frames that detection takes and gives: their columns, types and units.

`hour` is always the start of an hour, in UTC. An `actor_key` of null stands for the organisation as a whole.
"""

from datetime import timedelta

import polars as pl

WINDOW = timedelta(days=30)
"""What is usual for an actor is read from this long before the hour; the hour itself is never in it."""

MEMORY = timedelta(days=90)
"""For this long it is remembered when an actor last touched a resource type (docs/facts/detection.md, 2.4)."""

NOTICEABLE = 2.0
"""What is not even twice the usual is no burst, however steady its actor: nobody would want to read of it. On the
development set this changes no recall by more than its error. The same holds of what people dismissed as usual."""

HOUR = pl.Datetime("us", "UTC")

ACTIVITY = pl.Schema({"actor_key": pl.String, "hour": HOUR, "resource_type": pl.String, "changes": pl.Int64})
"""Tidy rows: how many changes an actor made to a resource type in an hour."""

ORGANISATION_HOURS = pl.Schema({"hour": HOUR, "active_actors": pl.Int64, "changes": pl.Int64})
"""How many actors changed something in an hour, and how many changes they made together."""

ORGANISATION_TYPES = pl.Schema({"hour": HOUR, "resource_type": pl.String, "changes": pl.Int64})
"""How many changes all actors together made to a resource type in an hour."""

BASELINE = pl.Schema(
    {
        "hour": HOUR,
        "actor_key": pl.String,
        "active_hours": pl.Int64,
        "baseline_mean": pl.Float64,
        "baseline_max": pl.Int64,
        "known_since": HOUR,
        "dismissed": pl.Int64,
    }
)
"""What is usual before an hour: `active_hours` in the window (for the organisation: actor-hours), the mean changes
of an active hour (`usual`, null without any), the largest (`most`; null for the organisation), and the oldest active
hour that is remembered. `dismissed`: the most changes of an hour within the memory that people called usual for the
actor (null: none)."""

TOUCHED = pl.Schema(
    {"hour": HOUR, "actor_key": pl.String, "resource_type": pl.String, "last_touched": HOUR, "dismissed": pl.Boolean}
)
"""Per judged hour: the resource types that an actor, or the organisation, touched within the memory, and the hour in
which it last did. `dismissed`: people called it usual that the actor touches it, be it so long ago that `last_touched`
is null."""

DEVIATION = pl.Schema(
    {
        "hour": HOUR,
        "actor_key": pl.String,
        "severity": pl.String,
        "kind": pl.String,
        "resource_type": pl.String,
        "changes": pl.Int64,
        "baseline_mean": pl.Float64,
        "ratio": pl.Float64,
        "baseline_max": pl.Int64,
        "active_hours": pl.Int64,
        "judged_against": pl.String,
        "first_ever": pl.Boolean,
        "last_touched": HOUR,
        "new_to_organisation": pl.Boolean,
    }
)
"""One row per deviation of an actor in an hour. `kind` is `volume` (then `resource_type` and what follows
`judged_against` are null) or `new_resource_type`. `changes` are those of the hour, for a new resource type those to
that type; `first_ever` means never within the memory; `judged_against` is `actor` or `organisation`; `severity`, of
the actor's whole hour, is `urgent`, `high` or `medium`."""

FLAG = pl.Schema(
    {
        **DEVIATION,
        "disposition": pl.String,
        "severity_because": pl.List(pl.String),
        "allowed_because": pl.String,
        "horizon": pl.String,
        "horizon_hours": pl.Int64,
        "p": pl.Float64,
        "tickets_a_day": pl.Float64,
        "return_period_years": pl.Float64,
        "colleagues": pl.Int64,
        "organisation_actors": pl.Int64,
        "new_types": pl.Int64,
        "touched_types": pl.Int64,
        "members": pl.List(pl.String),
        "learning": pl.List(pl.String),
    }
)
"""A deviation and what becomes of it. `disposition`: `ticket`, or why it does not ring: `below_threshold`, `allowed` (then
`allowed_because`), `organisation` (told in the organisation's finding). Severity may also be `low`; what was touched
that raised it is in `severity_because`. With the calibrated rule, and null with the plain one: for `volume`, changes
and usual are of the last `horizon_hours` (`horizon`: against which hours); `p` is the probability of the deviation,
`tickets_a_day` how often a day the organisation has an hour like the actor's; `return_period_years` how rarely the like
comes for this actor; for `new_resource_type`, how many of the `organisation_actors` touched it in 90 days
(`colleagues`) and how many of the hour's types are new to the actor. Kind `organisation`, of the actor_key
ORGANISATION: `members` (actor keys) did the same."""

ORGANISATION = "organisation"
"""Stands in place of an actor key where many actors did the same."""

ACTOR_ACTIVITY = pl.Schema(
    {
        "actor": pl.String,
        "actor_type": pl.String,
        "hour": HOUR,
        "resource_type": pl.String,
        "changes": pl.Int64,
    }
)
"""Tidy rows, as ACTIVITY with the actor's type. MARKS may stand beside them."""

MARKS = ("confirmed", "dismissed", "type_dismissed")
"""Further columns of activity (Boolean; without them, or null: no). `confirmed` marks the hours of confirmed incidents:
they are scored, but what follows is judged as if they had not been. `dismissed`: people said of the hour that so many
changes are usual. `type_dismissed`: they had said so before of the actor's touching this resource type."""

SCORES = pl.Schema(
    {
        "actor": pl.String,
        "actor_type": pl.String,
        "hour": HOUR,
        "confirmed": pl.Boolean,
        "changes": pl.Int64,
        "baseline_mean": pl.Float64,
        "ratio": pl.Float64,
        "active_hours": pl.Int64,
        "horizon": pl.String,
        "horizon_changes": pl.Int64,
        "horizon_baseline_mean": pl.Float64,
        "p_volume": pl.Float64,
        "new_resource_types": pl.List(pl.String),
        "new_to_organisation": pl.List(pl.String),
        "touched_types": pl.Int64,
        "p_novelty": pl.Float64,
        "p_many_new": pl.Float64,
        "p": pl.Float64,
        "p_limit": pl.Float64,
        "tickets_a_day": pl.Float64,
        "flagged": pl.Boolean,
        "reasons": pl.List(pl.String),
        "severity": pl.String,
        "learning": pl.List(pl.String),
    }
)
"""A row per active actor and hour. `confirmed`: the hour belongs to a confirmed incident, as the activity says.
`usual` and `ratio` are of the hour alone, `horizon` names the span of hours that decided `p_volume`, with its changes.
`active_hours` are those of the 30 days before. `p_volume`, `p_novelty` and `p_many_new` are after damping an actor's
first days; `p` joins them with their shares of the budget, repeats left out (a mere repeat has 1). `tickets_a_day`: how
often a day the organisation has an hour as extreme as this. An hour is `flagged` if p is at most `p_limit`, which keeps
to the budget; `reasons` are the streams that do so by themselves. `learning` names what was judged by defaults for want
of history (LEARNING)."""

LEARNING = {
    "actor": "fewer than 6 active hours of the actor in 30 days: drawn towards usual",
    "prior": "fewer than 200 active hours of the organisation in 90 days: documented defaults",
    "types": "less than 90 days of history: more resource types look new than are",
    "budget": "less than 14 days of scores: probabilities are taken at their word",
}
"""What `learning` says, in words."""
