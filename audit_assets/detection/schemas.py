"""The frames that detection reads and returns: their columns, types and units.

`hour` is always the start of an hour, in UTC. An `actor_key` of null means the organisation as a whole.
"""

from datetime import timedelta

import polars as pl

from audit_assets.detection.origin_columns import ORIGIN_COLUMNS
from audit_assets.detection.watch_columns import MATCHED, RULE_TEXTS

WINDOW = timedelta(days=30)
"""The baseline of an hour covers so long before it; the hour itself is never in it."""

MEMORY = timedelta(days=90)
"""For this long it is remembered when an actor last touched a resource type (docs/facts/detection.md, 2.4)."""

MIN_BURST_RATIO = 2.0
"""Fewer than twice the usual changes are no burst, however steady the actor: a ticket about them would help nobody. On
the development set this changes no recall by more than its error. So is up to twice what people dismissed."""

VOLUME = "volume"
NEW_RESOURCE_TYPE = "new_resource_type"
MANY_DELETES = "many_deletes"
"""The kinds of a deviation."""

HOUR = pl.Datetime("us", "UTC")

HOUR_OF_ACTOR = ("hour", "actor_key")
"""The columns that name an actor's hour."""

ACTIVITY = pl.Schema({"actor_key": pl.String, "hour": HOUR, "resource_type": pl.String, "changes": pl.Int64})
"""Tidy rows: how many changes an actor made to a resource type in an hour."""

ORGANISATION_HOURS = pl.Schema({"hour": HOUR, "active_actors": pl.Int64, "changes": pl.Int64})
"""How many actors made changes in an hour, and how many changes they made together."""

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
        "hours_elsewhere": pl.Int64,
        "other_accounts": pl.List(pl.String),
    }
)
"""What is usual before an hour: `active_hours` in the window (for the organisation: actor-hours); `baseline_mean`, the
mean changes of an active hour (null without any); `baseline_max`, the most changes of one (null for the organisation);
`known_since`, the oldest active hour within the memory; `dismissed`, the most changes of an hour within the memory that
people dismissed as usual for the actor (null: none, or none that covers what this hour touches). So many of the active
hours (`hours_elsewhere`) are the same person's in other accounts; `other_accounts`, the names of those in which it was
active within the memory (null: none)."""

TOUCHED = pl.Schema(
    {"hour": HOUR, "actor_key": pl.String, "resource_type": pl.String, "last_touched": HOUR, "dismissed": pl.Boolean}
)
"""Per judged hour: the resource types that an actor, or the organisation, touched within the memory, and the hour of
the last touch. `dismissed`: people dismissed a finding that the actor touches it, one that covers this hour; this may
be so long ago that `last_touched` is null."""

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
"""One row per deviation of an actor in an hour. `kind` is VOLUME (then `resource_type` and the columns after
`judged_against` are null) or NEW_RESOURCE_TYPE. `changes` are those of the hour, for a new resource type those to that
type; `first_ever` means never within the memory; `judged_against` (whose baseline) is `actor` or `organisation`;
`severity`, of the actor's whole hour, is `urgent`, `high` or `medium`."""

