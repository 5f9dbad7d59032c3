"""The title of a ticket and its first sentences: who did what and when, and how severe it is."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest

from audit_assets.tickets.finding import ChangeTotal, Deviation, EntryLine, WatchedRule
from audit_assets.tickets.opening_sentences import (
    TITLE_LENGTH,
    build_title,
    headline,
    opening_sentence,
    severity_sentence,
)
from audit_assets.tickets.related_ticket import RelatedTicket
from audit_assets_tests.tickets.sample_findings import (
    TWELVE,
    around_the_clock,
    burst,
    entry,
    finding,
    fortnight,
    new_type,
    newcomer,
    origin,
    threshold_fall,
    together,
    unreadable,
)

LAST_TOUCHED = datetime(2026, 9, 30, 8, tzinfo=UTC)
START = "In the hour 2026-11-22 10:00 UTC, "


RECORDS = ChangeTotal("delete", "dns_records", 337, 337, 5)
TOKENS = ChangeTotal("create", "api_tokens", 4, 4)
NEW_ADDRESS = origin(value="203.0.113.7", days=0, first_used=None)


@pytest.mark.parametrize(
    ("found", "title"),
    [
        ({"change_totals": (RECORDS,)}, "Deleted 337 DNS records in 5 zones: alice@example·com"),
        (
            {"change_totals": (RECORDS, TOKENS), "origins": (NEW_ADDRESS,), "active_days": 12},
            "Deleted 337 DNS records in 5 zones and made 4 other changes from a new IP address: alice@example·com",
        ),
        (
            {"change_totals": (RECORDS,), "origins": (NEW_ADDRESS, origin()), "active_days": 12},
            "Deleted 337 DNS records in 5 zones also from a new IP address: alice@example·com",
        ),
        (
            {"change_totals": (RECORDS,), "origins": (NEW_ADDRESS,), "active_days": 0},
            "Deleted 337 DNS records in 5 zones: alice@example·com",
        ),
        (
            {"deviations": (new_type(),), "change_totals": (TOKENS,)},
            "Created 4 API tokens for the first time: alice@example·com",
        ),
        (
            {"deviations": (new_type(first_ever=False, last_touched=LAST_TOUCHED),), "change_totals": (TOKENS,)},
            "Created 4 API tokens, last touched 2026-09-30: alice@example·com",
        ),
        (
            {"deviations": (burst(changes=1_204, baseline_mean=80.3, horizon_hours=24),), "change_totals": (RECORDS,)},
            "Made 1,204 changes in 24 hours, usually 80: alice@example·com",
        ),
        (
            {"deviations": (around_the_clock(),), "origins": (NEW_ADDRESS,), "active_days": 12},
            "Active in 24 of 24 hours, usually 3, from a new IP address: alice@example·com",
        ),
        (
            {"deviations": (fortnight(),)},
            "Made 1,204 changes in 14 days without the busiest, usually 310 a month before: alice@example·com",
        ),
        (
            {
                "deviations": (burst(new_origins=("network", "product"), p_origin=0.01),),
                "change_totals": (RECORDS,),
                "origins": (replace(NEW_ADDRESS, label="AS64496 Example Hosting, NL"), origin()),
            },
            "Deleted 337 DNS records in 5 zones from a new network (AS64496 Example Hosting· NL): alice@example·com",
        ),
        (
            {"deviations": (burst(new_origins=("network",), p_origin=0.01),), "change_totals": (RECORDS,)},
            "Deleted 337 DNS records in 5 zones from a new network: alice@example·com",
        ),
        ({"deviations": (newcomer(),)}, "Made 300 changes in an hour: alice@example·com"),
        ({"deviations": (new_type(),)}, "Changed API tokens for the first time: alice@example·com"),
        (
            {
                "deviations": tuple(
                    new_type(resource_type=name, colleagues=colleagues, new_types=7, touched_types=9)
                    for name, colleagues in (("dns", 22), ("api_tokens", 0))
                ),
                "change_totals": (RECORDS, TOKENS),
            },
            "Touched 7 of the 9 resource types for the first time, API tokens among them: alice@example·com",
        ),
        ({"actor": "", "change_totals": (TOKENS,)}, "Created 4 API tokens: an unnamed actor"),
        (
            {"deviations": (burst(credential='token "deploy"'),), "change_totals": (TOKENS,)},
            'Created 4 API tokens: alice@example·com with token "deploy"',
        ),
        ({"deviations": ()}, "an unusual hour (10:00 UTC, 22 Nov)"),
    ],
)
def test_a_title_is_what_was_done_from_where_and_by_whom(found: dict[str, Any], title: str) -> None:
    assert build_title(finding(**found)) == title


A_RULE = WatchedRule("A zone was deleted", "high", "T1485", "Its services are gone.", ("Ask.",), ("a move",))


def matched(*entries: EntryLine, changes: int = 1, **texts: Any) -> Deviation:
    """What a watch rule matched."""
    watch = replace(A_RULE, entries=entries, **texts)
    return new_type(kind="watch_rule", resource_type="zone_deleted", changes=changes, watch=watch)


@pytest.mark.parametrize(
    ("deviations", "change_totals", "title"),
    [
        (
            (matched(entry()),),
            (ChangeTotal("delete", "zone", 1),),
            "A zone was deleted (example·com): alice@example·com",
        ),
        ((matched(entry(zone=None)),), (), "A zone was deleted: alice@example·com"),
        ((matched(entry(), entry(zone="b.example"), changes=3),), (), "A zone was deleted: alice@example·com"),
        ((matched(entry(), changes=2), burst()), (RECORDS,), "A zone was deleted (example·com): alice@example·com"),
        (
            (
                matched(entry(), changes=6, title="Five or more failed sign-ins", severity="medium"),
                matched(entry(), changes=7, title="A sign-in succeeded after five failed ones"),
                matched(entry(), title="The security level was turned off"),
            ),
            (ChangeTotal("update", "zone_setting", 1),),
            "The security level was turned off (example·com); a sign-in succeeded after five failed ones (example·com);"
            " 1 more alert: alice@example·com",
        ),
        ((matched(entry(), changes=337),), (RECORDS,), "Deleted 337 DNS records in 5 zones: alice@example·com"),
    ],
)
def test_a_watch_rule_gives_the_title_unless_what_it_counted_does(
    deviations: tuple[Deviation, ...], change_totals: tuple[ChangeTotal, ...], title: str
) -> None:
    assert build_title(finding(deviations=deviations, change_totals=change_totals)) == title


def test_a_title_always_has_room_for_the_actor() -> None:
    long = matched(entry(), title="x" * 90), matched(entry(), title="y" * 90)
    assert build_title(finding(deviations=long)) == f"{'X' + 'x' * 89} (example·com); 1 more alert: alice@example·com"
    longest = matched(entry(), title="x" * 100)
    with_tokens = tuple(burst(credential="t" * 100) for _ in range(3))
    title = build_title(finding(deviations=(longest, *with_tokens), actor="a" * 100))
    assert len(title) == TITLE_LENGTH
    assert f": {'a' * 80}… with t" in title


def test_a_sentence_has_what_watch_rules_matched() -> None:
    assert opening_sentence(finding(deviations=(matched(entry()),))) == (
        f"{START}by `alice@example[.]com`: A zone was deleted (`example[.]com`)."
    )
    two = finding(deviations=(matched(entry(zone=None)), matched(entry(zone=None), title="DNSSEC was disabled")))
    assert opening_sentence(two) == f"{START}by `alice@example[.]com`: A zone was deleted; DNSSEC was disabled."


def test_a_ticket_that_is_more_severe_for_a_related_one_shows_both() -> None:
    related = RelatedTicket(UUID(int=1), "SEC-1", "bob", "urgent", "address", "203.0.113.7")
    assert severity_sentence(finding(related=(related,), severity_because=("deletes",))) == (
        "Urgent severity, as SEC-1 (same address); by itself it would be high severity, since this is about deletes."
    )
    assert severity_sentence(finding(related=(replace(related, severity="high"),))) == "High severity."


@pytest.mark.parametrize(
    ("deviations", "title"),
    [
        ((together(*TWELVE),), "12 actors at once: unusual changes to dns_record"),
        (
            (together(*TWELVE, resource_type="[x](https://evil.example)"), together("anne", "boris")),
            "12 actors at once: unusual changes to x·https·evil·example; 1 more reason",
        ),
        (
            (threshold_fall(*TWELVE),),
            "unusual hours make the detector less sensitive: 61 hours of 12 well-known actors in 14 days, 9 in the"
            " 14 days before",
        ),
        (
            (
                threshold_fall(*TWELVE),
                threshold_fall("anne", judged_against="little_known"),
            ),
            "unusual hours make the detector less sensitive: 61 hours of 12 well-known actors in 14 days, 9 in the"
            " 14 days before; 1 more reason",
        ),
        ((unreadable(),), "3 entries of the audit log could not be read"),
        ((unreadable(changes=1),), "1 entry of the audit log could not be read"),
        ((unreadable(), unreadable(changes=1_200)), "1,203 entries of the audit log could not be read"),
    ],
)
def test_a_title_that_is_not_about_one_actor_names_the_hour(deviations: tuple[Deviation, ...], title: str) -> None:
    assert build_title(finding(deviations=deviations)) == f"{title} (10:00 UTC, 22 Nov)"


@pytest.mark.parametrize(
    ("deviations", "why"),
    [
        ((burst(changes=2_000, baseline_mean=12.4),), "2,000 changes in an hour, usually 12"),
        ((burst(baseline_mean=0.4),), "214 changes in an hour, usually 0.4"),
        ((burst(baseline_mean=None),), "214 changes in an hour"),
        ((new_type(),), "first change to api_tokens on record"),
        (
            (burst(return_period_years=40.0, active_hours=200), new_type()),
            "214 changes in an hour, usually 3; about once in 40 years; 1 more reason",
        ),
        (
            (burst(changes=1_204, baseline_mean=80.3, horizon_hours=24, return_period_years=0.04),),
            "1,204 changes in 24 hours, usually 80; about once in 2 weeks",
        ),
        ((newcomer(),), "300 changes in an hour, newcomers usually 4; first seen in this hour"),
        (
            (
                new_type(resource_type="dns", colleagues=22, new_types=7, touched_types=9, return_period_years=40.0),
                new_type(
                    resource_type="api_tokens", colleagues=0, new_types=7, touched_types=9, return_period_years=40.0
                ),
            ),
            "7 of the 9 resource types new to it, api_tokens among them; less than once in 2 months",
        ),
        (
            (new_type(first_ever=False, last_touched=LAST_TOUCHED), new_type(), new_type()),
            "a change to api_tokens, last touched 2026-09-30; 2 more reasons",
        ),
    ],
)
def test_a_headline_is_why_it_is_unusual(deviations: tuple[Deviation, ...], why: str) -> None:
    assert headline(finding(deviations=deviations)) == why


def test_a_headline_does_not_call_rare_what_an_actor_does_who_is_hardly_known() -> None:
    known = {"active_hours": 3, "return_period_years": 40.0}
    assert headline(finding(deviations=(burst(baseline_mean=4.0, **known),), learning=True)) == (
        "214 changes in an hour, usually 4; actor hardly known"
    )
    assert headline(finding(deviations=(new_type(new_types=3, touched_types=3, **known),), learning=True)) == (
        "all 3 resource types new to it, api_tokens among them; actor hardly known"
    )


@pytest.mark.parametrize(
    ("deviations", "sentence"),
    [
        (
            (burst(changes=1_204, horizon_hours=24),),
            "`alice@example[.]com` made 1,204 changes in the 24 hours to 11:00 UTC, usually 3.",
        ),
        (
            (around_the_clock(), new_type()),
            "`alice@example[.]com` was active in 24 of the 24 hours to 11:00 UTC, usually 3.",
        ),
        ((new_type(resource_type="[x](y)"),), "`alice@example[.]com` changed `[x](y)` resources for the first time."),
        (
            (together(*TWELVE), together("anne", "boris", "carla", resource_type="zone")),
            "12 actors changed `dns_record` and 3 actors changed `zone`, unusually for each of them. One look should"
            " cover all: a migration or another shared cause.",
        ),
        (
            (threshold_fall(*TWELVE),),
            "unusual hours had made the detector less sensitive: 61 hours of 12 well-known actors in 14 days, 9 in the"
            " 14 days before. Each of them may have had its ticket; together they lower the threshold below which later"
            " hours alert.",
        ),
        ((), "`alice@example[.]com` did something unusual."),
    ],
)
def test_a_ticket_opens_with_who_did_what(deviations: tuple[Deviation, ...], sentence: str) -> None:
    assert opening_sentence(finding(deviations=deviations)) == START + sentence


@pytest.mark.parametrize(
    ("because", "sentence"),
    [
        ((), "High severity."),
        (("deletes",), "High severity, since this is about deletes."),
        (("deletes", "API tokens and keys"), "High severity, since this is about deletes, API tokens and keys."),
        (("a", "", "b", "c", "d", "e"), "High severity, since this is about a, b, c and 2 more."),
        (("[x](https://evil.example)\n# y",), "High severity, since this is about x·https·evil·example· · y."),
    ],
)
def test_what_raised_the_severity_is_beside_it(because: tuple[str, ...], sentence: str) -> None:
    assert severity_sentence(finding(severity_because=because)) == sentence
