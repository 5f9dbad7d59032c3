"""The description of a ticket, and the comment about one more hour, for a person who reads them on a phone.

`templates/description.md.jinja` has the order of the parts. The first lines of each are open, the rest is folded away
(docs/facts/linear.md, 3). What does not fit is left out, the least important first: entries first, what happened last.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from audit_assets.tickets.deviation_sentences import (
    caution,
    describe_in_ticket,
    describe_origin,
    describe_other_accounts,
    describe_time,
    describe_together,
)
from audit_assets.tickets.evidence_lines import action_line, deviation_table, entry_line, origin_lines, other_origins
from audit_assets.tickets.finding import ENTRIES_SHOWN, Deviation, EntryLine, Finding
from audit_assets.tickets.formatting import NAMED, minute_name, pluralize
from audit_assets.tickets.markdown import (
    SafeMarkdown,
    address,
    code,
    collapsible,
    fence,
    link,
    one_line,
    picture,
    prose,
)
from audit_assets.tickets.model_note import note_section
from audit_assets.tickets.next_checks import CHECKS_SHOWN, FIRST_STEPS, next_checks
from audit_assets.tickets.opening_sentences import opening_sentence, severity_sentence
from audit_assets.tickets.phrases import NAME_LENGTH, rarest_types_first, rule_title, short_code
from audit_assets.tickets.related_lines import LINES, related_lines
from audit_assets.tickets.rendering import render

REASONS_IN_SENTENCES = 4
"""Up to so many are written as sentences: more are not read on a phone. The table has more of them."""

ENTRIES_OPEN = 2
"""Up to this many entries are open; more are folded away."""

MEMBERS_SHOWN = 20
"""Of many who did the same, so many are listed; the others are counted."""

SENTENCE_LENGTH = 400

RULE_ENTRIES = 5
"""Of the entries that one of several watch rules matched, so many are shown with it."""

LINK_SHARE = 0.6
"""Links, and the chart's, may take this share of a text; what is longer is only among the ticket's links."""

QUERY_LABEL = "This query in Axiom"


@dataclass(frozen=True)
class _Detail:
    """How much is written: so many deviations, watch rules, action summaries, origins of each kind, entries at either
    end, checks after the first steps, and related tickets; `folded`: whether what is folded away is written at all."""

    deviations: int = 8
    rules: int = 4
    action_summaries: int = 5
    origins: int = 3
    entries: int = ENTRIES_SHOWN
    folded: bool = True
    checks: int = CHECKS_SHOWN
    related: int = LINES


_DETAILS = (
    *(_Detail(entries=entries) for entries in range(ENTRIES_SHOWN, 0, -1)),
    _Detail(entries=0),
    _Detail(entries=0, folded=False),
    _Detail(deviations=4, rules=3, action_summaries=3, origins=2, entries=0, folded=False),
    _Detail(deviations=2, rules=2, action_summaries=2, origins=1, entries=0, folded=False),
    _Detail(deviations=1, rules=1, action_summaries=1, origins=0, entries=0, folded=False),
    _Detail(deviations=1, rules=0, action_summaries=1, origins=0, entries=0, folded=False, checks=0, related=1),
)
"""From all to little: the first that fits is used."""

_ALL_DEVIATIONS = _DETAILS[: ENTRIES_SHOWN + 1]
"""A model's note may cost entries, but no deviation: before one of these is left out, the note is."""


def describe_finding(finding: Finding, limit: int) -> str:
    """The text of at most so many characters, as detailed as fits."""
    tries = [(finding, detail) for detail in _ALL_DEVIATIONS] if finding.note else []
    tries += [(replace(finding, note=None), detail) for detail in _DETAILS]
    texts = (_text(shown, detail, int(limit * LINK_SHARE)) for shown, detail in tries)
    return next((text for text in texts if len(text) <= limit), opening_sentence(finding)[:limit])


def _text(finding: Finding, detail: _Detail, link_room: int) -> SafeMarkdown:
    chart = picture(finding.chart.shows, finding.chart.url) if finding.chart else None
    deviations = rarest_types_first(finding.deviations)[: detail.deviations]
    total = max(finding.entries_total, len(finding.entries) + len(finding.last_entries))
    checks = next_checks(finding)
    few = total <= ENTRIES_OPEN and len(finding.entries) == total <= detail.entries
    return render(
        "description",
        opening=opening_sentence(finding),
        severity=severity_sentence(finding),
        reasons=[*_reasons(finding, deviations)] if deviations else [],
        is_of_rules=finding.is_of_rules,
        numbers=[*_numbers(finding, deviations)] if detail.folded and not finding.is_of_rules else [],
        rules=[*_rules(finding, detail)],
        rule_entries=[*_rule_entries(finding, detail)] if detail.folded and not finding.is_of_rules else [],
        related=related_lines(finding.related, detail.related),
        chart=chart,
        has_entries=total > 0,
        is_of_unreadable=finding.is_of_unreadable,
        spans_hours=any(each.horizon_hours > 1 for each in finding.deviations),
        few_entries=fence(map(entry_line, finding.entries)) if few else None,
        actions=[*_actions(finding, total, 0 if few else detail.action_summaries)],
        entries=_entries(finding, total, detail.entries) if detail.entries and finding.entries and not few else None,
        origins=origin_lines(finding, detail.origins),
        other_origins=other_origins(finding, detail.origins) if detail.folded else [],
        first_steps=SafeMarkdown(" ".join(checks[:FIRST_STEPS])),
        checks=checks[FIRST_STEPS:][: detail.checks],
        note=note_section(finding.note) if finding.note else None,
        links=[*_links(finding, link_room - len(chart or ""))],
        actor_type=code(finding.actor_type, 40),
        actor_key=code(finding.actor_key, 64),
        account=code(finding.account_id, 64),
    )


