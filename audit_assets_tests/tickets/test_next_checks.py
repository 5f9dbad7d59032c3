"""What a ticket names to check next follows from what was found."""

from typing import Any

import pytest

from audit_assets.tickets.next_checks import _APPLIES, CHECKS_SHOWN, NEXT_CHECKS, next_checks
from audit_assets.tickets.ticket import comment_for, ticket_for
from audit_assets_tests.tickets.sample_findings import (
    TWELVE,
    action_summary,
    around_the_clock,
    burst,
    finding,
    fortnight,
    new_type,
    origin,
    threshold_fall,
    together,
    unreadable,
)

MANY = new_type(new_types=7, touched_types=9)
NEW_ADDRESS = origin(value="203.0.113.7", days=0, first_used=None)


@pytest.mark.parametrize(
    ("found", "kinds"),
    [
        ({}, ["a person", "burst"]),
        ({"actor_type": "token"}, ["an API token", "burst"]),
        ({"actor_type": "admin"}, ["a person", "burst"]),
        ({"actor_type": "system"}, ["Cloudflare itself", "burst"]),
        ({"actor_type": "cloudflare"}, ["Cloudflare itself", "burst"]),
        ({"actor_type": "account", "deviations": (new_type(),)}, ["new resource type"]),
        ({"deviations": (MANY,)}, ["a person", "many new resource types"]),
        ({"deviations": (burst(horizon_hours=6),)}, ["a person", "spread over hours"]),
        ({"deviations": (burst(horizon_hours=24),)}, ["a person", "spread over hours"]),
        ({"deviations": (burst(horizon_hours=24, slow_growth=True),)}, ["a person", "slow growth"]),
        ({"deviations": (fortnight(),)}, ["a person", "slow growth"]),
        ({"deviations": (around_the_clock(),)}, ["a person", "around the clock", "spread over hours"]),
        ({"action_summaries": (action_summary(),)}, ["a person", "deletes", "burst"]),
        ({"action_summaries": (action_summary(action="create", deletes=False),)}, ["a person", "burst"]),
        ({"origins": (NEW_ADDRESS, origin()), "active_days": 14}, ["new address", "a person", "burst"]),
        ({"origins": (origin(),), "active_days": 14}, ["a person", "burst"]),
        ({"origins": (NEW_ADDRESS,), "active_days": 0}, ["a person", "burst"]),
        ({"origins": (NEW_ADDRESS,), "active_days": None}, ["a person", "burst"]),
        (
            {"deviations": (together(*TWELVE),), "actor_type": "organisation", "action_summaries": (action_summary(),)},
            ["the organisation at once", "deletes"],
        ),
        (
            {"deviations": (threshold_fall(*TWELVE),), "actor_type": "organisation"},
            ["a fall of the alert threshold"],
        ),
        ({"deviations": (unreadable(),), "actor_type": "unreadable_entries"}, ["unreadable entries"]),
    ],
)
def test_the_lines_follow_from_what_was_found(found: dict[str, Any], kinds: list[str]) -> None:
    lines = [line for kind in kinds for line in NEXT_CHECKS[kind]]
    assert next_checks(finding(**found)) == lines
    text = "\n".join(f"- {line}" for line in lines)
    assert f"## What to check next\n\n{text}\n\n## Links\n" in ticket_for(finding(**found)).description
    assert text in comment_for(finding(**found)).body


def test_there_are_never_more_lines_than_a_person_reads() -> None:
    everything = finding(
        deviations=(burst(), burst(horizon_hours=6), new_type(), MANY),
        action_summaries=(action_summary(),),
        origins=(NEW_ADDRESS,),
        active_days=14,
    )
    assert len(next_checks(everything)) == CHECKS_SHOWN
    assert all(len(line) <= 120 for lines in NEXT_CHECKS.values() for line in lines)


def test_every_kind_of_the_table_is_distinct() -> None:
    assert [*NEXT_CHECKS] == [*_APPLIES]
