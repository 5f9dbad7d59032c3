"""The plain rule, on short histories whose answers are worked out by hand."""

from datetime import UTC, datetime, timedelta

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit_assets.config.policy_tables import PlainRule
from audit_assets.detection.baselines import build_baselines
from audit_assets.detection.plain_rule import find_plain_deviations
from audit_assets.detection.schemas import (
    ACTIVITY,
    BASELINE,
    DEVIATION,
    ORGANISATION_HOURS,
    ORGANISATION_TYPES,
    TOUCHED,
)

NOW = datetime(2026, 11, 22, 10, tzinfo=UTC)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)

TEN_TIMES = PlainRule(ratio=10, minimum=10)

Row = tuple[str, datetime, str, int]


def judge(history: list[Row], *hours: datetime, rule: PlainRule = TEN_TIMES) -> pl.DataFrame:
    """Judge these hours of a history that includes them, as the assets do."""
    everything = pl.DataFrame(history, schema=ACTIVITY, orient="row")
    by_hour = everything.group_by("hour")
    organisation_hours = by_hour.agg(active_actors=pl.col("actor_key").n_unique(), changes=pl.col("changes").sum())
    organisation_types = everything.group_by("hour", "resource_type").agg(pl.col("changes").sum())
    judged = everything.filter(pl.col("hour").is_in(list(hours)))
    usual, touched = build_baselines(
        everything,
        organisation_hours.select(ORGANISATION_HOURS.names()).cast(ORGANISATION_HOURS),
        organisation_types.cast(ORGANISATION_TYPES),
        judged=judged.select("hour", "actor_key").unique(),
        hours=hours,
    )
    assert usual.schema == BASELINE
    assert touched.schema == TOUCHED
    found = find_plain_deviations(judged, usual, touched, rule)
    assert found.schema == DEVIATION
    return found


def busy(actor: str, changes: int, *, days: int = 10, resource_type: str = "dns_records") -> list[Row]:
    """An actor who made so many changes once a day."""
    return [(actor, NOW - DAY * day, resource_type, changes) for day in range(1, days + 1)]


def test_ten_times_the_mean_active_hour_is_a_deviation() -> None:
    found = judge([*busy("alice", 3), ("alice", NOW, "dns_records", 30)], NOW)
    assert found.select(
        "kind", "changes", "baseline_mean", "ratio", "baseline_max", "active_hours", "judged_against"
    ).rows() == [("volume", 30, 3.0, 10.0, 3, 10, "actor")]


def test_just_under_ten_times_is_none() -> None:
    assert judge([*busy("alice", 3), ("alice", NOW, "dns_records", 29)], NOW).is_empty()


def test_fewer_than_ten_changes_are_never_a_burst() -> None:
    history = [
        *busy("alice", 1, days=20),
        *[("alice", NOW - DAY * 21, "dns_records", 1)],
        ("alice", NOW, "dns_records", 9),
    ]
    assert judge(history, NOW, rule=PlainRule(ratio=5)).is_empty()


def test_the_hours_between_do_not_dilute_what_is_usual() -> None:
    found = judge([*busy("alice", 20, days=2), ("alice", NOW, "dns_records", 40)], NOW)
    assert found.is_empty(), "40 changes are twice the usual active hour, however rarely alice is active"


def test_all_resource_types_of_an_hour_count_together() -> None:
    history = [*busy("alice", 2), *busy("alice", 2, resource_type="zones")]
    found = judge([*history, ("alice", NOW, "dns_records", 20), ("alice", NOW, "zones", 20)], NOW)
    assert found.select("kind", "changes", "baseline_mean").rows() == [("volume", 40, 4.0)]


def test_a_type_never_touched_is_a_deviation_and_the_first_ever() -> None:
    history = [*busy("alice", 3), *busy("bob", 3, resource_type="api_tokens")]
    found = judge([*history, ("alice", NOW, "api_tokens", 1)], NOW)
    columns = ["kind", "resource_type", "changes", "first_ever", "last_touched", "new_to_organisation", "severity"]
    assert found.select(columns).rows() == [("new_resource_type", "api_tokens", 1, True, None, False, "medium")]


@pytest.mark.parametrize(("days_ago", "deviates"), [(30, False), (31, True)])
def test_a_type_last_touched_over_30_days_ago_is_new_again(days_ago: int, deviates: bool) -> None:
    last = NOW - DAY * days_ago
    found = judge([*busy("alice", 3), ("alice", last, "zones", 2), ("alice", NOW, "zones", 1)], NOW)
    assert found.select("first_ever", "last_touched").rows() == ([(False, last)] if deviates else [])


