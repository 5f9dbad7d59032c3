"""The first sentences of a ticket: who did what and when, and how severe it is."""

import pytest

from audit_assets.tickets.finding import Deviation
from audit_assets.tickets.opening_sentences import opening_sentence, severity_sentence
from audit_assets_tests.tickets.sample_findings import TWELVE, burst, finding, new_type, together

START = "In the hour 2026-11-22 10:00 UTC, "


@pytest.mark.parametrize(
    ("deviations", "sentence"),
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
