"""What becomes of a deviation: it opens a ticket, or shows why not; none disappears."""

from dataclasses import replace
from datetime import date, timedelta

import polars as pl
import pytest

from audit_assets.config.policy_tables import Allowance, Policy, Sensitive
from audit_assets.detection.flagging import flag_deviations
from audit_assets.detection.plain_rule import find_plain_deviations
from audit_assets.detection.schemas import FLAG, ORGANISATION
from audit_assets_tests.detection.judging import flagged, judged
from audit_assets_tests.detection.streams import at, burst, quiet, stream

HOUR = at(150, 10)
BUSY = "actor-0"


@pytest.fixture(scope="module")
def quiet_days() -> pl.DataFrame:
    """150 quiet days of 20 actors, and a busy one whose hours are alike."""
    regular = [burst(BUSY, at(day, 9), 5 + day % 3, "type-0", "type-1") for day in range(150)]
    return stream([quiet(days=150, seed=5), *regular])


@pytest.fixture(scope="module")
def both(quiet_days: pl.DataFrame) -> pl.DataFrame:
    """A burst of 400 changes to a usual type, and one change to a type that nobody has."""
    return stream([quiet_days, burst(BUSY, HOUR, 400, "type-0"), burst(BUSY, HOUR, 1, "never-seen")])


def of(found: pl.DataFrame, actor: str) -> pl.DataFrame:
    return found.filter(pl.col("actor_key") == actor)


def test_an_hour_like_any_other_has_no_deviation(quiet_days: pl.DataFrame) -> None:
    found = flagged(stream([quiet_days, burst(BUSY, HOUR, 6, "type-0")]), HOUR)
    assert found.schema == FLAG
    assert of(found, BUSY).is_empty()


def test_a_burst_has_the_numbers_of_its_score(quiet_days: pl.DataFrame) -> None:
    events = stream([quiet_days, burst(BUSY, HOUR, 400, "type-0")])
    (row,) = of(flagged(events, HOUR), BUSY).to_dicts()
    (score,) = judged(events, HOUR).scores.filter(pl.col("actor_key") == BUSY).to_dicts()
    assert (row["disposition"], row["kind"], row["changes"], row["horizon_hours"]) == ("ticket", "volume", 400, 1)
    assert (row["baseline_mean"], row["p"], row["tickets_a_day"]) == (
        score["baseline_mean"],
        score["p_volume"],
        score["tickets_a_day"],
    )
    assert row["ratio"] == pytest.approx(400 / row["baseline_mean"])
    assert row["baseline_max"] == 14
    assert row["return_period_years"] == pytest.approx(1 / (row["p"] * row["active_hours"] * 365.25 / 30))
    assert row["severity"] in ("high", "urgent")


def test_a_new_type_comes_with_how_many_colleagues_touch_it(quiet_days: pl.DataFrame) -> None:
    found = flagged(stream([quiet_days, burst(BUSY, HOUR, 2, "never-seen", "type-0")]), HOUR)
    (row,) = of(found, BUSY).filter(pl.col("resource_type") == "never-seen").to_dicts()
    assert (row["disposition"], row["colleagues"], row["new_types"], row["touched_types"]) == ("ticket", 0, 1, 2)
    assert row["organisation_actors"] > 10
    assert row["first_ever"]


def test_an_actor_around_the_clock_has_its_active_hours_in_place_of_changes(quiet_days: pl.DataFrame) -> None:
    day = [burst(BUSY, HOUR - timedelta(hours=back), 1, "type-0") for back in range(24)]
    (row,) = of(flagged(stream([quiet_days, *day]), HOUR), BUSY).to_dicts()
    assert (row["kind"], row["horizon"], row["horizon_hours"]) == ("volume", "active hours", 24)
    assert row["changes"] == 24
    assert row["baseline_mean"] < 4
    assert row["ratio"] == pytest.approx(24 / row["baseline_mean"])
    assert row["changes_by_type"] == [{"resource_type": "type-0", "changes": 1}]


