"""What a ticket shows of the tickets that it is related to: what they share, and their names."""

from collections.abc import Iterator, Sequence
from itertools import groupby

from audit_assets.tickets.markdown import SafeMarkdown, code, words
from audit_assets.tickets.phrases import short_code
from audit_assets.tickets.related_ticket import RelatedBy, RelatedTicket

PHRASES: dict[RelatedBy, str] = {
    "address": "same address",
    "network": "same network",
    "token_creator": "token created by the actor of",
    "created_token": "its actor created the token of",
    "resource": "same resource",
}

OF_TOKENS = ("token_creator", "created_token")
"""Their values, the ids of tokens, are of no use to a reader."""


LINES = 6
"""So many are shown of at most 20: a comment must have room for more than these."""

VALUE_LENGTH = 80


def related_lines(related: Sequence[RelatedTicket], shown: int = LINES) -> list[SafeMarkdown]:
    """A line for each thing that is shared, up to so many: ``same address `203.0.113.9`: SEC-1, SEC-2``."""
    in_order = sorted(related, key=_what_is_shared)
    lines = [SafeMarkdown(_line([*group])) for _, group in groupby(in_order, key=_what_is_shared)]
    left = [SafeMarkdown(f"and {len(lines) - shown:,} more like these")] if len(lines) > shown else []
    return lines[:shown] + left


def _what_is_shared(ticket: RelatedTicket) -> tuple[int, str, int]:
    place = [*PHRASES].index(ticket.reason)
    return (place, "", 1) if ticket.reason in OF_TOKENS else (place, ticket.value, ticket.values)


def _line(related: Sequence[RelatedTicket]) -> str:
    first, names = related[0], ", ".join(_names(related))
    if first.reason in OF_TOKENS:
        return f"{PHRASES[first.reason]} {names}"
    more = f" and {first.values - 1:,} more" if first.values > 1 else ""
    return f"{PHRASES[first.reason]} {code(first.value, VALUE_LENGTH)}{more}: {names}"


def _names(related: Sequence[RelatedTicket]) -> Iterator[str]:
    for each in related:
        yield words(each.identifier) if each.identifier else f"the new ticket of {short_code(each.actor)}"