CHANGES_BY_TYPE = pl.List(pl.Struct({"resource_type": pl.String, "changes": pl.Int64}))
"""How many changes went to which resource type, the most first."""

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
        "time_share": pl.Float64,
        **ORIGIN_COLUMNS,
        **dict.fromkeys(("hours_since_first", "smaller_hours", "known_hours"), pl.Int64),
        **dict.fromkeys(("colleagues", "organisation_actors", "hours_elsewhere"), pl.Int64),
        "other_accounts": pl.List(pl.String),
        **dict.fromkeys(("new_types", "touched_types", "new_type_days", "hour_changes"), pl.Int64),
        "usual_deletes": pl.Float64,
        "members": pl.List(pl.String),
        "member_names": pl.List(pl.String),
        "usual_members": pl.Float64,
        "threshold": pl.Float64,
        "threshold_before": pl.Float64,
        "changes_by_type": CHANGES_BY_TYPE,
        "watch": RULE_TEXTS,
        "matched": MATCHED,
        "learning": pl.List(pl.String),
        "actor": pl.String,
        "actor_type": pl.String,
        "ticket_key": pl.String,
        "owner": pl.String,
    }
)
"""A deviation of an actor (`actor` is its name) and what becomes of it.

`ticket_key`: whose ticket it is, if it gets one: the actor's own, or that of the `owner` (a name; null where there is
none but itself) if the actor is a credential that is still a newcomer: whoever creates a token and uses it is one
story.

`disposition`: `ticket`, or why it opens none: `below_threshold`, `allowed` (then `allowed_because`), `organisation` (it
is in the organisation's finding), `repeated` (watch_alerts.py). `severity` may also be `low`; which changes raised it
is in `severity_because`. For VOLUME, `changes_by_type` are all changes of the hour itself: a dismissal covers these
types alone.

`hours_elsewhere` and `other_accounts` as in BASELINE.

The following are null with the plain rule. For VOLUME, `changes` and `baseline_mean` are of the last `horizon_hours`,
and `horizon` names the hours they are compared with. `p` is the probability of the deviation, `tickets_a_day` how often
a day the organisation has an hour as unusual as the actor's, `return_period_years` how long it takes until this actor
has such a deviation again, `time_share` and ORIGIN_COLUMNS as in SCORES. Of the horizon `active hours`, `changes` and
`baseline_mean` count hours. A volume that is compared with those of other newcomers has the `judged_against`
`newcomers`. Of a newcomer, `hours_since_first` etc. are as in FIRST_HOURS, the last two for a VOLUME of the hour alone.
For NEW_RESOURCE_TYPE, `colleagues` counts those of the `organisation_actors` who touched it in 90 days, and `new_types`
those of the hour's `touched_types` that are new to the actor; `new_type_days`, on how many of the last 14 days new
types came, where their number alerts. For MANY_DELETES, `changes` are the deletes of the `hour_changes`,
`usual_deletes` the actor's usual share of them. For kind ORGANISATION, whose actor_key is ORGANISATION too, `members`
are the keys of the actors who share the deviation, and `member_names` theirs in the same order. GROUP_KINDS are of
NEW_ACTORS, ALL_ACTORS or, for CREDENTIALS, of an owner, and as GROUP_ALERTS has them. Of kind THRESHOLD_FALL,
`threshold` and `threshold_before` are p, and `judged_against` is the familiarity of the actors whose threshold fell;
these rows are made in threshold_falls.py, those about entries that could not be read in unreadable_entries.py, those of
watch rules, which alone have `watch` and `matched`, in watch_alerts.py."""

ORGANISATION = "organisation"
"""In place of an actor key: many actors share a deviation."""

NEW_ACTORS, ALL_ACTORS = "new_actors", "all_actors"
"""In place of an actor key: groups that are judged as one actor."""

MANY_ACTORS, MANY_CHANGES = "many_actors", "many_changes"
"""Kinds of what all actors did together: so many were active in an hour, or made so many changes."""

CREDENTIALS = "credentials"
"""Kind of what an owner's credentials, and the owner itself, did together; the finding is the owner's."""

GROUP_KINDS = (NEW_ACTORS, MANY_ACTORS, MANY_CHANGES, CREDENTIALS)
"""The kinds of a group's deviations; NEW_ACTORS is both the group and the kind of its only one."""

THRESHOLD_FALL = "threshold_fall"
"""The kind of such a deviation, and in place of an actor key: the alert threshold fell further than it ever does. It
has a ticket of its own, so that no open one of ALL_ACTORS hides it."""

NAMES_OF_SEVERAL = {
    ORGANISATION: "the organisation",
    NEW_ACTORS: "new actors",
    ALL_ACTORS: "all actors",
    THRESHOLD_FALL: "the alert threshold",
}
"""What is written in place of an actor's name."""

GROUP_ALERTS = pl.Schema(
    {
        "hour": HOUR,
        "actor_key": pl.String,
        "kind": pl.String,
        "horizon_hours": pl.Int64,
        "members": pl.List(pl.String),
        "changes": pl.Int64,
        "usual_members": pl.Float64,
        "baseline_mean": pl.Float64,
        "threshold": pl.Float64,
        "tickets_a_day": pl.Float64,
        "severity": pl.String,
    }
)
"""An hour in which a group did more than it ever does. `members`: the keys of those who acted in the `horizon_hours` up
to it, the most surprising first; `changes`: theirs; `usual_members` and `baseline_mean`: how many act in a day (of new
actors) or in an active hour (of all), and their changes; `threshold`: of all actors, with how many members (kind
MANY_ACTORS) or changes it would still alert; `tickets_a_day`: on how many days there is such an hour."""

ACTOR_ACTIVITY = pl.Schema(
    {
        "actor": pl.String,
        "actor_type": pl.String,
        "hour": HOUR,
        "resource_type": pl.String,
        "changes": pl.Int64,
    }
)
"""Tidy rows: ACTIVITY with the actor's type; OWNER and columns of MARKS may follow."""

OWNER = "owner"
"""A further column of activity: who is behind a credential, as a key; missing or null: the actor itself. Of an actor
with several the newest counts."""

DELETES = "deletes"
"""A further column of activity (Int64; missing or null: none): how many of the changes were deletes."""