def test_what_lies_beyond_the_memory_is_forgotten() -> None:
    found = judge([*busy("alice", 3), ("alice", NOW - DAY * 91, "zones", 2), ("alice", NOW, "zones", 1)], NOW)
    assert found["first_ever"].to_list() == [True]


def test_a_newcomer_doing_what_others_do_is_not_flagged() -> None:
    found = judge([*busy("alice", 3), ("newcomer", NOW, "dns_records", 5)], NOW)
    assert found.is_empty()


def test_a_newcomers_burst_is_judged_against_the_organisation() -> None:
    found = judge([*busy("alice", 3), *busy("bob", 5), ("newcomer", NOW, "dns_records", 40)], NOW)
    assert found.select("kind", "baseline_mean", "ratio", "active_hours", "judged_against").rows() == [
        ("volume", 4.0, 10.0, 0, "organisation")
    ]


def test_a_newcomers_type_is_new_only_if_nobody_touched_it() -> None:
    found = judge([*busy("alice", 3), ("newcomer", NOW, "logpush_jobs", 1)], NOW)
    assert found.select("resource_type", "judged_against", "new_to_organisation", "severity").rows() == [
        ("logpush_jobs", "organisation", True, "high")
    ]


def test_an_organisation_without_history_flags_nobody() -> None:
    assert judge([("alice", NOW, "dns_records", 5000)], NOW).is_empty()


def test_both_deviations_together_are_urgent() -> None:
    found = judge([*busy("alice", 3), ("alice", NOW, "api_tokens", 300)], NOW)
    assert found.select("kind", "severity").rows() == [("volume", "urgent"), ("new_resource_type", "urgent")]


def test_an_hour_sees_nothing_of_itself_or_of_what_comes_after() -> None:
    before = [*busy("alice", 3), ("alice", NOW, "dns_records", 60)]
    later = [("alice", NOW + HOUR * after, "zones", 900) for after in range(1, 5)]
    assert judge([*before, *later], NOW).equals(judge(before, NOW))


def test_hours_judged_together_are_judged_as_each_alone() -> None:
    history = [*busy("alice", 3), *busy("bob", 4, resource_type="zones")]
    history += [("alice", NOW, "dns_records", 60), ("alice", NOW + HOUR, "zones", 61), ("bob", NOW + HOUR, "zones", 90)]
    together = judge(history, NOW, NOW + HOUR).sort("actor_key", "hour", "kind")
    alone = pl.concat([judge(history, NOW), judge(history, NOW + HOUR)]).sort("actor_key", "hour", "kind")
    assert together.select("actor_key", "kind").rows() == [
        ("alice", "volume"),
        ("alice", "new_resource_type"),
        ("bob", "volume"),
    ]
    assert together.equals(alone)


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["alice", "bob", "carol"]),
            st.integers(0, 24 * 100).map(lambda hours: NOW - HOUR * hours),
            st.sampled_from(["dns_records", "zones", "'] | union ['x"]),
            st.integers(1, 10_000),
        ),
        max_size=40,
        unique_by=lambda row: row[:3],
    )
)
def test_what_is_flagged_is_what_a_loop_over_the_rows_would_flag(history: list[Row]) -> None:
    found = judge(history, NOW)
    in_window = [row for row in history if NOW - DAY * 30 <= row[1] < NOW]
    remembered = [row for row in history if NOW - DAY * 90 <= row[1] < NOW]
    expected: set[tuple[str, str | None]] = set()
    for actor in {row[0] for row in history if row[1] == NOW}:
        changes = sum(row[3] for row in history if row[:2] == (actor, NOW))
        own = [row for row in in_window if row[0] == actor] or in_window
        if own and changes >= 10 and changes >= 10 * sum(r[3] for r in own) / len({r[:2] for r in own}):
            expected.add((actor, None))
        known_by = [actor] if any(row[0] == actor for row in remembered) else ["alice", "bob", "carol"]
        for resource_type in {row[2] for row in history if row[:2] == (actor, NOW)}:
            if in_window and not any(row[0] in known_by and row[2] == resource_type for row in in_window):
                expected.add((actor, resource_type))
    assert set(found.select("actor_key", "resource_type").rows()) == expected
