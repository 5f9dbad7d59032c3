"""A deviation in one sentence that a person understands.

Each sentence exists once and is given the way in which untrusted values are quoted: as a code span in a ticket, as one
clean line in a terminal. None claims more than is known: nothing is called rare for an actor that is hardly known, no
return period is longer than its history supports, and a young dataset does not know 90 days.
"""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta

from audit_assets.tickets.finding import Deviation, Finding, PastDismissal
from audit_assets.tickets.formatting import (
    hour_name,
    listed,
    minute_name,
    number,
    part_of,
    pluralize,
    span_name,
)
from audit_assets.tickets.markdown import SafeMarkdown, one_line, ticket_link, words
from audit_assets.tickets.phrases import (
    NAME_LENGTH,
    RECORD,
    USUAL_DAYS,
    amount,
    count_active_hours,
    count_days,
    count_entries,
    count_matched,
    count_members,
    count_unreadable,
    describe_deletes,
    describe_group,
    describe_little_history,
    describe_unusual_hours,
    how_new,
    is_hardly_known,
    is_new_type,
    is_one_of_many,
    rarity,
    rule_title,
    share_of_new_types,
    short_code,
    since,
)
from audit_assets.tickets.return_period import is_capped, support_clause

Quote = Callable[[str | None], str]

MEMORY_DAYS = 90
"""For so long it is known who touched what (docs/facts/detection.md, 2.4)."""

SATURDAY = 5
"""A weekend begins with it, in UTC, as detection/time_of_day.py has it."""

ORIGIN_PARTS = {"product": "kind of user agent", "token": "API token"}
"""Parts of an origin in the words of a ticket, where these are others."""

LEAST_SHARE = 0.01
"""Of hours, that is written as a number."""

_NO_HISTORY = "judged against the organisation, as this actor has no history"


def describe(deviation: Deviation, *, learning: bool = False) -> str:
    """A deviation in one line of plain text, for a terminal. `learning` as in a Finding."""
    hours = deviation.horizon_hours
    span = "the hour" if hours == 1 else f"the last {_span_name(deviation)}"
    parts = [_sentence(deviation, span, one_line, learning), _beyond_dismissal(deviation, one_line, _ticket_name)]
    little_known = describe_little_history(deviation) if is_hardly_known(deviation, learning) else ""
    return "; ".join(part for part in (*parts, little_known) if part)


def describe_in_ticket(deviation: Deviation, hour: datetime, *, learning: bool = False) -> SafeMarkdown:
    """A deviation in one line of Markdown that names the hour, or the end of the hours. How little is known of the
    actor is not in it."""
    end = hour if deviation.kind == "threshold_fall" else hour + timedelta(hours=1)
    one_hour = deviation.horizon_hours == 1
    span = f"the hour {hour_name(hour)}" if one_hour else f"the {_span_name(deviation, f' to {hour_name(end)}')}"
    parts = _sentence(deviation, span, short_code, learning), _beyond_dismissal(deviation, short_code, _ticket_link)
    return SafeMarkdown("; ".join(part for part in parts if part))


def describe_new_dismissals(before: Finding, after: Finding) -> str | None:
    """In plain text what one finding shows of earlier dismissals and the other does not; None if that is nothing."""
    pairs = zip(before.deviations, after.deviations, strict=True)
    new = [each for known, each in pairs if each.dismissed and not known.dismissed]
    return "; ".join(_beyond_dismissal(each, one_line, _ticket_name) for each in new) or None


def describe_together(deviations: Sequence[Deviation], *, learning: bool = False) -> SafeMarkdown | None:
    """The new resource types of an actor's hour together, or with those of two weeks, in one line; None if they are not
    many."""
    one_of_many = next((each for each in deviations if is_one_of_many(each)), None)
    days = next((each.new_type_days for each in deviations if each.new_type_days), None)
    parts = [f"new resource types on {days:,} of the last 14 days" if days else ""]
    if one_of_many is not None:
        parts.append(f"{share_of_new_types(one_of_many)} resource types of this hour are new to this actor")
        parts.append(_expectation(one_of_many, learning))
    return SafeMarkdown("; ".join(part for part in parts if part)) or None


def describe_time(deviations: Sequence[Deviation], hour: datetime) -> SafeMarkdown | None:
    """How seldom the actor is active at this time of such a day, in one line; None where the time is usual."""
    share = next((each.time_share for each in deviations if each.time_share is not None), None)
    if share is None:
        return None
    is_weekend, time = hour.astimezone(UTC).weekday() >= SATURDAY, minute_name(hour)
    if not share:
        return SafeMarkdown(f"no {'weekend' if is_weekend else 'weekday'} activity near {time} {RECORD}")
    percent = _percent(share)
    days = "at weekends" if is_weekend else "on weekdays"
    return SafeMarkdown(f"active near {time} {days} in {percent} of its hours")


