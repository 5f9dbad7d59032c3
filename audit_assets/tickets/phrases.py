"""The phrases of which titles, sentences and tables about a deviation are made, and what they depend on.

Each exists once, so that a title never calls something rare that the sentence below it does not.
"""

import math
from collections.abc import Sequence

from audit_assets.config.policy_tables import SEVERITIES
from audit_assets.tickets.finding import Deviation
from audit_assets.tickets.formatting import day_name, number, pluralize
from audit_assets.tickets.markdown import SafeMarkdown, code, prose
from audit_assets.tickets.return_period import how_rarely

USUAL_DAYS = 30
"""A baseline is computed from this many days."""

RECORD = "on record"
"""90 days, or as far as the dataset goes back: a young dataset must not claim more than it knows."""

FEW_ACTIVE_HOURS = 8
"""With fewer, an actor is judged mostly by what is usual for others (docs/facts/detection.md, 2.6)."""

MANY_NEW_TYPES = 3
"""From so many on, their number is more informative than each of them."""

TWO_DAYS = 48
"""Hours: below, they are counted as such, beyond as days."""

NAME_LENGTH = 60
TITLE_LENGTH = 100


def rarest_types_first(deviations: Sequence[Deviation]) -> tuple[Deviation, ...]:
    """The deviations in their order, but what watch rules matched first, the most severe and then the fewest entries
    before the others, and the new resource types that the fewest colleagues touch before other new ones."""

    def place(deviation: Deviation) -> tuple[int, float, int]:
        if deviation.watch:
            return 0, -SEVERITIES.index(deviation.watch.severity), deviation.changes
        if not is_new_type(deviation):
            return 1, 0, 0
        return 2, math.inf if deviation.colleagues is None else deviation.colleagues, 0

    return tuple(sorted(deviations, key=place))


def is_new_type(deviation: Deviation) -> bool:
    """Whether it is about a resource type that is new to the actor."""
    return deviation.kind == "new_resource_type"


def is_one_of_many(deviation: Deviation) -> bool:
    """Whether it is one of many resource types that came at once."""
    return is_new_type(deviation) and (deviation.new_types or 0) >= MANY_NEW_TYPES


def share_of_new_types(deviation: Deviation) -> str:
    """`7 of the 9`, or `all 9`."""
    new, touched = deviation.new_types or 0, deviation.touched_types or 0
    return f"{new:,} of the {touched:,}" if new < touched else f"all {new:,}"


def is_hardly_known(deviation: Deviation, learning: bool) -> bool:
    """Whether too little is known of the actor to call anything rare for it."""
    is_new = deviation.hours_since_first is not None or deviation.active_hours < FEW_ACTIVE_HOURS
    return learning and is_new and not deviation.is_of_several and deviation.watch is None


def rarity(deviation: Deviation, learning: bool) -> str | None:
    """`about once in 40 years`; None where that is not known."""
    if is_hardly_known(deviation, learning):
        return None
    return how_rarely(deviation.return_period_years, deviation.active_hours)


def describe_little_history(deviation: Deviation) -> str:
    """How little is known of an actor, and what it is judged by instead."""
    if deviation.hours_since_first is not None:
        return f"{first_seen(deviation.hours_since_first)}; judged by what is usual here"
    if not deviation.active_hours:
        return f"no active hour known in {USUAL_DAYS} days; judged by what is usual here"
    return f"only {count_active_hours(deviation)} known in {USUAL_DAYS} days; judged mostly by what is usual here"


def first_seen(hours: int) -> str:
    """`first seen in this hour`, `first seen 3 hours before`, `first seen 2 days before`."""
    if not hours:
        return "first seen in this hour"
    return f"first seen {pluralize(hours, 'hour') if hours < TWO_DAYS else pluralize(hours // 24, 'day')} before"


def amount(deviation: Deviation, span: str) -> str:
    """`1,204 changes in 24 hours`, or `active in 20 of 24 hours`."""
    if deviation.counts_hours:
        return f"active in {deviation.changes:,} of {span}"
    return f"{pluralize(deviation.changes, 'change')} in {span}"


