"""What a ticket begins with: the title has what was done, from where and by whom; the first sentences when, and how
severe it is."""

import re
from collections.abc import Sequence
from datetime import datetime, timedelta

from audit_assets.config.policy_tables import SEVERITIES
from audit_assets.tickets.change_phrases import Quote, describe_changes, describe_where_from, plain_name
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
from audit_assets.tickets.related_lines import PHRASES

TITLE_LENGTH = 200
ACTOR_LENGTH = 120
ACTOR_LENGTH_IN_TITLE = 80
RULES_NAMED = 2


def build_title(finding: Finding) -> str:
    """The title of a ticket: what was done, from where if that is new, and by whom."""
    if finding.is_of_several or finding.is_of_unreadable or not finding.deviations:
        return f"{headline(finding)} ({hour_in_short(finding.hour)})"[:TITLE_LENGTH]
    actor = words(finding.actor, ACTOR_LENGTH_IN_TITLE) or "an unnamed actor"
    tokens = listed([words(name, ACTOR_LENGTH_IN_TITLE) or "a token" for name in finding.credentials])
    who = f": {actor}{f' with {tokens}' if tokens else ''}"
    if _is_of_rules(finding):
        tries = [_matched(finding, words, named) for named in range(RULES_NAMED, 0, -1)]
    else:
        tries = [_done(finding, words).removeprefix("was ")]
    messages = [_with_origin(finding, did, words) for did in tries]
    room = TITLE_LENGTH - len(who)
    message = next((each for each in messages if len(each) <= room), messages[-1][: max(room, 0)])
    return f"{message[:1].upper()}{message[1:]}{who}"[:TITLE_LENGTH]


def headline(finding: Finding) -> SafeMarkdown:
    """Why it is unusual, in short, without the actor and the time."""
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
    """How severe a finding is, why, and whether its ticket is more severe for a related one."""
    causes = [shown for cause in finding.severity_because if (shown := words(cause, NAME_LENGTH))]
    more = f" and {len(causes) - NAMED:,} more" if len(causes) > NAMED else ""
    why = f", since this is about {', '.join(causes[:NAMED])}{more}" if causes else ""
    own = f"{finding.severity.capitalize()} severity{why}."
    most = max(finding.related, key=lambda each: SEVERITIES.index(each.severity), default=None)
    if most is None or SEVERITIES.index(most.severity) <= SEVERITIES.index(finding.severity):
        return SafeMarkdown(own)
    name = words(most.identifier) if most.identifier else "another ticket of this hour"
    related = f"{most.severity.capitalize()} severity, as {name} ({PHRASES[most.reason]})"
    return SafeMarkdown(f"{related}; by itself it would be {own[:1].lower()}{own[1:]}")


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
    if not finding.deviations:
        return f"{_who(finding)} did something unusual"
    end = f" to {minute_name(finding.hour + timedelta(hours=1))}"
    if _is_of_rules(finding):
        return f"by {_who(finding)}: {_with_origin(finding, _matched(finding, code), code)}"
    return f"{_who(finding)} {_with_origin(finding, _done(finding, code, end), code)}"


def _with_origin(finding: Finding, did: str, quote: Quote) -> str:
    origin = describe_where_from(finding, quote)
    between = "," if origin and re.search("[,;]| for the first time", did) else ""
    return f"{did}{between}{f' {origin}' if origin else ''}"


def _is_of_rules(finding: Finding) -> bool:
    """Whether a ticket is called after what watch rules matched: unless the first one counted most of the hour's
    changes, which say more than its title."""
    rule = next((each for each in rarest_types_first(finding.deviations) if each.watch), None)
    done = sum(each.changes for each in finding.change_totals)
    return rule is not None and not 1 < rule.changes <= done <= 2 * rule.changes


def _matched(finding: Finding, quote: Quote, named: int = RULES_NAMED) -> str:
    """`A zone was deleted (shop·example); DNSSEC was disabled (shop·example); 1 more alert`."""
    rules = rarest_types_first(finding.rules)
    titles = [f"{rule_title(each)}{_zone_of(each, quote)}" for each in rules[:named]]
    later = [title if title[1:2].isupper() else f"{title[:1].lower()}{title[1:]}" for title in titles[1:]]
    left = len(rules) - named
    return "; ".join([titles[0], *later, *([pluralize(left, "more alert")] if left > 0 else [])])


def _zone_of(rule: Deviation, quote: Quote) -> str:
    """The zone that all entries are about, if it is one."""
    zones = {each.zone for each in rule.watch.entries} if rule.watch else set()
    return f" ({quote(zones.pop(), NAME_LENGTH)})" if len(zones) == 1 and None not in zones else ""


def _done(finding: Finding, quote: Quote, end: str = "") -> str:
    """What one actor did, as a verb and its object: what the first deviation is about. `end`: ` to 11:00 UTC`."""
    not_of_rules = [each for each in rarest_types_first(finding.deviations) if not each.watch]
    first = not_of_rules[0] if not_of_rules else None
    if first is None or first.kind == "many_deletes":
        return describe_changes(finding.change_totals, quote) or f"made {pluralize(finding.entries_total, 'change')}"
    span = (
        "an hour" if first.horizon_hours == 1 else f"{'' if not end else 'the '}{span_name(first.horizon_hours, end)}"
    )
    if first.kind == "credentials":
        return f"made {amount(first, span)} with {len(first.members) or 'several'} credentials"
    if is_one_of_many(first):
        rarest = plain_name(first.resource_type, 2, quote)
        return f"touched {share_of_new_types(first)} resource types for the first time, {rarest} among them"
    if is_new_type(first):
        of_type = [each for each in finding.change_totals if each.resource_type == first.resource_type]
        done = describe_changes(of_type, quote) or f"changed {plain_name(first.resource_type, 2, quote)}"
        return f"{done} for the first time" if first.first_ever else f"{done}{since(first)}"
    if first.horizon_hours > 1:
        usual = "" if first.baseline_mean is None else f", {_usually(first)}"
        return f"{'was' if first.counts_hours else 'made'} {amount(first, span)}{usual}"
    return describe_changes(finding.change_totals, quote) or f"made {amount(first, span)}"


def _who(finding: Finding) -> str:
    """The actor and the tokens: ``anne@example.com with `token "deploy"`, first active at 10:05,``. An attacker can
    choose what a token is called, but not whose it is."""
    actor = code(finding.actor, ACTOR_LENGTH)
    if not finding.credentials:
        return actor
    since = f", first active at {minute_name(finding.first_active)}," if finding.first_active else ""
    return f"{actor} with {listed([code(name, ACTOR_LENGTH) for name in finding.credentials])}{since}"
