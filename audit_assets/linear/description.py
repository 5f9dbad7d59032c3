"""What a ticket says to a person who reads it on a phone: its description, and a comment about one more hour."""

from audit_assets.linear.figures import NAMED, counted
from audit_assets.linear.findings import ENTRIES_SHOWN, Deviation, EntryLine, Finding
from audit_assets.linear.markdown import address, code, collapsible, fence, link, one_line
from audit_assets.linear.sentences import NAME_LENGTH, describe_together, in_a_ticket, telling_first
from audit_assets.linear.wording import caution, deviation_table, entry_line, opening, severity_line

DEVIATIONS_SHOWN = (8, 4, 2, 1)
"""As many as these stand in the table, the first number that fits; the others are counted."""

REASONS_TOLD = 4
"""Up to so many are told in sentences too: more are not read on a phone."""

ENTRIES_OPEN = 5
"""Up to this many entries stand open; more are folded away."""

MEMBERS_SHOWN = 20
"""Of many who did the same, so many are listed; the others are counted."""

LINK_SHARE = 0.6
"""A link may take this share of a text; a longer one is only among the ticket's links."""


def text_of(finding: Finding, most: int) -> str:
    """The text of at most so many characters: as many entries, then as many deviations, as fit."""
    entries = finding.entries[:ENTRIES_SHOWN]
    lengths = [(DEVIATIONS_SHOWN[0], shown) for shown in range(len(entries), 0, -1)]
    lengths += [(shown, 0) for shown in DEVIATIONS_SHOWN]
    room = int(most * LINK_SHARE)
    deviations = telling_first(finding.deviations)
    texts = (_parts(finding, deviations[:told], entries[:shown], room) for told, shown in lengths)
    return next((text for text in texts if len(text) <= most), opening(finding)[:most])


def _parts(finding: Finding, told: tuple[Deviation, ...], shown: tuple[EntryLine, ...], room: int) -> str:
    parts = [opening(finding), severity_line(finding)]
    if told:
        table = deviation_table(told, learning=finding.learning)
        parts += ["## Why this is unusual", _reasons(finding, told), table]
    if shown:
        parts += _members(finding)
    parts += [*_entries(finding, shown), "## Where to look", *_where(finding, room)]
    return "\n\n".join(parts)


def _reasons(finding: Finding, told: tuple[Deviation, ...]) -> str:
    reasons = [in_a_ticket(each, finding.hour, learning=finding.learning) for each in told[:REASONS_TOLD]]
    untold = len(finding.deviations) - len(reasons)
    more = f"and {untold:,} more like these" if untold else None
    together = describe_together(finding.deviations, learning=finding.learning)
    lines = [together, *reasons, more, caution(finding)]
    return "\n".join(f"- {line}" for line in lines if line)


def _members(finding: Finding) -> list[str]:
    """Who did the same, folded away."""
    members = [*dict.fromkeys(member for each in finding.deviations for member in each.members)]
    if len(members) <= NAMED:
        return []
    left = len(members) - MEMBERS_SHOWN
    lines = fence(one_line(member, NAME_LENGTH) for member in members[:MEMBERS_SHOWN])
    more = f"\n\nand {left:,} more" if left > 0 else ""
    return [collapsible(f"The {counted(len(members), 'actor')}", lines + more)]


def _entries(finding: Finding, shown: tuple[EntryLine, ...]) -> list[str]:
    """The entries behind a finding: a heading, the lines, and how many are not shown."""
    total = max(finding.entries_total, len(finding.entries))
    if not total:
        return []
    longer = any(each.horizon_hours > 1 for each in finding.deviations)
    heading, left = "## The entries of this hour" if longer else "## The entries behind it", total - len(shown)
    if not shown:
        return [heading, f"{total:,}, to be read in Axiom."]
    more = [f"and {left:,} more"] if left else []
    lines = "\n\n".join([fence(entry_line(each) for each in shown), *more])
    return [heading, lines if len(shown) <= ENTRIES_OPEN else collapsible(f"{len(shown)} of {total:,} (UTC)", lines)]


def _where(finding: Finding, room: int) -> tuple[str, str]:
    """The live link, and whom to look for."""
    url = address(finding.axiom_url)
    live = link("Open this query in Axiom", url) if 0 < len(url) <= room else "The query is among this ticket's links."
    known = f"Actor type {code(finding.actor_type, 40)} · actor key"
    return live, f"{known} {code(finding.actor_key, 64)} · account {code(finding.account_id, 64)}"
