"""What a ticket begins with: its title in plain words, and the first sentences: who did what, when, how severely."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from audit_assets.tickets.finding import Deviation, Finding
from audit_assets.tickets.formatting import (
    NAMED,
    hour_in_short,
    hour_name,
    listed,
    minute_name,
    number,
    pluralize,
    span_name,
)
from audit_assets.tickets.markdown import SafeMarkdown, code, words
from audit_assets.tickets.phrases import (
    NAME_LENGTH,
    amount,
    count_days,
    count_members,
    count_unreadable,
    describe_deletes,
    describe_group,
    describe_unusual_hours,
    first_seen,
    how_new,
    is_hardly_known,
    is_new_type,
    is_one_of_many,
    rarest_types_first,
    rarity,
    rule_title,
    share_of_new_types,
    short_code,
    since,
)

TITLE_LENGTH = 200
ACTOR_LENGTH = 120
ACTOR_LENGTH_IN_TITLE = 80


def build_title(finding: Finding) -> str:
    """The title of a ticket: who did what and when."""
    actor = words(finding.actor, ACTOR_LENGTH_IN_TITLE) or "an unnamed actor"
    tokens = listed([words(name, ACTOR_LENGTH_IN_TITLE) or "a token" for name in finding.credentials])
    is_of_one = not finding.is_of_several and not finding.is_of_unreadable
    who = f"{actor}{f' with {tokens}' if tokens else ''}: " if is_of_one else ""
    return f"{who}{headline(finding)} ({hour_in_short(finding.hour)})"[:TITLE_LENGTH]


def headline(finding: Finding) -> SafeMarkdown:
    """What happened, without the actor and the time."""
    if not finding.deviations:
        return SafeMarkdown("an unusual hour")
    if finding.is_of_unreadable:
        return SafeMarkdown(f"{count_unreadable(finding.deviations)} could not be read")
    first, *others = rarest_types_first(finding.deviations)
    resource_type = words(first.resource_type, NAME_LENGTH) or "a resource type"
    if first.watch:
        text = rule_title(first)
    elif first.kind == "volume":
        text = _burst(first, finding.learning)
    elif first.kind == "many_deletes":
        text = describe_deletes(first, _span(first))
    elif first.is_of_group:
        text = describe_group(first, _span(first))
    elif first.kind == "threshold_fall":
        text = f"unusual hours make the detector less sensitive: {describe_unusual_hours(first, count_days(first))}"
    elif first.kind == "organisation":
        text = f"{count_members(first)} at once: unusual changes to {resource_type}"
    elif is_one_of_many(first):
        rarely = _rarity(first, finding.learning)
        text = f"{share_of_new_types(first)} resource types new to it, {resource_type} among them{rarely}"
        others = [each for each in others if not is_new_type(each)]
    else:
        text = f"{how_new(first)} {resource_type}{since(first)}"
    return SafeMarkdown(f"{text}; {pluralize(len(others), 'more reason')}" if others else text)


def opening_sentence(finding: Finding) -> SafeMarkdown:
    """Who did what, when."""
    if finding.is_of_unreadable:
        did = (
            f"{count_unreadable(finding.deviations)} could not be read: a change may be hidden there that nobody counts"
        )
    else:
        did = _many(finding.deviations) if finding.is_of_several else _one(finding)
    return SafeMarkdown(f"{opening_start(finding.hour)} {did}.")


def opening_start(hour: datetime) -> str:
    """How the first sentence about an hour begins: before any word that an attacker could have chosen. By this
    beginning a ticket's hour is recognised, so that it never changes."""
    return f"In the hour {hour_name(hour)},"


def severity_sentence(finding: Finding) -> SafeMarkdown:
    """How severe a finding is, and what raised it."""
    causes = [shown for cause in finding.severity_because if (shown := words(cause, NAME_LENGTH))]
    more = f" and {len(causes) - NAMED:,} more" if len(causes) > NAMED else ""
    raised = f", raised by {', '.join(causes[:NAMED])}{more}" if causes else ""
    return SafeMarkdown(f"{finding.severity.capitalize()} severity{raised}.")


