"""From where an actor's changes came: a line per address, user agent, interface and token."""

from collections.abc import Iterator, Sequence
from typing import get_args

from audit_assets.tickets.deviation_sentences import USUAL_DAYS
from audit_assets.tickets.finding import Finding, Origin, OriginKind
from audit_assets.tickets.formatting import day_name, listed, minute_name, pluralize
from audit_assets.tickets.markdown import SafeMarkdown, code, collapsible, fence, one_line

VALUE_LENGTH = 110
"""A user agent of a browser fits."""

ORIGINS_LISTED = 20
"""So many of those that are not shown open are folded away; the others are counted."""

_PLURALS = {"address": "addresses"}


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


def _origins(finding: Finding, kind: OriginKind) -> Sequence[Origin]:
    """Those of a kind, unless no entry has one: most actors have no token."""
    origins = [each for each in finding.origins if each.kind == kind]
    return origins if any(each.value for each in origins) else []


def _of_kind(finding: Finding, origins: Sequence[Origin], shown: int) -> Iterator[str]:
    for each in origins[:shown]:
        named = f"{code(each.label, VALUE_LENGTH)} " if each.label else ""
        what = f"{named}{code(each.value, VALUE_LENGTH)}" if each.value else "not recorded"
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
        return f"{changes}, first seen in this hour"
    if not origin.days:
        return f"{changes}, first seen earlier that day, at {minute_name(origin.first_used)}"
    since = f", first on {day_name(origin.first_used)}" if origin.days == 1 else ""
    return f"{changes}, used on {origin.days:,} of the last {USUAL_DAYS} days{since}"


def _about_all(finding: Finding) -> str:
    """What applies to all of these lines."""
    if finding.active_days is None:
        return "Whether any of it was used before is not known: Axiom did not answer when this was written."
    who = "these actors" if any(each.kind == "organisation" for each in finding.deviations) else "this actor"
    if not finding.active_days:
        return f"Nothing was seen of {who} in the {USUAL_DAYS} days before."
    return f"{who.capitalize()} acted on {finding.active_days:,} of the last {USUAL_DAYS} days."


def _plain(origin: Origin) -> str:
    named = f"{one_line(origin.label, VALUE_LENGTH)} " if origin.label else ""
    return f"{named}{one_line(origin.value, VALUE_LENGTH)}"


def _plural(kind: str) -> str:
    return _PLURALS.get(kind, f"{kind}s")


def _capital(kind: str) -> str:
    return kind[0].upper() + kind[1:]