MARKS = ("confirmed", "dismissed", "type_dismissed")
"""Further columns of activity (Boolean; missing or null: no). `confirmed` marks the hours of confirmed incidents: they
are scored, but later hours are judged as if they had not been. `dismissed`: people dismissed the volume of the hour as
usual. `type_dismissed`: people had dismissed before that the actor touches this resource type, as often and as
severely."""

ELSEWHERE = "elsewhere"
"""A further column of activity (String; missing or null: none): the name of the other account in which the same person
made these changes. They are part of the actor's past, but no hour of this organisation: they have no scores, and nobody
else is compared with them."""

BEYOND_DISMISSED = "beyond_dismissed"
"""A further column of activity (Int64; missing: all changes): so many of the row's changes are beyond twice what people
had dismissed of the actor and resource type, in hours that were as severe."""

SCORES = pl.Schema(
    {
        "actor": pl.String,
        "actor_type": pl.String,
        OWNER: pl.String,
        "hour": HOUR,
        "confirmed": pl.Boolean,
        "familiarity": pl.String,
        "changes": pl.Int64,
        "baseline_mean": pl.Float64,
        "ratio": pl.Float64,
        "active_hours": pl.Int64,
        "time_share": pl.Float64,
        **ORIGIN_COLUMNS,
        "horizon": pl.String,
        "horizon_changes": pl.Int64,
        "horizon_baseline_mean": pl.Float64,
        "p_volume": pl.Float64,
        "new_resource_types": pl.List(pl.String),
        "new_to_organisation": pl.List(pl.String),
        "touched_types": pl.Int64,
        "p_novelty": pl.Float64,
        "p_many_new": pl.Float64,
        "p_slow": pl.Float64,
        "new_type_days": pl.Int64,
        "deletes": pl.Int64,
        "usual_deletes": pl.Float64,
        "p_deletes": pl.Float64,
        "p": pl.Float64,
        "p_first": pl.Float64,
        "p_threshold": pl.Float64,
        "tickets_a_day": pl.Float64,
        "flagged": pl.Boolean,
        "reasons": pl.List(pl.String),
        "severity": pl.String,
        "learning": pl.List(pl.String),
    }
)
"""A row per active actor and hour. `owner`: the key of who is behind it, its own if that is itself. `confirmed`: the
hour belongs to a confirmed incident. `familiarity`: how well the actor is known (WELL_KNOWN, LITTLE_KNOWN, NEWCOMER).
`baseline_mean` and `ratio` are of the hour alone; `horizon` names the hours that decided `p_volume`, with their changes
and their baseline. `active_hours` are those of the 30 days before. `p_slow` is of the new types of 7 and 14 days
together, which came on `new_type_days` (null unless there are several); `usual_deletes`, the share of deletes in the
actor's changes, those of `deletes` in the hour being unusual with `p_deletes`. `time_share` of the actor's active hours
were near this time of the day; null if the time is usual or not known. A newcomer's `p_volume` and `p_many_new` compare
it with other newcomers. `p` joins the streams with their shares of the budget; `p_first` is the same of those streams
in which the hour is no mere repeat of an earlier one within a day (1 if it is in all). `tickets_a_day`: how often a day
the organisation has an hour as extreme as this. An hour is `flagged` if p is at most `p_threshold`, which follows from
the budget; `reasons` are the streams that are so by themselves. `learning` names what had to be judged by defaults,
since there is too little history (LEARNING)."""

WELL_KNOWN, LITTLE_KNOWN, NEWCOMER = "well_known", "little_known", "newcomer"
"""An actor with 6 active hours or more in 30 days; one with fewer; one whose first active hour is less than 7 days
ago."""

WELL_KNOWN_HOURS = 6
"""An actor with fewer active hours in 30 days is little known: its hours compete with those of the little known alone
(ranking.py), so that what is only unknown about them hides no well-known actor's deviation."""

RANKED_COLUMNS = (
    *("p_slow", "new_type_days", "p", "p_first", "p_threshold", "tickets_a_day", "flagged", "reasons", "severity"),
)
"""Columns of SCORES that depend on the other hours and on the budget: ranking.py fills them."""

LEARNING = {
    "actor": "fewer than 6 active hours of the actor in 30 days: judged mostly by what is usual for others",
    "newcomer": "first active less than 7 days ago: judged by what is usual for newcomers here",
    "prior": "fewer than 200 active hours of the organisation in 90 days: documented defaults",
    "types": "less than 90 days of history: expect more resource types to look new",
    "budget": "less than 14 days of scores: probabilities are taken as exact",
}
"""The meaning of each value of `learning`, for people."""
