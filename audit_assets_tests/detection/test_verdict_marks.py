"""What people said of deviations: dismissed, the like is usual from then on; confirmed, nothing is learned from it."""

from datetime import UTC, datetime, timedelta

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from audit_assets.config.policy_tables import ConfirmedIncident, Policy, Preset
from audit_assets.detection.activity_arrays import count_changes
from audit_assets.detection.confirmed_incidents import mark_incidents
from audit_assets.detection.schemas import ACTOR_ACTIVITY
from audit_assets.detection.severity import SEVERITY_RAISES
from audit_assets.detection.verdict_marks import VERDICTS, count_marked_hours, mark_verdicts
from audit_assets_tests.detection.judging import flagged
from audit_assets_tests.detection.streams import at, burst, daily, quiet, score_activity, score_events, stream

BOB = "bob"
PRESETS: list[Preset] = ["balanced", "plain"]
FIRST, AGAIN = at(40, 15), at(43, 15)
AN_HOUR = timedelta(hours=1)

ORGANISATION = [quiet(days=140, seed=3, actors=12, a_day=6), *daily(BOB, range(140), 4, "dns")]


def verdicts_on(verdict: str, *deviations: tuple[datetime, str, str | None]) -> pl.DataFrame:
    """The same verdict on some deviations of Bob's: hour, kind, resource type."""
    rows = [(BOB, hour, kind, resource_type, verdict, None, None, None) for hour, kind, resource_type in deviations]
    return pl.DataFrame(rows, schema=VERDICTS, orient="row")


def tickets(
    events: pl.DataFrame, hour: datetime, preset: Preset, verdicts: pl.DataFrame | None = None
) -> set[tuple[str, str | None]]:
    """The kinds and resource types of Bob's that open a ticket in the hour."""
    found = flagged(events, hour, Policy(preset=preset), verdicts=verdicts)
    return set(found.filter(pl.col("disposition") == "ticket", actor_key=BOB).select("kind", "resource_type").rows())


VOLUME = {("volume", None)}


def slow(found: pl.DataFrame) -> set[str]:
    """The horizons over which Bob's changes alert."""
    return set(found.filter(pl.col("disposition") == "ticket", actor_key=BOB, kind="volume")["horizon"])


