"""What a dismissed ticket's attachments cover: changes and active hours are never compared with each other."""

from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import pytest

from audit_assets.linear.issues import KnownIssue
from audit_assets.tickets.dismissals import covers_of, dismissed_hours, is_covered, with_dismissals
from audit_assets.tickets.finding import Deviation
from audit_assets_tests.tickets.sample_findings import HOUR, around_the_clock, burst, finding, threshold_fall

DNS = {"changes_by_type": (("dns", 4),)}
A_DAY = burst(changes=900, baseline_mean=40.0, horizon_hours=24, **DNS)
CLOSED = HOUR + timedelta(hours=3)


def dismissed(*deviations: Deviation) -> KnownIssue:
    """A dismissed ticket of an hour with these deviations."""
    return KnownIssue(
        state="canceled",
        trashed=False,
        archived_at=None,
        auto_closed_at=None,
        canceled_at=CLOSED,
        completed_at=None,
        updated_at=CLOSED,
        id=UUID(int=1),
        identifier="SEC-1",
        url="https://linear.app/acme/issue/SEC-1",
        team="team",
        description="",
        priority=2,
        has_link=True,
        has_comment=False,
        marks=({"severity": "high", "covers": covers_of(finding(deviations=deviations))},),
        listed=frozenset(),
    )


@pytest.mark.parametrize(
    ("before", "now", "covered"),
    [
        (around_the_clock(changes=12, **DNS), around_the_clock(**DNS), True),
        (around_the_clock(changes=11, **DNS), around_the_clock(**DNS), False),
        (around_the_clock(changes=12, **DNS), around_the_clock(changes_by_type=(("dns", 9),)), False),
        (A_DAY, around_the_clock(**DNS), False),
        (around_the_clock(**DNS), replace(A_DAY, changes=48), False),
        (A_DAY, A_DAY, True),
    ],
)
def test_active_hours_cover_active_hours_alone(before: Deviation, now: Deviation, *, covered: bool) -> None:
    assert is_covered(finding(deviations=(now,)), dismissed_hours([dismissed(before)])) is covered


def test_what_was_dismissed_of_active_hours_is_not_called_changes() -> None:
    ticket = dismissed(around_the_clock(**DNS))
    (now,) = with_dismissals(finding(deviations=(around_the_clock(**DNS),)), [ticket]).deviations
    assert now.dismissed
    assert (now.dismissed.changes, now.dismissed.identifier) == (None, "SEC-1")
    (now,) = with_dismissals(finding(deviations=(A_DAY,)), [ticket]).deviations
    assert now.dismissed is None


@pytest.mark.parametrize(
    ("now", "covered"),
    [
        (threshold_fall("anne"), True),
        (threshold_fall("anne", "boris", changes=122), True),
        (threshold_fall("anne", "boris", changes=123), False),
        (threshold_fall("anne", "carla"), False),
    ],
)
def test_a_dismissed_fall_of_the_threshold_covers_its_actors_and_twice_its_hours(
    now: Deviation, *, covered: bool
) -> None:
    ticket = dismissed(threshold_fall("anne", "boris"))
    assert is_covered(finding(deviations=(now,)), dismissed_hours([ticket])) is covered
    (shown,) = with_dismissals(finding(deviations=(now,)), [ticket]).deviations
    assert shown.dismissed
    assert (shown.dismissed.changes, shown.dismissed.identifier) == (61, "SEC-1")
