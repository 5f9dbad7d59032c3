"""The evidence of a ticket: its deviations as a table, what was done as counts, single audit entries, and from where an
actor's changes came, a line per address, user agent, interface and token.
"""

from collections.abc import Iterator, Sequence
from typing import get_args

from audit_assets.tickets.finding import ActionSummary, Deviation, EntryLine, Finding, Origin, OriginKind
from audit_assets.tickets.formatting import day_name, listed, minute_name, number, pluralize, second_name, span_name
from audit_assets.tickets.markdown import SafeMarkdown, code, collapsible, fence, one_line, table
from audit_assets.tickets.phrases import (
    USUAL_DAYS,
    count_active_hours,
    count_days,
    count_members,
    is_hardly_known,
    is_new_type,
    rule_title,
    short_code,
    since,
    usual_deletes,
)

MEMORY_DAYS = 90
"""For so long it is known who acted from where."""

ORIGIN_LENGTH = 110
"""A user agent of a browser fits."""

EXCERPT_LENGTH = 200
"""Of the raw text of an entry that could not be read."""

VALUES_LENGTH = 280
"""Of what an entry changed."""

ORIGINS_LISTED = 20
"""So many of those that are not shown open are folded away; the others are counted."""

_PLURALS = {"address": "addresses"}


def deviation_table(deviations: Sequence[Deviation], *, learning: bool) -> SafeMarkdown:
    """The deviations as a table of four narrow columns. `learning` as in a Finding."""
    rows = [_row(each, learning) for each in deviations]
    return table(("What", "Changes", "Usual", "Judged against"), rows)


def action_line(action_summary: ActionSummary) -> SafeMarkdown:
    """What was done how often: `337 times delete dns_record, 02:06:02 to 02:36:58`."""
    what = " ".join(one_line(each, 60) for each in (action_summary.action, action_summary.resource_type) if each)
    times = dict.fromkeys([second_name(action_summary.oldest), second_name(action_summary.newest)])
    often = "once" if action_summary.changes == 1 else f"{action_summary.changes:,} times"
    return SafeMarkdown(f"{often} {code(what, 120)}, {' to '.join(times)}")


def entry_line(entry: EntryLine) -> str:
    """An entry as one line for a fence: when, what, by whom, on what, where from, how it ended, what it changed."""
    what = " ".join(one_line(each, 60) for each in (entry.action, entry.resource_type) if each)
    rest = [
        (entry.actor, 60),
        (entry.resource_id, 80),
        (entry.zone, 80),
        (entry.ip_address, 45),
        (entry.interface, 40),
        (entry.result, 20),
        (entry.values, VALUES_LENGTH),
        (entry.excerpt, EXCERPT_LENGTH),
    ]
    known = [one_line(value, limit) for value, limit in rest if value]
    return " · ".join([f"{second_name(entry.time)}  {what or 'an entry'}", *known])


def origin_lines(finding: Finding, shown: int) -> SafeMarkdown:
    """A sentence and bullets, up to `shown` of each kind, never used ones first. Empty if no entry has an origin."""
    lines = [line for kind in get_args(OriginKind) for line in _of_kind(finding, _origins(finding, kind), shown)]
    bullets = "\n".join(f"- {line}" for line in lines)
    return SafeMarkdown(f"{_about_all(finding)}\n\n{bullets}" if lines else "")


def other_origins(finding: Finding, shown: int) -> list[SafeMarkdown]:
    """Those that are not shown open, folded away; [] if there are none."""
    others = [each for kind in get_args(OriginKind) for each in _origins(finding, kind)[shown:]]
    if not others:
        return []
    lines = [f"{each.kind} {_plain(each)}: {_used(finding, each)}" for each in others[:ORIGINS_LISTED]]
    left = len(others) - ORIGINS_LISTED
    more = f"\n\nand {left:,} more" if left > 0 else ""
    kinds = dict.fromkeys(_plural(each.kind) for each in others)
    return [collapsible(f"{len(others):,} more {listed([*kinds])}", fence(lines) + more)]


