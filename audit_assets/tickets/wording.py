"""A finding in a person's words: its title, the first sentences of its ticket, its table, its entries.

Untrusted values stand as code spans in a ticket and as plain words in a title.
"""

from collections.abc import Sequence
from datetime import datetime

from audit_assets.tickets.deviation_sentences import (
    NAME_LENGTH,
    active_hours,
    hardly_known,
    how_little,
    how_many,
    how_new,
    is_new_type,
    is_one_of_many,
    name,
    new_of_all,
    rarity,
    since,
    telling_first,
)
from audit_assets.tickets.finding import ActionSummary, Deviation, EntryLine, Finding
from audit_assets.tickets.formatting import NAMED, hour_in_short, hour_name, listed, number, pluralize, second_name
from audit_assets.tickets.markdown import code, one_line, table, words

ACTOR_LENGTH = 120
ACTOR_IN_TITLE = 80


def title_of(finding: Finding) -> str:
    """Who did what and when, as plain words."""
    actor = words(finding.actor, ACTOR_IN_TITLE) or "an unnamed actor"
    who = "" if _of_organisation(finding) else f"{actor}: "
    return f"{who}{in_short(finding)} ({hour_in_short(finding.hour)})"


def in_short(finding: Finding) -> str:
    """What happened, as plain words for a title; without the actor and the time."""
    if not finding.deviations:
        return "an unusual hour"
    first, *others = telling_first(finding.deviations)
    resource_type = words(first.resource_type, NAME_LENGTH) or "a resource type"
    if first.kind == "volume":
        said = _burst_in_short(first, finding.learning)
    elif first.kind == "organisation":
        said = f"{how_many(first)} at once: unusual changes to {resource_type}"
    elif is_one_of_many(first):
        rarely = _rarity_in_short(first, finding.learning)
        said = f"{new_of_all(first)} resource types new to it, {resource_type} among them{rarely}"
        others = [each for each in others if not is_new_type(each)]
    else:
        said = f"{how_new(first)} {resource_type}{since(first)}"
    return f"{said}; {pluralize(len(others), 'more reason')}" if others else said


def opening(finding: Finding) -> str:
    """The first sentences of a ticket: who did what, when."""
    did = _shared(finding.deviations) if _of_organisation(finding) else _own(finding)
    return f"{opening_of(finding.hour)} {did}."


def opening_of(hour: datetime) -> str:
    """How the first sentence about an hour begins: before any word that an attacker could have chosen."""
    return f"In the hour {hour_name(hour)},"


def severity_line(finding: Finding) -> str:
    """How severe a finding is, and what raised it."""
    causes = [shown for cause in finding.severity_because if (shown := words(cause, NAME_LENGTH))]
    more = f" and {len(causes) - NAMED:,} more" if len(causes) > NAMED else ""
    raised = f", raised by {', '.join(causes[:NAMED])}{more}" if causes else ""
    return f"{finding.severity.capitalize()} severity{raised}."


def caution(finding: Finding) -> str | None:
    """How little is known of the actor or of the organisation, in one line; None if it is enough."""
    if not finding.learning or not finding.deviations:
        return None
    first = finding.deviations[0]
    if hardly_known(first, finding.learning):
        return how_little(first)
    return "little history is known here yet, so more looks unusual than is"


def deviation_table(deviations: Sequence[Deviation], *, learning: bool) -> str:
    """The deviations as a table of four narrow columns. `learning` as in a Finding."""
    rows = [_row(each, learning) for each in deviations]
    return table(("What", "Changes", "Usual", "Judged against"), rows)


def action_line(action_summary: ActionSummary) -> str:
    """What was done how often: `337 times delete dns_record, 02:06:02 to 02:36:58`."""
    what = " ".join(one_line(each, 60) for each in (action_summary.action, action_summary.resource_type) if each)
    times = dict.fromkeys([second_name(action_summary.oldest), second_name(action_summary.newest)])
    often = "once" if action_summary.changes == 1 else f"{action_summary.changes:,} times"
    return f"{often} {code(what, 120)}, {' to '.join(times)}"