def describe_origin(deviations: Sequence[Deviation]) -> SafeMarkdown | None:
    """What was new about where the actor acted from, and how often such a thing is, in one line; None if nothing."""
    first = next((each for each in deviations if each.new_origins), None)
    if first is None or first.p_origin is None:
        return None
    new = listed([ORIGIN_PARTS.get(part, part) for part in first.new_origins])
    nobody = "; nobody here acted from this network either" if first.new_network_here else ""
    percent = _percent(first.p_origin)
    return SafeMarkdown(f"not used by this actor in 60 days: this {new}{nobody}; expected in {percent} of its hours")


def describe_other_accounts(deviations: Sequence[Deviation]) -> SafeMarkdown | None:
    """In which other accounts the same person has the past that the hour is compared with, in one line; None if in
    none."""
    first = next((each for each in deviations if each.other_accounts), None)
    if first is None:
        return None
    accounts, elsewhere = listed([words(name) for name in first.other_accounts]), first.hours_elsewhere or 0
    compared = f"{elsewhere:,} of the {pluralize(first.active_hours, 'active hour')} of {USUAL_DAYS} days were there"
    return SafeMarkdown(f"compared with what this person does in {accounts} too: {compared}")


def _percent(share: float) -> str:
    return f"{round(100 * share)} %" if share >= LEAST_SHARE else "less than 1 %"


def caution(finding: Finding) -> SafeMarkdown | None:
    """How little is known of the actor or of the organisation, in one line; None if it is enough."""
    if not finding.learning or not finding.deviations:
        return None
    first = finding.deviations[0]
    if is_hardly_known(first, finding.learning):
        return SafeMarkdown(describe_little_history(first))
    return SafeMarkdown("little history is known here yet: expect more false positives")


def _sentence(deviation: Deviation, span: str, quote: Quote, learning: bool) -> str:
    if deviation.kind == "organisation":
        parts = _same_thing(deviation, quote)
    elif deviation.kind == "threshold_fall":
        parts = _threshold_fall(deviation, span, quote)
    elif deviation.is_of_group:
        parts = [f"{describe_group(deviation, span)}{_names(deviation, quote)}"]
    elif deviation.kind == "many_deletes":
        parts = [describe_deletes(deviation, span)]
    elif deviation.kind == "watch_rule":
        parts = [f"watch rule: {rule_title(deviation)} ({count_matched(deviation)})"]
    elif deviation.kind == "unreadable_entries":
        parts = [f"{count_unreadable([deviation])} could not be read: {quote(deviation.resource_type)}"]
    elif is_new_type(deviation):
        parts = _new_type(deviation, quote, learning)
    elif learning or deviation.horizon_hours > 1 or deviation.return_period_years is not None:
        parts = _volume_by_scores(deviation, span, learning)
    else:
        parts = _volume_by_plain_rule(deviation, span)
    sentence = "; ".join(part for part in parts if part)
    return f"{quote(deviation.credential)}: {sentence}" if deviation.credential else sentence


def _beyond_dismissal(deviation: Deviation, quote: Quote, name: Callable[[PastDismissal], str]) -> str:
    """`dismissed on 2026-11-03 in SEC-12 for 40 changes to dns_record; now 900`; empty if nothing was dismissed."""
    past = deviation.dismissed
    if past is None:
        return ""
    touched = deviation.resource_type or next((name for name, _ in deviation.changes_by_type), None)
    to_type = f" to {quote(past.resource_type)}" if past.resource_type else ""
    counted = "hour" if deviation.kind == "threshold_fall" else "change"
    what = f" for {pluralize(past.changes, counted)}{to_type}" if past.changes is not None else ""
    if deviation.watch and past.changes is not None:
        what = f" for {count_entries(past.changes)} of this rule"
    is_other = touched and not deviation.counts_hours and past.resource_type not in (None, touched)
    to_other = f", most of them to {quote(touched)}" if is_other else ""
    severity = f", and more severe than {past.less_severe}" if past.less_severe else ""
    now = amount(deviation, span_name(deviation.horizon_hours)) if deviation.counts_hours else f"{deviation.changes:,}"
    return f"dismissed on {past.on:%Y-%m-%d} in {name(past)}{what}; now {now}{to_other}{severity}"


def _ticket_name(dismissal: PastDismissal) -> str:
    return one_line(dismissal.identifier, NAME_LENGTH)


def _ticket_link(dismissal: PastDismissal) -> SafeMarkdown:
    """The one address in a ticket that is Linear's own."""
    return ticket_link(dismissal.identifier, dismissal.url)


