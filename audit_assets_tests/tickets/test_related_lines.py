"""A ticket names the others by what they share, in few lines."""

from uuid import UUID

from audit_assets.tickets.related_lines import LINES, related_lines
from audit_assets.tickets.related_ticket import RelatedBy, RelatedTicket
from audit_assets.tickets.ticket import COMMENT_LENGTH, comment_for, pair_id
from audit_assets_tests.tickets.sample_findings import finding

ONE, OTHER = UUID(int=1, version=4), UUID(int=2, version=4)


def named(name: str | None, reason: RelatedBy, value: str = "", values: int = 1) -> RelatedTicket:
    return RelatedTicket(ONE, name, "bob@example.com", "high", reason, value, values)


def test_each_thing_that_is_shared_is_a_line_with_the_names_of_the_tickets() -> None:
    lines = related_lines(
        [
            named("SEC-4", "resource", "zone z1", 3),
            named("SEC-5", "created_token", "t1"),
            named("SEC-1", "address", "203.0.113.9"),
            named("SEC-3", "token_creator", "t0"),
            named("SEC-2", "address", "203.0.113.9"),
            named(None, "network", "203.0.0.0/16"),
            named("SEC-6", "created_token", "t2"),
        ]
    )
    assert lines == [
        "same address `203.0.113.9`: SEC-1, SEC-2",
        "same network `203.0.0.0/16`: the new ticket of `bob@example[.]com`",
        "token created by the actor of SEC-3",
        "its actor created the token of SEC-5, SEC-6",
        "same resource `zone z1` and 2 more: SEC-4",
    ]


def test_many_things_are_counted_and_leave_a_comment_room_for_its_reasons() -> None:
    many = tuple(named(None, "resource", f"{number} " + "x" * 500) for number in range(20))
    assert related_lines(many)[LINES:] == ["and 14 more like these"]
    comment = comment_for(finding(related=many)).body
    assert "Why this is unusual" in comment
    assert len(comment) <= COMMENT_LENGTH


def test_a_relation_is_one_whichever_ticket_is_named_first() -> None:
    assert pair_id(ONE, OTHER) == pair_id(OTHER, ONE)
    assert pair_id(ONE, OTHER) != pair_id(ONE, ONE)
