"""The title of a ticket, as plain words: who did what, and when."""

from audit_assets.tickets.deviation_sentences import (
    NAME_LENGTH,
    count_members,
    how_new,
    is_hardly_known,
    is_new_type,
    is_one_of_many,
    rarest_types_first,
    rarity,
    share_of_new_types,
    since,
)
from audit_assets.tickets.finding import Deviation, Finding
from audit_assets.tickets.formatting import hour_in_short, number, pluralize
from audit_assets.tickets.markdown import SafeMarkdown, words

TITLE_LENGTH = 200
ACTOR_LENGTH = 80


def build_title(finding: Finding) -> str:
    """Who did what and when."""
    actor = words(finding.actor, ACTOR_LENGTH) or "an unnamed actor"
    who = "" if finding.is_of_organisation else f"{actor}: "
    return f"{who}{headline(finding)} ({hour_in_short(finding.hour)})"[:TITLE_LENGTH]


def headline(finding: Finding) -> SafeMarkdown:
    """What happened, without the actor and the time."""
    if not finding.deviations:
        return SafeMarkdown("an unusual hour")
    first, *others = rarest_types_first(finding.deviations)
    resource_type = words(first.resource_type, NAME_LENGTH) or "a resource type"
    if first.kind == "volume":
        text = _burst(first, finding.learning)
    elif first.kind == "organisation":
        text = f"{count_members(first)} at once: unusual changes to {resource_type}"
    elif is_one_of_many(first):
        rarely = _rarity(first, finding.learning)
        text = f"{share_of_new_types(first)} resource types new to it, {resource_type} among them{rarely}"
        others = [each for each in others if not is_new_type(each)]
    else:
        text = f"{how_new(first)} {resource_type}{since(first)}"
    return SafeMarkdown(f"{text}; {pluralize(len(others), 'more reason')}" if others else text)


def _burst(burst: Deviation, learning: bool) -> str:
    span = "an hour" if burst.horizon_hours == 1 else f"{burst.horizon_hours:,} hours"
    usual = "" if burst.baseline_mean is None else f", usually {number(burst.baseline_mean, digits=0)}"
    return f"{pluralize(burst.changes, 'change')} in {span}{usual}{_rarity(burst, learning)}"


def _rarity(deviation: Deviation, learning: bool) -> str:
    known = "actor hardly known" if is_hardly_known(deviation, learning) else rarity(deviation, learning)
    return f"; {known}" if known else ""