def test_an_unusual_time_has_the_share_of_the_actor_s_hours_there(quiet_days: pl.DataFrame) -> None:
    usual, night = at(150, 9), at(150, 2)
    (row,) = of(flagged(stream([quiet_days, burst(BUSY, usual, 400, "type-0")]), usual), BUSY).to_dicts()
    assert row["time_share"] is None
    both = [burst(BUSY, night, 400, "type-0"), burst(BUSY, night, 1, "never-seen")]
    found = of(flagged(stream([quiet_days, *both]), night), BUSY)
    assert found.select("kind", pl.col("time_share") < 0.1).unique().sort("kind").rows() == [
        ("new_resource_type", True),
        ("volume", True),
    ]


def test_a_newcomer_has_since_when_it_is_known_and_how_many_hours_here_were_smaller(quiet_days: pl.DataFrame) -> None:
    first = burst("new", HOUR - timedelta(hours=2), 1, "type-0")
    again = burst("new", HOUR, 300, "type-0")
    (row,) = of(flagged(stream([quiet_days, first, again]), HOUR), "new").to_dicts()
    assert (row["judged_against"], row["hours_since_first"], row["changes"]) == ("newcomers", 2, 300)
    hours = judged(stream([quiet_days, first, again]), HOUR)
    assert hours.first_hours.rows() == [(HOUR, "new", 2, row["smaller_hours"], row["known_hours"])]
    assert row["smaller_hours"] == row["known_hours"]
    known = quiet_days.filter(pl.col("time") >= HOUR - timedelta(days=90), pl.col("time") < HOUR.replace(hour=0))
    assert row["known_hours"] == known.select("actor", pl.col("time").dt.truncate("1h")).n_unique() + 1
    (row,) = of(flagged(stream([quiet_days, burst("new", HOUR, 300, "type-0")]), HOUR), "new").to_dicts()
    assert row["hours_since_first"] == 0


def test_nobody_else_has_the_columns_of_a_newcomer(quiet_days: pl.DataFrame) -> None:
    (row,) = of(flagged(stream([quiet_days, burst(BUSY, HOUR, 400, "type-0")]), HOUR), BUSY).to_dicts()
    assert row["judged_against"] == "actor"
    assert {row[name] for name in ("hours_since_first", "smaller_hours", "known_hours")} == {None}


def test_deviations_of_the_plain_rule_below_the_threshold_are_listed_with_their_scores(
    quiet_days: pl.DataFrame,
) -> None:
    events = stream([quiet_days, *(burst(BUSY, HOUR, 1, f"type-{n}") for n in range(6))])
    plain = judged(events, HOUR)
    by_rule = find_plain_deviations(plain.activity, plain.baselines, plain.touched, Policy().plain)
    found = flagged(events, HOUR, Policy(tickets_a_day=1e-6))
    assert set(found["disposition"]) == {"below_threshold"}
    key = ["actor_key", "kind", "resource_type"]
    assert found.select(key).sort(key).equals(by_rule.select(key).sort(key))
    assert found["p"].null_count() == found["tickets_a_day"].null_count() == 0
    assert set(found["severity"]) == {"low"}


def test_the_plain_preset_opens_a_ticket_for_every_deviation_of_the_plain_rule(quiet_days: pl.DataFrame) -> None:
    events = stream([quiet_days, burst(BUSY, HOUR, 400, "type-0", "never-seen")])
    seen = judged(events, HOUR)
    by_rule = find_plain_deviations(seen.activity, seen.baselines, seen.touched, Policy().plain)
    found = flagged(events, HOUR, Policy(preset="plain"))
    assert found.select(by_rule.columns).equals(by_rule)
    assert set(found["disposition"]) == {"ticket"}


def test_a_larger_budget_opens_every_ticket_that_a_smaller_one_does(quiet_days: pl.DataFrame) -> None:
    attacks = [burst(f"actor-{n}", HOUR, 20 * n, "type-0") for n in range(1, 8)]
    events = stream([quiet_days, *attacks])
    key = ["actor_key", "kind", "resource_type"]
    tickets = [
        flagged(events, HOUR, Policy(tickets_a_day=budget)).filter(pl.col("disposition") == "ticket").select(key)
        for budget in (0.1, 1.0, 5.0)
    ]
    assert tickets[0].join(tickets[1], on=key, how="anti", nulls_equal=True).is_empty()
    assert tickets[1].join(tickets[2], on=key, how="anti", nulls_equal=True).is_empty()


