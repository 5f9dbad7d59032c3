"""The evidence of a ticket: its deviations as a table, what was done as counts, and single audit entries."""

from collections.abc import Sequence

from audit_assets.tickets.deviation_sentences import (
    count_active_hours,
    count_members,
    is_hardly_known,
    is_new_type,
    short_code,
    since,
)
from audit_assets.tickets.finding import ActionSummary, Deviation, EntryLine
from audit_assets.tickets.formatting import number, pluralize, second_name
from audit_assets.tickets.markdown import SafeMarkdown, code, one_line, table


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
    """An entry as one line for a fence: when, what, by whom, on what, where from, how it ended."""
    what = " ".join(one_line(each, 60) for each in (entry.action, entry.resource_type) if each)
    rest = [
        (entry.actor, 60),
        (entry.resource_id, 80),
        (entry.zone, 80),
        (entry.ip_address, 45),
        (entry.interface, 40),
        (entry.result, 20),
    ]
    known = [one_line(value, limit) for value, limit in rest if value]
    return " · ".join([f"{second_name(entry.time)}  {what or 'an entry'}", *known])


def _row(deviation: Deviation, learning: bool) -> tuple[str, str, str, str]:
    changes, against = f"{deviation.changes:,}", _judged_against(deviation, learning)
    if deviation.kind == "organisation":
        who = f"{short_code(deviation.resource_type)}, {count_members(deviation)}"
        return who, changes, "far less, or none", against
    if deviation.kind == "volume":
        span = "this hour" if deviation.horizon_hours == 1 else f"{deviation.horizon_hours:,} hours"
        return span, changes, f"{number(deviation.baseline_mean)} ({number(deviation.ratio)} times)", against
    usual = f"none{since(deviation)}".replace(", not touched in", " in")
    others = f"; {pluralize(deviation.colleagues, 'other')}" if deviation.colleagues else ""
    return short_code(deviation.resource_type), changes, usual + others, against


def _judged_against(deviation: Deviation, learning: bool) -> str:
    if deviation.kind == "organisation":
        return "each actor itself"
    if deviation.judged_against == "organisation":
        return "the organisation"
    if is_hardly_known(deviation, learning):
        return "mostly the organisation"
    if is_new_type(deviation) and deviation.organisation_actors:
        return f"{pluralize(deviation.organisation_actors, 'actor')} here"
    return "its own past" if deviation.horizon_hours > 1 else f"its own {count_active_hours(deviation)}"
