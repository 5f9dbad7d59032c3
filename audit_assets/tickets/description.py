"""What a ticket says to a person who reads it on a phone: its description, and a comment about one more hour.

What happened, why it is unusual, a chart, what was done, from where, what to check next, and links, in this order. The
first lines of each stand open, the rest is folded away (docs/facts/linear.md, 3). What does not fit is left out from the end
of the least important: entries first, what happened last.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from audit_assets.tickets.deviation_sentences import NAME_LENGTH, describe_together, in_a_ticket, telling_first
from audit_assets.tickets.finding import ENTRIES_SHOWN, Deviation, EntryLine, Finding
from audit_assets.tickets.formatting import NAMED, pluralize
from audit_assets.tickets.markdown import address, code, collapsible, fence, link, one_line, picture
from audit_assets.tickets.model_note import note_section
from audit_assets.tickets.next_checks import next_checks
from audit_assets.tickets.origin_lines import origin_lines, other_origins
from audit_assets.tickets.wording import action_line, caution, deviation_table, entry_line, opening, severity_line

REASONS_TOLD = 4
"""Up to so many are told in sentences: more are not read on a phone. The table has more of them."""

ENTRIES_OPEN = 2
"""Up to this many entries stand open; more are folded away."""

MEMBERS_SHOWN = 20
"""Of many who did the same, so many are listed; the others are counted."""

LINK_SHARE = 0.6
"""Links, and the chart's, may take this share of a text; what is longer is only among the ticket's links."""

QUERY_LABEL = "This query in Axiom"


@dataclass(frozen=True)
class _Detail:
    """How much is told: so many deviations, action_summaries, origins of each kind, and entries at either end; `folded`: whether
    what is folded away is told at all."""

    deviations: int = 8
    action_summaries: int = 5
    origins: int = 3
    entries: int = ENTRIES_SHOWN
    folded: bool = True


_DETAILS = (
    *(_Detail(entries=entries) for entries in range(ENTRIES_SHOWN, 0, -1)),
    _Detail(entries=0),
    _Detail(entries=0, folded=False),
    _Detail(deviations=4, action_summaries=3, origins=2, entries=0, folded=False),
    _Detail(deviations=2, action_summaries=2, origins=1, entries=0, folded=False),
    _Detail(deviations=1, action_summaries=1, origins=0, entries=0, folded=False),
)
"""From all to little: the first that fits is taken."""

_ALL_DEVIATIONS = _DETAILS[: ENTRIES_SHOWN + 1]
"""A model's note may cost entries, but no deviation: before one of these is left out, the note is."""


def text_of(finding: Finding, most: int) -> str:
    """The text of at most so many characters, as detailed as fits."""
    tries = [(finding, detail) for detail in _ALL_DEVIATIONS] if finding.note else []
    tries += [(replace(finding, note=None), detail) for detail in _DETAILS]
    texts = (_text(told, detail, int(most * LINK_SHARE)) for told, detail in tries)
    return next((text for text in texts if len(text) <= most), opening(finding)[:most])


def _text(finding: Finding, detail: _Detail, room: int) -> str:
    chart = [picture(finding.chart.shows, finding.chart.url)] if finding.chart else []
    parts = [
        opening(finding),
        severity_line(finding),
        *_why(finding, detail),
        *chart,
        *_done(finding, detail),
        *_from_where(finding, detail),
        *_next(finding),
        *([note_section(finding.note)] if finding.note else []),
        *_links(finding, room - sum(map(len, chart))),
    ]
    return "\n\n".join(parts)


def _why(finding: Finding, detail: _Detail) -> Iterator[str]:
    told = telling_first(finding.deviations)[: detail.deviations]
    if not told:
        return
    yield "## Why this is unusual"
    yield _reasons(finding, told)
    if detail.folded:
        yield collapsible("In numbers", deviation_table(told, learning=finding.learning))
        yield from _members(finding)


def _reasons(finding: Finding, told: tuple[Deviation, ...]) -> str:
    reasons = [in_a_ticket(each, finding.hour, learning=finding.learning) for each in told[:REASONS_TOLD]]
    untold = len(finding.deviations) - len(reasons)
    more = f"and {untold:,} more like these" if untold else None
    together = describe_together(finding.deviations, learning=finding.learning)
    lines = [together, *reasons, more, caution(finding)]
    return "\n".join(f"- {line}" for line in lines if line)