def _reasons(finding: Finding, deviations: tuple[Deviation, ...]) -> Iterator[SafeMarkdown]:
    if together := describe_together(finding.deviations, learning=finding.learning):
        yield together
    in_sentences = [each for each in deviations if not each.watch][:REASONS_IN_SENTENCES]
    for each in in_sentences:
        yield describe_in_ticket(each, finding.hour, learning=finding.learning)
    if left := len(finding.deviations) - len(finding.rules) - len(in_sentences):
        yield SafeMarkdown(f"and {left:,} more like these")
    if finding.created_at:
        yield SafeMarkdown(f"created at {minute_name(finding.created_at)} by {short_code(finding.created_by)}")
    if unusual_time := describe_time(finding.deviations, finding.hour):
        yield unusual_time
    if new_origin := describe_origin(finding.deviations):
        yield new_origin
    if other_accounts := describe_other_accounts(finding.deviations):
        yield other_accounts
    if little_known := caution(finding):
        yield little_known


def _rules(finding: Finding, detail: _Detail) -> Iterator[SafeMarkdown]:
    """What the watch rules that matched are about: they are no bullets among the other reasons."""
    for each in finding.rules[: detail.rules]:
        if each.watch is None:
            continue
        benign = "; ".join(prose(cause, SENTENCE_LENGTH) for cause in each.watch.benign)
        why = f"**{rule_title(each)}.** {prose(each.watch.why, SENTENCE_LENGTH)}"
        yield SafeMarkdown(f"{why} Known benign causes: {benign}. MITRE ATT&CK: {prose(each.watch.technique)}.")
    if (left := len(finding.rules) - detail.rules) > 0:
        yield SafeMarkdown(f"and {pluralize(left, 'more watch rule')}")


def _rule_entries(finding: Finding, detail: _Detail) -> Iterator[SafeMarkdown]:
    """What each watch rule matched, folded away."""
    for each in finding.rules[: detail.rules]:
        if each.watch and (entries := each.watch.entries[: min(detail.entries, RULE_ENTRIES)]):
            yield collapsible(f"Matched by “{rule_title(each)}”", fence(map(entry_line, entries)))


def _numbers(finding: Finding, deviations: tuple[Deviation, ...]) -> Iterator[SafeMarkdown]:
    """The deviations as a table, and who did the same."""
    yield collapsible("In numbers", deviation_table(deviations, learning=finding.learning))
    members = [*dict.fromkeys(member for each in finding.deviations for member in each.members)]
    if len(members) <= NAMED:
        return
    left = len(members) - MEMBERS_SHOWN
    lines = fence(one_line(member, NAME_LENGTH) for member in members[:MEMBERS_SHOWN])
    more = f"\n\nand {left:,} more" if left > 0 else ""
    yield collapsible(f"The {pluralize(len(members), 'actor')}", lines + more)


def _actions(finding: Finding, total: int, shown: int) -> Iterator[SafeMarkdown]:
    """What was done, by action and resource type; nothing if a few entries show it by themselves (`shown` 0)."""
    if shown and not finding.action_summaries:
        yield SafeMarkdown(pluralize(total, "change"))
    yield from map(action_line, finding.action_summaries[:shown])
    if shown and (others := finding.action_summaries[shown:]):
        changes = pluralize(sum(each.changes for each in others), "change")
        yield SafeMarkdown(f"and {pluralize(len(others), 'more kind')} of change, {changes} together")
    if finding.other_changes:
        yield SafeMarkdown(f"and {pluralize(finding.other_changes, 'other change')}, not unusual by themselves")


def _entries(finding: Finding, total: int, shown: int) -> SafeMarkdown:
    """The first and the last entries, folded away."""
    first, last = finding.entries[:shown], finding.last_entries[-shown:]
    left = total - len(first) - len(last)
    gap = [f"… {left:,} more …"] if left else []
    lines = fence([*map(entry_line, first), *gap, *map(entry_line, last)])
    ends = " and ".join(f"the {which}" for which in (_ends("first", first), _ends("last", last)) if which)
    which = f"{ends[0].upper()}{ends[1:]} of {total:,}" if left else f"All {total:,}"
    return collapsible(f"{which} entries (UTC)", lines)


def _ends(which: str, entries: tuple[EntryLine, ...]) -> str:
    return f"{which} {len(entries):,}" if entries[1:] else which if entries else ""


def _links(finding: Finding, room: int) -> Iterator[SafeMarkdown]:
    """The live links, as many as there is room for."""
    fitting: dict[str, SafeMarkdown] = {}
    for label, url in (
        (QUERY_LABEL, address(finding.axiom_url)),
        ("The raw entries in Axiom", address(finding.entries_url)),
        ("The Dagster run", address(finding.run_url)),
    ):
        if 0 < len(url) <= room:
            fitting[label] = link(label, url)
            room -= len(url)
    yield fitting.pop(QUERY_LABEL, SafeMarkdown("The query is among this ticket's links."))
    yield from fitting.values()
    if finding.run_id and not finding.run_url:
        yield SafeMarkdown(f"Dagster run {code(finding.run_id, 64)}")