class TestAllowances:
    """Allowed deviations are kept and marked, and do not alert."""

    def allowing(self, **fields: str) -> Policy:
        return Policy(allowances=(Allowance(until=date(2099, 1, 1), reason="SEC-1", **fields),))

    @pytest.mark.parametrize("name", [BUSY, f"{BUSY}@example.com"])
    def test_an_actor_is_allowed_by_key_or_name(self, both: pl.DataFrame, name: str) -> None:
        rows = of(flagged(both, HOUR, self.allowing(actor=name)), BUSY)
        assert set(rows["disposition"]) == {"allowed"}
        assert set(rows["allowed_because"]) == {"SEC-1"}

    @pytest.mark.parametrize(
        ("called", "actor_type", "disposition"),
        [
            ("anne@example.com", "user", "allowed"),
            ("anne@example.com", "token", "ticket"),
            ("anne@example.com", "account", "ticket"),
            ("Anne@example.com", "user", "ticket"),
            ('token "anne@example.com"', "token", "ticket"),
            ('token "ci" of anne@example.com', "token", "ticket"),
        ],
    )
    def test_only_a_person_is_allowed_by_an_address_and_nobody_by_a_name(
        self, both: pl.DataFrame, called: str, actor_type: str, disposition: str
    ) -> None:
        hour = judged(both, HOUR)
        named = hour.names.with_columns(actor=pl.lit(called), actor_type=pl.lit(actor_type))
        policy = self.allowing(actor="anne@example.com")
        found = of(flag_deviations(replace(hour, names=named), policy), BUSY)
        assert set(found["disposition"]) == {disposition}

    def test_a_type_is_allowed_and_the_rest_alerts(self, both: pl.DataFrame) -> None:
        rows = of(flagged(both, HOUR, self.allowing(resource_type="never-seen")), BUSY)
        assert dict(rows.select("kind", "disposition").iter_rows()) == {
            "volume": "ticket",
            "new_resource_type": "allowed",
        }

    def test_an_allowed_type_covers_the_burst_that_it_explains(self, both: pl.DataFrame) -> None:
        rows = of(flagged(both, HOUR, self.allowing(resource_type="type-0")), BUSY)
        assert dict(rows.select("kind", "disposition").iter_rows()) == {
            "volume": "allowed",
            "new_resource_type": "ticket",
        }

    def test_an_allowed_type_hides_no_burst_of_another(self, quiet_days: pl.DataFrame) -> None:
        events = stream([quiet_days, burst(BUSY, HOUR, 400, "type-0"), burst(BUSY, HOUR, 200, "type-1")])
        (row,) = of(flagged(events, HOUR, self.allowing(resource_type="type-0")), BUSY).to_dicts()
        assert row["disposition"] == "ticket"

    def test_the_last_day_is_still_allowed_and_the_next_is_not(self, both: pl.DataFrame) -> None:
        for until, expected in ((HOUR.date(), "allowed"), (at(149).date(), "ticket")):
            policy = Policy(allowances=(Allowance(until=until, reason="SEC-1", actor=BUSY),))
            assert set(of(flagged(both, HOUR, policy), BUSY)["disposition"]) == {expected}

    def test_the_plain_preset_keeps_them_too(self, both: pl.DataFrame) -> None:
        policy = replace(self.allowing(actor=BUSY), preset="plain")
        assert set(of(flagged(both, HOUR, policy), BUSY)["disposition"]) == {"allowed"}