def how_new(deviation: Deviation) -> str:
    """How a sentence about a resource type begins."""
    return "first change to" if deviation.first_ever else "a change to"


def since(deviation: Deviation) -> str:
    """How it goes on: since when the type was not touched."""
    if deviation.first_ever:
        return f" {RECORD}"
    if deviation.last_touched:
        return f", last touched {day_name(deviation.last_touched)}"
    return f", not touched in {USUAL_DAYS} days"


def describe_group(deviation: Deviation, span: str) -> str:
    """What actors did together in a span of time, and what is usual: `12 actors that are new here made 1,034 changes in
    24 hours; usual are 2 with 46 a day`."""
    new = {"new_actors": " that are new here", "credentials": " of one owner"}.get(deviation.kind, "")
    usual = f"{number(deviation.usual_members)} with {number(deviation.baseline_mean, digits=0)}"
    often = "a day" if deviation.horizon_hours > 1 else "an active hour"
    changes = pluralize(deviation.changes, "change")
    made = f"{count_members(deviation)}{new} made {changes} in {span}"
    if deviation.kind == "credentials" and deviation.changes <= (deviation.baseline_mean or 0.0):
        return f"{made}, as many as usual ({usual} {often}), but in hours that are unusual for each of them"
    return f"{made}; usual are {usual} {often}"


def describe_unusual_hours(deviation: Deviation, span: str) -> str:
    """What lowered the alert threshold: `61 hours of 12 well-known actors in 14 days, 9 in the 14 days before`."""
    known = "little-known" if deviation.judged_against == "little_known" else "well-known"
    actors, hours = pluralize(len(deviation.members), f"{known} actor"), pluralize(deviation.changes, "hour")
    before = f"{number(deviation.baseline_mean)} in the {count_days(deviation)} before"
    return f"{hours} of {actors} in {span}, {before}"


def count_days(deviation: Deviation) -> str:
    """`14 days`."""
    return pluralize(deviation.horizon_hours // 24, "day")


def describe_deletes(deviation: Deviation, span: str) -> str:
    """`41 of 43 changes in the hour are deletes; usually 1 in 5`."""
    changes = pluralize(deviation.hour_changes or deviation.changes, "change")
    return f"{deviation.changes:,} of {changes} in {span} are deletes; usually {usual_deletes(deviation)}"


def usual_deletes(deviation: Deviation) -> str:
    """How many of the actor's changes are usually deletes: `1 in 5`, or `70 %`."""
    share = deviation.usual_deletes
    if not share:
        return "fewer"
    return f"{round(100 * share)} %" if share > 0.5 else f"1 in {round(1 / share):,}"


def count_members(deviation: Deviation) -> str:
    """`12 actors`."""
    return pluralize(len(deviation.members), "actor") if deviation.members else "several actors"


def rule_title(deviation: Deviation) -> SafeMarkdown:
    """The title of the watch rule that it is about: `A zone was deleted`."""
    return prose(deviation.watch.title if deviation.watch else deviation.resource_type or "a watch rule", TITLE_LENGTH)


def count_matched(deviation: Deviation) -> str:
    """`3 entries`: so many matched a watch rule."""
    return count_entries(deviation.changes)


def count_entries(count: int) -> str:
    """`1 entry`, `3 entries`."""
    return "1 entry" if count == 1 else f"{count:,} entries"


def count_unreadable(deviations: Sequence[Deviation]) -> str:
    """`3 entries of the audit log`."""
    return f"{count_entries(sum(each.changes for each in deviations))} of the audit log"


def count_active_hours(deviation: Deviation) -> str:
    """`12 active hours`."""
    return pluralize(deviation.active_hours or 0, "active hour")


def short_code(value: str | None) -> SafeMarkdown:
    """A resource type or an actor as a short code span."""
    return code(value, NAME_LENGTH)