class TestADismissedBurst:
    """Eighty changes in an hour of somebody who makes four."""

    dismissed = verdicts_on("dismissed", (FIRST, "volume", None))

    @pytest.mark.parametrize("preset", PRESETS)
    def test_a_burst_of_that_size_alerts_before_the_verdict_and_not_after_it(self, preset: Preset) -> None:
        events = stream([*ORGANISATION, burst(BOB, FIRST, 80, "dns"), burst(BOB, AGAIN, 85, "dns")])
        assert tickets(events, AGAIN, preset) == VOLUME
        found = flagged(events, AGAIN, Policy(preset=preset), verdicts=self.dismissed).filter(actor_key=BOB)
        assert found.is_empty(), "it is usual, and not even listed"

    @pytest.mark.parametrize("preset", PRESETS)
    def test_a_larger_burst_still_alerts(self, preset: Preset) -> None:
        events = stream([*ORGANISATION, burst(BOB, FIRST, 80, "dns"), burst(BOB, AGAIN, 800, "dns")])
        assert tickets(events, AGAIN, preset, self.dismissed) == VOLUME

    @pytest.mark.parametrize("preset", PRESETS)
    @pytest.mark.parametrize(("changes", "expected"), [(160, set()), (161, VOLUME)])
    def test_twice_as_many_changes_are_usual_and_not_one_more(
        self, preset: Preset, changes: int, expected: set[tuple[str, str | None]]
    ) -> None:
        events = stream([*ORGANISATION, burst(BOB, FIRST, 80, "dns"), burst(BOB, AGAIN, changes, "dns")])
        assert tickets(events, AGAIN, preset, self.dismissed) == expected

    @pytest.mark.parametrize("preset", PRESETS)
    def test_as_many_changes_to_another_type_alert(self, preset: Preset) -> None:
        known = daily(BOB, range(140), 1, "members")
        events = stream([*ORGANISATION, *known, burst(BOB, FIRST, 80, "dns"), burst(BOB, AGAIN, 100, "members")])
        assert tickets(events, AGAIN, preset, self.dismissed) == VOLUME

    @pytest.mark.parametrize("preset", PRESETS)
    def test_a_few_changes_of_that_type_dismissed_with_many_others_cover_few(self, preset: Preset) -> None:
        known = daily(BOB, range(140), 1, "members")
        both = burst(BOB, FIRST, 79, "dns"), burst(BOB, FIRST, 1, "members")
        events = stream([*ORGANISATION, *known, *both, burst(BOB, AGAIN, 100, "members")])
        assert tickets(events, AGAIN, preset, self.dismissed) == VOLUME

    @pytest.mark.parametrize("preset", PRESETS)
    def test_what_was_on_the_ticket_counts_and_not_what_came_later(self, preset: Preset) -> None:
        """Of the hour's 400 changes 80 were there when it was put on its ticket."""
        seen = [{"resource_type": "dns", "changes": 80}]
        stored = self.dismissed.with_columns(changes_by_type=pl.Series([seen], dtype=VERDICTS["changes_by_type"]))
        events = stream([*ORGANISATION, burst(BOB, FIRST, 400, "dns"), burst(BOB, AGAIN, 400, "dns")])
        assert tickets(events, AGAIN, preset, stored) == VOLUME
        assert tickets(events, AGAIN, preset, self.dismissed) == set()

    def test_a_slow_burst_of_another_type_alerts(self) -> None:
        """Each of its hours has a change of the dismissed type."""

        def a_day(since: datetime, **of: int) -> list[pl.DataFrame]:
            hours = [since - AN_HOUR * back for back in range(12)]
            return [burst(BOB, hour, count, name) for hour in hours for name, count in of.items()]

        known = daily(BOB, range(140), 1, "members")
        events = stream([*ORGANISATION, *known, *a_day(FIRST, dns=13, members=1), *a_day(AGAIN, dns=1, members=13)])
        assert slow(flagged(events, AGAIN, verdicts=self.dismissed)) != set()

    @pytest.mark.parametrize("preset", PRESETS)
    def test_it_is_usual_for_90_days(self, preset: Preset) -> None:
        for days, expected in ((89, set()), (91, VOLUME)):
            again = FIRST + timedelta(days=days)
            events = stream([*ORGANISATION, burst(BOB, FIRST, 80, "dns"), burst(BOB, again, 80, "dns")])
            assert tickets(events, again, preset, self.dismissed) == expected

    def test_a_slow_burst_of_a_day_is_usual_too(self) -> None:
        def a_day(since: datetime) -> list[pl.DataFrame]:
            return [burst(BOB, since - AN_HOUR * back, 14, "dns") for back in range(12)]

        events = stream([*ORGANISATION, *a_day(FIRST), *a_day(AGAIN)])
        assert slow(flagged(events, FIRST)) & {"24h", "active hours"}
        assert slow(flagged(events, AGAIN)) & {"24h", "active hours"}
        assert slow(flagged(events, AGAIN, verdicts=self.dismissed)) == set()

    def test_the_hour_counts_in_full_in_what_is_usual_and_no_hour_before_is_judged_otherwise(self) -> None:
        events = stream([*ORGANISATION, burst(BOB, FIRST, 80, "dns")])
        marked = mark_verdicts(mark_incidents(count_changes(events), [], NOBODY), self.dismissed)
        learned, before = score_activity(marked), score_events(events)
        next_day = pl.col("hour") == at(41, 9), pl.col("actor") == BOB
        assert learned.filter(next_day)["baseline_mean"][0] > before.filter(next_day)["baseline_mean"][0]
        until = pl.col("hour") <= FIRST
        assert_frame_equal(learned.filter(until), before.filter(until))