class TestOrganisationDays:
    """Many actors who do the same unusual thing share one ticket."""

    def migration(self, quiet_days: pl.DataFrame, actors: int, *more: pl.DataFrame) -> pl.DataFrame:
        moved = [burst(f"actor-{n}", HOUR, 60 + n, "new-registrar") for n in range(1, actors + 1)]
        return stream([quiet_days, *moved, *more])

    def test_it_is_one_finding_for_the_organisation(self, quiet_days: pl.DataFrame) -> None:
        found = flagged(self.migration(quiet_days, 6), HOUR)
        (row,) = of(found, ORGANISATION).to_dicts()
        assert (row["disposition"], row["kind"], row["resource_type"]) == ("ticket", ORGANISATION, "new-registrar")
        assert row["members"] == [f"actor-{n}" for n in range(1, 7)]
        assert row["changes"] == sum(60 + n for n in range(1, 7))
        assert (row["actor"], row["actor_type"]) == ("the organisation", "organisation")
        assert found.filter(pl.col("disposition") == "ticket")["actor_key"].to_list() == [ORGANISATION]
        members = found.filter(pl.col("disposition") == "organisation")
        assert set(members["actor_key"]) == set(row["members"])

    def test_two_actors_do_not_share_a_ticket(self, quiet_days: pl.DataFrame) -> None:
        assert of(flagged(self.migration(quiet_days, 2), HOUR), ORGANISATION).is_empty()

    def test_who_does_something_else_as_well_has_a_ticket_of_its_own(self, quiet_days: pl.DataFrame) -> None:
        beside = burst("actor-1", HOUR, 2, "api-tokens-of-others")
        found = flagged(self.migration(quiet_days, 6, beside), HOUR)
        tickets = found.filter(pl.col("disposition") == "ticket")
        assert set(tickets["actor_key"]) == {ORGANISATION, "actor-1"}
        assert of(tickets, "actor-1")["resource_type"].to_list() == ["api-tokens-of-others"]

    def test_a_burst_beside_a_migration_has_a_ticket_of_its_own(self, quiet_days: pl.DataFrame) -> None:
        moved = [burst(f"actor-{n}", HOUR, 60, "type-0") for n in range(1, 5)]
        beside = [burst(BUSY, HOUR, 400, "type-0"), burst(BUSY, HOUR, 390, "type-1")]
        found = flagged(stream([quiet_days, *moved, *beside]), HOUR)
        assert of(found, ORGANISATION)["members"].to_list() == [[f"actor-{n}" for n in range(1, 5)]]
        assert of(found, BUSY).select("kind", "changes", "disposition").rows() == [("volume", 790, "ticket")]

    def test_a_migration_that_a_team_allows_opens_no_ticket(self, quiet_days: pl.DataFrame) -> None:
        allowance = Allowance(until=date(2099, 1, 1), reason="the move", resource_type="new-registrar")
        found = flagged(self.migration(quiet_days, 6), HOUR, Policy(allowances=(allowance,)))
        assert set(found["disposition"]) <= {"allowed", "below_threshold"}


def test_severity_is_raised_by_what_was_touched(quiet_days: pl.DataFrame) -> None:
    events = stream([quiet_days, burst(BUSY, HOUR, 60, "type-0")])
    deletes = Policy(sensitive=(Sensitive("deletes", kinds=("delete",)), Sensitive("tokens", ("*token*",), raises=3)))
    order = ["low", "medium", "high", "urgent"]
    (plain,) = of(flagged(events, HOUR, deletes), BUSY).to_dicts()
    (raised,) = of(flagged(events, HOUR, deletes, kind="delete"), BUSY).to_dicts()
    assert order.index(raised["severity"]) == min(order.index(plain["severity"]) + 1, 3)
    assert (plain["severity_because"], raised["severity_because"]) == (None, ["deletes"])


def test_without_any_history_everything_is_judged_by_defaults() -> None:
    start = at(0, 10)
    scores = judged(burst("first", start, 500, "type-0"), start).scores
    assert scores["learning"].to_list() == [["actor", "prior", "types", "budget"]]


def test_with_enough_history_nothing_is_judged_by_defaults(quiet_days: pl.DataFrame) -> None:
    events = stream([quiet_days, burst(BUSY, HOUR, 6, "type-0")])
    scores = judged(events, HOUR).scores.filter(pl.col("actor_key") == BUSY)
    assert scores["learning"].to_list() == [[]]
