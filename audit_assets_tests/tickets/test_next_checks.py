"""What a ticket names to check next follows from what was found."""

from dataclasses import replace
from typing import Any

import pytest

from audit_assets.tickets.finding import ChangeTotal, WatchedRule
from audit_assets.tickets.next_checks import _APPLIES, CHECKS_SHOWN, FIRST_STEPS, NEXT_CHECKS, WHO, next_checks
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
NAMES = {
    "actor": "`alice@example[.]com`",
    "credentials": "the token",
    "tokens": "",
}
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
        ({"change_totals": (ChangeTotal("create", "zone", 2),)}, ["a person", "creations", "burst"]),
        ({"origins": (NEW_ADDRESS, origin()), "active_days": 14}, ["a person", "new address", "burst"]),
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
    address = "`203.0.113.7`" if NEW_ADDRESS in found.get("origins", ()) else "the address"
    lines = [line.format_map({**NAMES, "addresses": address}) for kind in kinds for line in NEXT_CHECKS[kind]]
    assert next_checks(finding(**found)) == lines
    described, comment = ticket_for(finding(**found)).description, comment_for(finding(**found)).body
    first, others = " ".join(lines[:FIRST_STEPS]), "\n".join(f"- {line}" for line in lines[FIRST_STEPS:])
    for text in (described, comment):
        assert f" severity.\n\n**What to do now:** {first}\n\n## Why this is unusual\n" in text
        assert others in text
    assert ("\n## What to check next\n" in described) == bool(others)


def test_the_first_lines_name_whom_to_ask_and_what_to_roll() -> None:
    tokens = tuple(origin(kind="API token", value=f"{number:032x}", label=f"token {number}") for number in range(5))
    asked, rolled, *_ = next_checks(finding(origins=tokens))
    assert asked == "Ask `alice@example[.]com`, not by e-mail, whether they did this."
    assert "reset password and second factor, roll `token 0`, `token 1`, `token 2` and 2 more, look for" in rolled
    assert next_checks(finding(actor='token "deploy"', actor_type="token"))[0].startswith(
        'Find the system that holds `token "deploy"`, '
    )
    with_token = finding(deviations=(burst(credential='token "x"'),))
    assert next_checks(with_token)[0].startswith(
        'Ask `alice@example[.]com`, not by e-mail, whether this was them, with `token "x"`.'
    )
    new = tuple(origin(value=f"203.0.113.{number}", days=0, first_used=None) for number in range(2))
    (where,) = [line for line in next_checks(finding(origins=new, active_days=3)) if "office" in line]
    assert where.startswith("Find out whose `203.0.113.0` and `203.0.113.1` is ")


def test_what_a_watch_rule_asks_for_follows_after_whom_to_ask() -> None:
    rule = WatchedRule(
        "A zone was deleted", "high", "T1485", "Why.", tuple(f"Check {n}." for n in range(5)), ("a move",)
    )
    found = finding(deviations=(new_type(kind="watch_rule", resource_type="zone_deleted", watch=rule), burst()))
    assert next_checks(found)[WHO:] == [f"Check {number}." for number in range(4)]
    other = new_type(kind="watch_rule", watch=replace(rule, check=("Check also.",)))
    both = next_checks(replace(found, deviations=(*found.deviations, other)))
    assert both[WHO:] == ["Check 0.", "Check also.", "Check 1.", "Check 2."], "the first of each rule first"


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