def _expectation(deviation: Deviation, learning: bool) -> str:
    """`expected about once in 2 weeks for this actor`, and what limits that; empty where it is not known."""
    rarely, hours = rarity(deviation, learning), deviation.active_hours
    if not rarely:
        return ""
    capped = is_capped(deviation.return_period_years or 0.0, hours)
    return f"expected {rarely} for this actor{f', {support_clause(hours)}' if capped else ''}"


def _volume_by_plain_rule(deviation: Deviation, span: str) -> list[str]:
    parts = [f"{pluralize(deviation.changes, 'change')} in {span}"]
    of_organisation = deviation.judged_against == "organisation"
    if deviation.baseline_mean is not None:
        whose = "of an actor here" if of_organisation else f"over {count_active_hours(deviation)} in {USUAL_DAYS} days"
        parts.append(f"usual is {number(deviation.baseline_mean)} per active hour {whose}")
    if deviation.baseline_max is not None and not of_organisation:
        parts.append(f"at most {deviation.baseline_max:,} in any of them")
    if deviation.ratio is not None:
        parts.append(f"{number(deviation.ratio)} times the usual")
    if of_organisation:
        parts.append(_NO_HISTORY)
    return parts


def _volume_by_scores(deviation: Deviation, span: str, learning: bool) -> list[str]:
    known = [_usual(deviation)] if deviation.baseline_mean is not None else []
    if deviation.baseline_max is not None and deviation.horizon_hours == 1 and deviation.active_hours:
        known.append(f"at most {deviation.baseline_max:,} in {USUAL_DAYS} days")
    return [
        amount(deviation, span),
        ", ".join(known),
        _larger_than(deviation),
        _expectation(deviation, learning),
    ]


def _usual(deviation: Deviation) -> str:
    usual = number(deviation.baseline_mean, digits=0)
    if deviation.slow_growth:
        return f"usual was {usual} a month before"
    return f"usual for newcomers is {usual}" if deviation.judged_against == "newcomers" else f"usual is {usual}"


def _larger_than(deviation: Deviation) -> str:
    """How large a newcomer's hour is among those of everybody; empty where that is not known, or not remarkable."""
    smaller, known = deviation.smaller_hours or 0, deviation.known_hours or 0
    if 2 * smaller <= known:
        return ""
    return f"more than in {part_of(smaller, known)} active hours known here in {MEMORY_DAYS} days"


def _new_type(deviation: Deviation, quote: Quote, learning: bool) -> list[str]:
    change = f"{how_new(deviation)} {quote(deviation.resource_type)}{since(deviation)}"
    parts = [f"{change} ({pluralize(deviation.changes, 'change')})"]
    if deviation.colleagues is not None and deviation.organisation_actors is not None:
        parts.append(_colleagues(deviation, RECORD if learning else f"in {MEMORY_DAYS} days"))
    else:
        parts.append(f"nobody here touched it in {USUAL_DAYS} days" if deviation.new_to_organisation else "")
        parts.append(_NO_HISTORY if deviation.judged_against == "organisation" else "")
    return [*parts, "" if is_one_of_many(deviation) else _expectation(deviation, learning)]


def _colleagues(deviation: Deviation, period: str) -> str:
    """Who else made such changes. Colleagues are counted up to the start of the day: it is not claimed that
    nobody touched a type which somebody else has touched since."""
    if deviation.colleagues:
        return f"{deviation.colleagues:,} of {pluralize(deviation.organisation_actors or 0, 'actor')} made one {period}"
    if not deviation.first_ever:
        return f"nobody else in the organisation made one {period}"
    return "" if deviation.new_to_organisation is False else f"nobody in the organisation made one {period}"


def _same_thing(deviation: Deviation, quote: Quote) -> list[str]:
    changed = f"{count_members(deviation)} changed {quote(deviation.resource_type)}"
    return [f"{changed} far more than usual, or for the first time, in the same hour{_names(deviation, quote)}"]


def _span_name(deviation: Deviation, end: str = "") -> str:
    """Unlike those of a burst, the hours that lowered the threshold are of all days."""
    is_of_threshold = deviation.kind == "threshold_fall"
    return f"{count_days(deviation)}{end}" if is_of_threshold else span_name(deviation.horizon_hours, end)


def _threshold_fall(deviation: Deviation, span: str, quote: Quote) -> list[str]:
    fall = f"from p = {deviation.threshold_before:.2g} to {deviation.threshold:.2g} (at 1 ticket a day)"
    return [
        f"{describe_unusual_hours(deviation, span)}, were unusual enough to alert",
        f"in {count_days(deviation)} the alert threshold of such actors fell {fall}{_names(deviation, quote)}",
    ]


def _names(deviation: Deviation, quote: Quote) -> str:
    who = listed([quote(member) for member in deviation.members])
    return f": {who}" if who else ""