NOBODY = pl.DataFrame(schema={"actor_key": pl.String, "actor": pl.String})


class TestADismissedResourceType:
    """A type that Bob touched for the first time."""

    dismissed = verdicts_on("dismissed", (FIRST, "new_resource_type", "registrar"))

    @pytest.mark.parametrize(("preset", "days"), [("plain", 40), ("plain", 95), ("balanced", 95)])
    def test_it_alerts_before_the_verdict_and_not_after_it(self, preset: Preset, days: int) -> None:
        again = FIRST + timedelta(days=days)
        events = stream([*ORGANISATION, burst(BOB, FIRST, 2, "registrar"), burst(BOB, again, 2, "registrar")])
        assert ("new_resource_type", "registrar") in tickets(events, again, preset)
        found = flagged(events, again, Policy(preset=preset), verdicts=self.dismissed)
        assert found.filter(actor_key=BOB).is_empty()

    @pytest.mark.parametrize("preset", PRESETS)
    def test_it_is_known_to_this_actor_alone_and_no_other_type_is(self, preset: Preset) -> None:
        again = FIRST + timedelta(days=95)
        events = stream([*ORGANISATION, burst(BOB, FIRST, 2, "registrar"), burst(BOB, again, 2, "members")])
        assert ("new_resource_type", "members") in tickets(events, again, preset, self.dismissed)
        others = self.dismissed.with_columns(actor_key=pl.lit("actor-1"))
        events = stream([*ORGANISATION, burst(BOB, FIRST, 2, "registrar"), burst(BOB, again, 2, "registrar")])
        assert ("new_resource_type", "registrar") in tickets(events, again, preset, others)

    @pytest.mark.parametrize("preset", PRESETS)
    @pytest.mark.parametrize("changes", [4, 5])
    def test_it_is_known_up_to_twice_the_changes(self, preset: Preset, changes: int) -> None:
        again = FIRST + timedelta(days=95)
        events = stream([*ORGANISATION, burst(BOB, FIRST, 2, "registrar"), burst(BOB, again, changes, "registrar")])
        alerts = ("new_resource_type", "registrar") in tickets(events, again, preset, self.dismissed)
        assert alerts == (changes > 4)

    def test_many_changes_to_it_are_a_burst_all_the_same(self) -> None:
        events = stream([*ORGANISATION, burst(BOB, FIRST, 2, "registrar"), burst(BOB, AGAIN, 200, "registrar")])
        assert tickets(events, AGAIN, "balanced", self.dismissed) == VOLUME


TEN = datetime(2026, 11, 22, 10, tzinfo=UTC)


def marks(verdicts: pl.DataFrame, *incidents: ConfirmedIncident) -> set[tuple[datetime, str, bool, bool, bool]]:
    """The marked rows of Bob's, who touches two types in each of three hours, and again after a year."""
    hours = [TEN, TEN + AN_HOUR, TEN + AN_HOUR * 2, TEN + timedelta(days=365), TEN + timedelta(days=366)]
    rows = [(BOB, "user", hour, kind, 1) for hour in hours for kind in ("dns", "zone")]
    activity = mark_incidents(pl.DataFrame(rows, schema=ACTOR_ACTIVITY, orient="row"), incidents, NOBODY)
    marked = mark_verdicts(activity, verdicts)
    assert marked.select(ACTOR_ACTIVITY.names()).equals(activity.select(ACTOR_ACTIVITY.names()))
    any_mark = pl.any_horizontal("confirmed", "dismissed", "type_dismissed")
    shown = ("hour", "resource_type", "confirmed", "dismissed", "type_dismissed")
    return set(marked.filter(any_mark).select(shown).rows())