def entry_line(entry: EntryLine) -> str:
    """An entry as one line: when, what, by whom, on what, where from, how it ended."""
    what = " ".join(one_line(each, 60) for each in (entry.action, entry.resource_type) if each)
    rest = [
        (entry.actor, 60),
        (entry.resource_id, 80),
        (entry.zone, 80),
        (entry.ip_address, 45),
        (entry.interface, 40),
        (entry.result, 20),
    ]
    told = [one_line(value, limit) for value, limit in rest if value]
    return " · ".join([f"{second_name(entry.time)}  {what or 'an entry'}", *told])


def _burst_in_short(burst: Deviation, learning: bool) -> str:
    span = "an hour" if burst.horizon_hours == 1 else f"{burst.horizon_hours:,} hours"
    usual = "" if burst.baseline_mean is None else f", usually {number(burst.baseline_mean, digits=0)}"
    return f"{pluralize(burst.changes, 'change')} in {span}{usual}{_rarity_in_short(burst, learning)}"


def _rarity_in_short(deviation: Deviation, learning: bool) -> str:
    said = "actor hardly known" if hardly_known(deviation, learning) else rarity(deviation, learning)
    return f"; {said}" if said else ""


def _of_organisation(finding: Finding) -> bool:
    return bool(finding.deviations) and finding.deviations[0].kind == "organisation"


def _shared(deviations: Sequence[Deviation]) -> str:
    """What many actors did, and how to take it."""
    matters = [each for each in deviations if each.kind == "organisation"]
    did = listed([f"{how_many(each)} changed {name(each.resource_type)}" for each in matters])
    return f"{did}, unusually for each of them. One look should cover all: a migration or another shared cause"


def _own(finding: Finding) -> str:
    """What one actor did."""
    burst = next((each for each in finding.deviations if each.kind == "volume"), None)
    new_types = [name(each.resource_type) for each in telling_first(finding.deviations) if is_new_type(each)]
    action_summaries = []
    if burst and burst.horizon_hours == 1:
        action_summaries.append(f"made {pluralize(burst.changes, 'change')}")
    elif burst:
        action_summaries.append(f"reached {pluralize(burst.changes, 'change')} in {burst.horizon_hours:,} hours")
    if new_types:
        types = "resource types" if new_types[1:] else "a resource type"
        action_summaries.append(f"changed {types} new to it: {listed(new_types)}")
    return f"{code(finding.actor, ACTOR_LENGTH)} {' and '.join(action_summaries) or 'did something unusual'}"


def _row(deviation: Deviation, learning: bool) -> tuple[str, str, str, str]:
    changes, against = f"{deviation.changes:,}", _judged_against(deviation, learning)
    if deviation.kind == "organisation":
        return f"{name(deviation.resource_type)}, {how_many(deviation)}", changes, "far less, or none", against
    if deviation.kind == "volume":
        span = "this hour" if deviation.horizon_hours == 1 else f"{deviation.horizon_hours:,} hours"
        return span, changes, f"{number(deviation.baseline_mean)} ({number(deviation.ratio)} times)", against
    usual = f"none{since(deviation)}".replace(", not touched in", " in")
    others = f"; {pluralize(deviation.colleagues, 'other')}" if deviation.colleagues else ""
    return name(deviation.resource_type), changes, usual + others, against


def _judged_against(deviation: Deviation, learning: bool) -> str:
    if deviation.kind == "organisation":
        return "each actor itself"
    if deviation.judged_against == "organisation":
        return "the organisation"
    if hardly_known(deviation, learning):
        return "mostly the organisation"
    if is_new_type(deviation) and deviation.organisation_actors:
        return f"{pluralize(deviation.organisation_actors, 'actor')} here"
    return "its own past" if deviation.horizon_hours > 1 else f"its own {active_hours(deviation)}"
