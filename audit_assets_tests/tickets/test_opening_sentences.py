"""The title of a ticket and its first sentences: who did what and when, and how severe it is."""

from datetime import UTC, datetime

import pytest

from audit_assets.tickets.finding import Deviation
from audit_assets.tickets.opening_sentences import build_title, headline, opening_sentence, severity_sentence
from audit_assets_tests.tickets.sample_findings import (
    TWELVE,
    around_the_clock,
    burst,
    finding,
    fortnight,
    new_type,
    newcomer,
    threshold_fall,
    together,
    unreadable,
)

LAST_TOUCHED = datetime(2026, 9, 30, 8, tzinfo=UTC)


@pytest.mark.parametrize(
    ("deviations", "title"),
    [
        ((burst(changes=2_000, baseline_mean=12.4),), "alice@example·com: 2,000 changes in an hour, usually 12"),
        ((burst(baseline_mean=0.4),), "alice@example·com: 214 changes in an hour, usually 0.4"),
        ((burst(baseline_mean=None),), "alice@example·com: 214 changes in an hour"),
        ((new_type(),), "alice@example·com: first change to api_tokens on record"),
        (
            (burst(return_period_years=40.0, active_hours=200), new_type()),
            "alice@example·com: 214 changes in an hour, usually 3; about once in 40 years; 1 more reason",
        ),
        (
            (burst(changes=1_204, baseline_mean=80.3, horizon_hours=24, return_period_years=0.04),),
            "alice@example·com: 1,204 changes in 24 hours, usually 80; about once in 2 weeks",
        ),
        ((around_the_clock(),), "alice@example·com: active in 24 of 24 hours, usually 3"),
        ((fortnight(),), "alice@example·com: 1,204 changes in 14 days without the busiest, usually 310 a month before"),
        ((newcomer(),), "alice@example·com: 300 changes in an hour, newcomers usually 4; first seen in this hour"),
        (
            (
                new_type(resource_type="dns", colleagues=22, new_types=7, touched_types=9, return_period_years=40.0),
                new_type(
                    resource_type="api_tokens", colleagues=0, new_types=7, touched_types=9, return_period_years=40.0
                ),
            ),
            "alice@example·com: 7 of the 9 resource types new to it, api_tokens among them; less than once in 2 months",
        ),
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
        (
            (new_type(first_ever=False, last_touched=LAST_TOUCHED), new_type(), new_type()),
            "alice@example·com: a change to api_tokens, last touched 2026-09-30; 2 more reasons",
        ),
    ],
)
def test_a_title_has_who_and_what(deviations: tuple[Deviation, ...], title: str) -> None:
    assert build_title(finding(deviations=deviations)) == f"{title} (10:00 UTC, 22 Nov)"


def test_a_title_does_not_call_rare_what_an_actor_does_who_is_hardly_known() -> None:
    known = {"active_hours": 3, "return_period_years": 40.0}
    assert headline(finding(deviations=(burst(baseline_mean=4.0, **known),), learning=True)) == (
        "214 changes in an hour, usually 4; actor hardly known"
    )
    assert headline(finding(deviations=(new_type(new_types=3, touched_types=3, **known),), learning=True)) == (
        "all 3 resource types new to it, api_tokens among them; actor hardly known"
    )


START = "In the hour 2026-11-22 10:00 UTC, "


@pytest.mark.parametrize(
    ("deviations", "sentence"),
    [
        ((burst(changes=1_204, horizon_hours=24),), "`alice@example[.]com` reached 1,204 changes in 24 hours."),
        ((fortnight(),), "`alice@example[.]com` reached 1,204 changes in 14 days without the busiest."),
        (
            (around_the_clock(), new_type()),
            "`alice@example[.]com` was still active (24 of the 24 hours to 11:00 UTC) and changed a resource type new"
            " to it: `api_tokens`.",
        ),
        (
            tuple(new_type(resource_type=name, colleagues=count) for count, name in enumerate("dcba")),
            "`alice@example[.]com` changed resource types new to it: `d`, `c`, `b` and 1 more.",
        ),
        (
            tuple(new_type(resource_type=name, colleagues=-count) for count, name in enumerate("ab")),
            "`alice@example[.]com` changed resource types new to it: `b` and `a`.",
        ),
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
        (("deletes",), "High severity, raised by deletes."),
        (("deletes", "API tokens and keys"), "High severity, raised by deletes, API tokens and keys."),
        (("a", "", "b", "c", "d", "e"), "High severity, raised by a, b, c and 2 more."),
        (("[x](https://evil.example)\n# y",), "High severity, raised by x·https·evil·example· · y."),
    ],
)
def test_what_raised_the_severity_is_beside_it(because: tuple[str, ...], sentence: str) -> None:
    assert severity_sentence(finding(severity_because=because)) == sentence