@pytest.mark.parametrize(
    ("was", "now", "covered"),
    [
        ([], [], True),
        (None, [], True),
        (["deletes"], ["deletes"], True),
        (["deletes", "zones"], ["deletes"], True),
        (None, ["deletes"], False),
        ([], ["deletes"], False),
        (["zones"], ["deletes", "zones"], False),
    ],
)
def test_a_verdict_covers_no_hour_whose_severity_something_else_raised(
    was: list[str] | None, now: list[str], *, covered: bool
) -> None:
    later = TEN + AN_HOUR
    rows = [(BOB, "user", hour, "dns", 1) for hour in (TEN, later)]
    activity = mark_incidents(pl.DataFrame(rows, schema=ACTOR_ACTIVITY, orient="row"), [], NOBODY)
    verdicts = verdicts_on("dismissed", (TEN, "volume", None), (TEN, "new_resource_type", "dns"))
    raises = pl.DataFrame([(later, BOB, len(now), now)], schema=SEVERITY_RAISES, orient="row")
    known = verdicts.with_columns(severity_because=pl.lit(was, VERDICTS["severity_because"]))
    marked = mark_verdicts(activity, known, raises).filter(pl.col("hour") == later)
    assert marked.select("type_dismissed", "beyond_dismissed").row(0) == (covered, 0 if covered else 1)


def test_a_table_of_before_covers_what_the_activity_has() -> None:
    verdicts = verdicts_on("dismissed", (TEN, "volume", None), (TEN, "new_resource_type", "dns"))
    before = verdicts.select("actor_key", "hour", "kind", "resource_type", "verdict")
    assert marks(before) == marks(verdicts)


def test_what_is_no_verdict_marks_nothing() -> None:
    assert marks(VERDICTS.to_frame()) == set()
    for other in ("open", "completed", "contradictory", "unreadable"):
        assert marks(verdicts_on(other, (TEN, "volume", None), (TEN, "new_resource_type", "dns"))) == set()


def test_each_verdict_marks_its_own_hours() -> None:
    assert marks(verdicts_on("dismissed", (TEN, "volume", None))) == {
        (TEN, "dns", False, True, False),
        (TEN, "zone", False, True, False),
    }
    later = (TEN + AN_HOUR, TEN + AN_HOUR * 2, TEN + timedelta(days=365))
    types = verdicts_on("dismissed", (TEN, "new_resource_type", "zone"))
    assert marks(types) == {(hour, "zone", False, False, True) for hour in later}
    confirmed = verdicts_on("confirmed", (TEN, "new_resource_type", "zone"))
    assert marks(confirmed) == {(TEN, kind, True, False, False) for kind in ("dns", "zone")}


def test_what_is_confirmed_anywhere_is_dismissed_nowhere() -> None:
    confirmed = {(TEN, kind, True, False, False) for kind in ("dns", "zone")}
    dismissed = verdicts_on("dismissed", (TEN, "volume", None), (TEN, "new_resource_type", "zone"))
    assert marks(pl.concat([dismissed, verdicts_on("confirmed", (TEN, "volume", None))])) == confirmed
    assert marks(dismissed, ConfirmedIncident(BOB, TEN, TEN + AN_HOUR)) == confirmed


def test_a_confirmed_ticket_is_the_same_as_an_incident_of_the_policy() -> None:
    events = stream([*ORGANISATION, burst(BOB, FIRST, 300, "dns", "never-seen")])
    activity = count_changes(events)
    by_ticket = mark_verdicts(mark_incidents(activity, [], NOBODY), verdicts_on("confirmed", (FIRST, "volume", None)))
    by_policy = mark_incidents(activity, [ConfirmedIncident(BOB, FIRST, FIRST + AN_HOUR)], NOBODY)
    assert_frame_equal(score_activity(by_ticket), score_activity(by_policy))
    assert count_marked_hours(by_ticket) == {"confirmed_hours": 1, "dismissed_hours": 0, "hours_of_dismissed_types": 0}
