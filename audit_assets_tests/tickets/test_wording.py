"""What a finding says at first sight: in its title, and in the first lines of its ticket."""

from datetime import UTC, datetime

import pytest

from audit_assets.tickets.ticket import Deviation, ticket_for
from audit_assets.tickets.wording import caution, deviation_table, in_short, opening, severity_line
from audit_assets_tests.tickets.sample_findings import TWELVE, burst, finding, new_type, together

LAST_TOUCHED = datetime(2026, 9, 30, 8, tzinfo=UTC)
BEGINNING = "In the hour 2026-11-22 10:00 UTC, "


@pytest.mark.parametrize(
    ("deviations", "title"),
    [
        ((burst(changes=2_000, baseline_mean=12.4),), "alice@example·com: 2,000 changes in an hour, usually 12"),
        ((burst(baseline_mean=0.4),), "alice@example·com: 214 changes in an hour, usually 0.4"),
        ((burst(baseline_mean=None),), "alice@example·com: 214 changes in an hour"),
        ((new_type(),), "alice@example·com: first change to api_tokens on record"),
        (
            (burst(return_period_years=40.0), new_type()),
            "alice@example·com: 214 changes in an hour, usually 3; once in 40 years; 1 more reason",
        ),
        (
            (burst(changes=1_204, baseline_mean=80.3, horizon_hours=24, return_period_years=0.04),),
            "alice@example·com: 1,204 changes in 24 hours, usually 80; once in 2 weeks",
        ),
        (
            (
                new_type(resource_type="dns", colleagues=22, new_types=7, touched_types=9, return_period_years=40.0),
                new_type(
                    resource_type="api_tokens", colleagues=0, new_types=7, touched_types=9, return_period_years=40.0
                ),
            ),
            "alice@example·com: 7 of the 9 resource types new to it, api_tokens among them; once in 40 years",
        ),
        ((together(*TWELVE),), "12 actors at once: unusual changes to dns_record"),
        (
            (together(*TWELVE, resource_type="[x](https://evil.example)"), together("anne", "boris")),
            "12 actors at once: unusual changes to x·https·evil·example; 1 more reason",
        ),
        (
            (new_type(first_ever=False, last_touched=LAST_TOUCHED), new_type(), new_type()),
            "alice@example·com: a change to api_tokens, last touched 2026-09-30; 2 more reasons",
        ),
    ],
)
def test_a_title_says_who_and_what(deviations: tuple[Deviation, ...], title: str) -> None:
    assert ticket_for(finding(deviations=deviations)).title == f"{title} (10:00 UTC, 22 Nov)"


def test_a_title_does_not_call_rare_what_an_actor_does_who_is_hardly_known() -> None:
    known = {"active_hours": 3, "return_period_years": 40.0}
    assert in_short(finding(deviations=(burst(baseline_mean=4.0, **known),), learning=True)) == (
        "214 changes in an hour, usually 4; actor hardly known"
    )
    assert in_short(finding(deviations=(new_type(new_types=3, touched_types=3, **known),), learning=True)) == (
        "all 3 resource types new to it, api_tokens among them; actor hardly known"
    )


@pytest.mark.parametrize(
    ("deviations", "said"),
    [
        ((burst(changes=1_204, horizon_hours=24),), "`alice@example[.]com` reached 1,204 changes in 24 hours."),
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
        ((), "`alice@example[.]com` did something unusual."),
    ],
)
def test_a_ticket_opens_with_who_did_what(deviations: tuple[Deviation, ...], said: str) -> None:
    assert opening(finding(deviations=deviations)) == BEGINNING + said


@pytest.mark.parametrize(
    ("because", "said"),
    [
        ((), "High severity."),
        (("deletes",), "High severity, raised by deletes."),
        (("deletes", "API tokens and keys"), "High severity, raised by deletes, API tokens and keys."),
        (("a", "", "b", "c", "d", "e"), "High severity, raised by a, b, c and 2 more."),
        (("[x](https://evil.example)\n# y",), "High severity, raised by x·https·evil·example· · y."),
    ],
)
def test_what_raised_the_severity_stands_beside_it(because: tuple[str, ...], said: str) -> None:
    assert severity_line(finding(severity_because=because)) == said


def test_a_ticket_says_how_little_is_known() -> None:
    assert caution(finding(learning=True, deviations=(burst(active_hours=3),))) == (
        "only 3 active hours known in 30 days; judged mostly by what is usual here"
    )
    assert caution(finding(learning=True)) == "little history is known here yet, so more looks unusual than is"
    assert caution(finding(deviations=(burst(active_hours=3),))) is None


def test_the_table_has_a_row_for_each_kind() -> None:
    deviations = (
        burst(changes=1_204, baseline_mean=80.3, ratio=15.0, horizon_hours=24),
        new_type(colleagues=2, organisation_actors=41),
        new_type(first_ever=False, last_touched=LAST_TOUCHED, colleagues=0, organisation_actors=41),
        together(*TWELVE),
    )
    assert deviation_table(deviations, learning=False) == (
        "| What | Changes | Usual | Judged against |\n"
        "| --- | --- | --- | --- |\n"
        "| 24 hours | 1,204 | 80 (15 times) | its own past |\n"
        "| `api_tokens` | 4 | none on record; 2 others | 41 actors here |\n"
        "| `api_tokens` | 4 | none, last touched 2026-09-30 | 41 actors here |\n"
        "| `dns_record`, 12 actors | 1,440 | far less, or none | each actor itself |"
    )
    assert "| this hour | 214 | 3.1 (69 times) | mostly the organisation |" in (
        deviation_table((burst(active_hours=3),), learning=True)
    )