def _members(finding: Finding) -> Iterator[str]:
    """Who did the same."""
    members = [*dict.fromkeys(member for each in finding.deviations for member in each.members)]
    if len(members) <= NAMED:
        return
    left = len(members) - MEMBERS_SHOWN
    lines = fence(one_line(member, NAME_LENGTH) for member in members[:MEMBERS_SHOWN])
    more = f"\n\nand {left:,} more" if left > 0 else ""
    yield collapsible(f"The {pluralize(len(members), 'actor')}", lines + more)


def _done(finding: Finding, detail: _Detail) -> Iterator[str]:
    """What was done, by action and resource type, then the first and the last entries. A few entries say it alone."""
    total = max(finding.entries_total, len(finding.entries) + len(finding.last_entries))
    if not total:
        return
    longer = any(each.horizon_hours > 1 for each in finding.deviations)
    yield "## What was done in this hour" if longer else "## What was done"
    few = total <= ENTRIES_OPEN and len(finding.entries) == total <= detail.entries
    done = [] if few else [*_action_summaries(finding, total, detail.action_summaries)]
    if finding.other_changes:
        done.append(f"and {pluralize(finding.other_changes, 'other change')}, not unusual by themselves")
    if few:
        yield fence(map(entry_line, finding.entries))
    if done:
        yield "\n".join(f"- {line}" for line in done)
    if detail.entries and finding.entries and not few:
        yield _entries(finding, total, detail.entries)


def _action_summaries(finding: Finding, total: int, shown: int) -> Iterator[str]:
    if not finding.action_summaries:
        yield pluralize(total, "change")
    yield from map(action_line, finding.action_summaries[:shown])
    if others := finding.action_summaries[shown:]:
        changes = pluralize(sum(action_summary.changes for action_summary in others), "change")
        yield f"and {pluralize(len(others), 'more kind')} of change, {changes} together"


def _entries(finding: Finding, total: int, shown: int) -> str:
    """The first and the last entries, folded away."""
    first, last = finding.entries[:shown], finding.last_entries[-shown:]
    left = total - len(first) - len(last)
    gap = [f"… {left:,} more …"] if left else []
    lines = fence([*map(entry_line, first), *gap, *map(entry_line, last)])
    told = " and ".join(f"the {which}" for which in (_ends("first", first), _ends("last", last)) if which)
    which = f"{told[0].upper()}{told[1:]} of {total:,}" if left else f"All {total:,}"
    return collapsible(f"{which} entries (UTC)", lines)


def _ends(which: str, entries: tuple[EntryLine, ...]) -> str:
    return f"{which} {len(entries):,}" if entries[1:] else which if entries else ""


def _from_where(finding: Finding, detail: _Detail) -> Iterator[str]:
    if not (lines := origin_lines(finding, detail.origins)):
        return
    yield "## From where"
    yield lines
    if detail.folded:
        yield from other_origins(finding, detail.origins)


def _next(finding: Finding) -> Iterator[str]:
    if checks := next_checks(finding):
        yield "## What to check next"
        yield "\n".join(f"- {check}" for check in checks)


def _links(finding: Finding, room: int) -> Iterator[str]:
    """The live links, as many as there is room for, and whom to look for."""
    fitting: dict[str, str] = {}
    for label, url in (
        (QUERY_LABEL, address(finding.axiom_url)),
        ("The raw entries in Axiom", address(finding.entries_url)),
        ("The Dagster run", address(finding.run_url)),
    ):
        if 0 < len(url) <= room:
            fitting[label] = link(label, url)
            room -= len(url)
    lines = [fitting.pop(QUERY_LABEL, "The query is among this ticket's links."), *fitting.values()]
    if finding.run_id and not finding.run_url:
        lines.append(f"Dagster run {code(finding.run_id, 64)}")
    yield "## Links"
    yield "\n".join(f"- {each}" for each in lines)
    known = f"Actor type {code(finding.actor_type, 40)} · actor key"
    yield f"{known} {code(finding.actor_key, 64)} · account {code(finding.account_id, 64)}"