def _span(deviation: Deviation) -> str:
    return "an hour" if deviation.horizon_hours == 1 else span_name(deviation.horizon_hours)


def _burst(burst: Deviation, learning: bool) -> str:
    usual = "" if burst.baseline_mean is None else f", {_usually(burst)}"
    return f"{amount(burst, _span(burst))}{usual}{_rarity(burst, learning)}"


def _usually(burst: Deviation) -> str:
    usual = number(burst.baseline_mean, digits=0)
    if burst.slow_growth:
        return f"usually {usual} a month before"
    return f"newcomers usually {usual}" if burst.judged_against == "newcomers" else f"usually {usual}"


def _rarity(deviation: Deviation, learning: bool) -> str:
    if deviation.hours_since_first is not None and not deviation.is_of_several:
        return f"; {first_seen(deviation.hours_since_first)}"
    known = "actor hardly known" if is_hardly_known(deviation, learning) else rarity(deviation, learning)
    return f"; {known}" if known else ""


def _many(deviations: Sequence[Deviation]) -> str:
    """What several actors did, and how to look at it."""
    if falls := [each for each in deviations if each.kind == "threshold_fall"]:
        hours = listed([describe_unusual_hours(each, count_days(each)) for each in falls])
        return (
            f"unusual hours had made the detector less sensitive: {hours}. Each of them may have had its ticket; "
            "together they lower the threshold below which later hours alert"
        )
    if groups := [each for each in deviations if each.is_of_group]:
        did = listed([describe_group(each, _span(each)) for each in groups])
        return f"{did}. Each of them may look usual by itself; together they do not"
    shared = [each for each in deviations if each.kind == "organisation"]
    did = listed([f"{count_members(each)} changed {short_code(each.resource_type)}" for each in shared])
    return f"{did}, unusually for each of them. One look should cover all: a migration or another shared cause"


def _one(finding: Finding) -> str:
    """What one actor did."""
    burst = next((each for each in finding.deviations if each.kind == "volume"), None)
    new_types = [short_code(each.resource_type) for each in rarest_types_first(finding.deviations) if is_new_type(each)]
    did = []
    if burst and burst.horizon_hours == 1:
        did.append(f"made {pluralize(burst.changes, 'change')}")
    elif burst and burst.counts_hours:
        end = minute_name(finding.hour + timedelta(hours=1))
        did.append(f"was still active ({burst.changes:,} of the {span_name(burst.horizon_hours, f' to {end}')})")
    elif burst:
        did.append(f"reached {amount(burst, _span(burst))}")
    if deletes := next((each for each in finding.deviations if each.kind == "many_deletes"), None):
        did.append(f"deleted with {deletes.changes:,} of {pluralize(deletes.hour_changes or 0, 'change')}")
    if finding.rules:
        titles = listed([f"“{rule_title(each)}”" for each in rarest_types_first(finding.rules)])
        did.append(f"matched {'a watch rule' if len(finding.rules) == 1 else 'watch rules'}: {titles}")
    if new_types:
        types = "resource types" if new_types[1:] else "a resource type"
        did.append(f"changed {types} new to it: {listed(new_types)}")
    if credentials := next((each for each in finding.deviations if each.kind == "credentials"), None):
        together = describe_group(credentials, _span(credentials))
        did.append(f"acted with several credentials, unusually together: {together}")
    return f"{_who(finding)} {' and '.join(did) or 'did something unusual'}"


def _who(finding: Finding) -> str:
    """The actor and the tokens: ``anne@example.com with `token "deploy"`, first active at 10:05,``. An attacker can
    choose what a token is called, but not whose it is."""
    actor = code(finding.actor, ACTOR_LENGTH)
    if not finding.credentials:
        return actor
    since = f", first active at {minute_name(finding.first_active)}," if finding.first_active else ""
    return f"{actor} with {listed([code(name, ACTOR_LENGTH) for name in finding.credentials])}{since}"