def _row(deviation: Deviation, learning: bool) -> tuple[str, str, str, str]:
    changes, against = f"{deviation.changes:,}", _judged_against(deviation, learning)
    if deviation.kind == "organisation":
        who = f"{short_code(deviation.resource_type)}, {count_members(deviation)}"
        return who, changes, "far less, or none", against
    if deviation.kind == "threshold_fall":
        what = f"unusual hours, {count_members(deviation)}, {count_days(deviation)}"
        return what, changes, number(deviation.baseline_mean), against
    if deviation.is_of_group:
        hours = "this hour" if deviation.horizon_hours == 1 else f"{deviation.horizon_hours:,} hours"
        usual = f"{number(deviation.baseline_mean)} by {number(deviation.usual_members)}"
        return f"{count_members(deviation)}, {hours}", changes, usual, against
    if deviation.kind == "many_deletes":
        return (
            f"deletes, of {deviation.hour_changes or deviation.changes:,}",
            changes,
            usual_deletes(deviation),
            against,
        )
    if deviation.kind == "watch_rule":
        return rule_title(deviation), changes, "none", "a watch rule"
    if deviation.kind == "unreadable_entries":
        return short_code(deviation.resource_type), changes, "none", "what an entry needs"
    if deviation.kind == "volume":
        span = "this hour" if deviation.horizon_hours == 1 else span_name(deviation.horizon_hours)
        usual = f"{number(deviation.baseline_mean)} ({number(deviation.ratio)} times)"
        if deviation.counts_hours:
            return "active hours", f"{deviation.changes:,} of {deviation.horizon_hours:,}", usual, against
        return span, changes, usual, against
    usual = f"none{since(deviation)}".replace(", not touched in", " in")
    others = f"; {pluralize(deviation.colleagues, 'other')}" if deviation.colleagues else ""
    return short_code(deviation.resource_type), changes, usual + others, against


def _judged_against(deviation: Deviation, learning: bool) -> str:
    if deviation.kind == "organisation":
        return "each actor itself"
    if deviation.kind == "threshold_fall":
        return f"the {count_days(deviation)} before"
    if deviation.is_of_group:
        return "the organisation's days"
    if deviation.judged_against == "newcomers":
        return "newcomers here"
    if deviation.judged_against == "organisation":
        return "the organisation"
    if is_hardly_known(deviation, learning):
        return "mostly the organisation"
    if is_new_type(deviation) and deviation.organisation_actors:
        return f"{pluralize(deviation.organisation_actors, 'actor')} here"
    if deviation.slow_growth:
        return "a month before"
    return "its own past" if deviation.horizon_hours > 1 else f"its own {count_active_hours(deviation)}"


def _origins(finding: Finding, kind: OriginKind) -> Sequence[Origin]:
    """Those of a kind, unless no entry has one: most actors have no token."""
    origins = [each for each in finding.origins if each.kind == kind]
    return origins if any(each.value for each in origins) else []


def _of_kind(finding: Finding, origins: Sequence[Origin], shown: int) -> Iterator[str]:
    for each in origins[:shown]:
        named = f"{code(each.label, ORIGIN_LENGTH)} " if each.label else ""
        what = f"{named}{code(each.value, ORIGIN_LENGTH)}" if each.value else "not recorded"
        yield f"{_capital(each.kind)} {what}: {_used(finding, each)}"
    if left := origins[shown:]:
        kind = f"1 {left[0].kind}" if len(left) == 1 else f"{len(left):,} {_plural(left[0].kind)}"
        new = sum(each.first_used is None for each in left if each.value)
        never = f", {new:,} of them first seen in this hour" if new and finding.active_days is not None else ""
        yield f"and {kind} more{never}"


def _used(finding: Finding, origin: Origin) -> str:
    changes = pluralize(origin.changes, "change")
    if finding.active_days is None or not origin.value:
        return changes
    if origin.first_used is None:
        return f"{changes}, first seen in this hour{_by_others(origin)}"
    if not origin.days:
        return f"{changes}, first seen earlier that day, at {minute_name(origin.first_used)}{_by_others(origin)}"
    since = f", first on {day_name(origin.first_used)}" if origin.days == 1 else ""
    return f"{changes}, used on {origin.days:,} of the last {USUAL_DAYS} days{since}"


def _by_others(origin: Origin) -> str:
    """For whom it is new: the actor alone, or everybody here."""
    if origin.others is None:
        return ""
    what = {"address": "its network", "user agent": "such a user agent"}.get(origin.kind, "it")
    if not origin.others:
        return f"; new to everybody here: nobody else used {what} in {MEMORY_DAYS} days"
    return f"; new to this actor: {pluralize(origin.others, 'other')} here used {what} in {MEMORY_DAYS} days"


def _about_all(finding: Finding) -> str:
    """What applies to all of these lines."""
    who = "these actors" if finding.is_of_several else "this actor"
    if finding.too_many_origins:
        return (
            f"Whether any of it was used before is not known: {who} used more addresses and user agents in the "
            f"{USUAL_DAYS} days before than Axiom lists."
        )
    if finding.active_days is None:
        return "Whether any of it was used before is not known: Axiom did not answer when this was written."
    if not finding.active_days:
        return f"Nothing was seen of {who} in the {USUAL_DAYS} days before."
    return f"{who.capitalize()} acted on {finding.active_days:,} of the last {USUAL_DAYS} days."


def _plain(origin: Origin) -> str:
    named = f"{one_line(origin.label, ORIGIN_LENGTH)} " if origin.label else ""
    return f"{named}{one_line(origin.value, ORIGIN_LENGTH)}"


def _plural(kind: str) -> str:
    return _PLURALS.get(kind, f"{kind}s")


def _capital(kind: str) -> str:
    return kind[0].upper() + kind[1:]
