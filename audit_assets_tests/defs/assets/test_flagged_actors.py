"""What alerts in an hour: the budget, the policy and the organisation's history, the whole way through the assets."""

from contextlib import closing
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import dagster as dg
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from audit_assets.defs.resources import AxiomResource
from audit_assets.defs.steps.origin_history import query_origin_uses
from audit_assets.defs.steps.verdicts import read_verdicts
from audit_assets.reports.backtest import BACKTEST_SCORES, backtest_policy, run_backtest
from audit_assets.reports.backtest_input import read_axiom
from audit_assets.reports.backtest_summary import summarize_backtest
from audit_assets.storage.hours import key_of
from audit_assets.storage.tables import ASSESSED, FLAGGED, NEWCOMERS, PRIORS, SCORES_BEFORE, TOUCHED_BY
from audit_assets_tests.detection.streams import score_events
from audit_assets_tests.pipeline import DAY, HOUR, Pipeline, dagster_failure_of, v2_burst, v2_entry

pytestmark = pytest.mark.usefixtures("without_watch_rules")

JUDGED = datetime(2026, 11, 22, 9, tzinfo=UTC)
COLLEAGUES = [f"{name}@example.com" for name in ("alice", "bob", "carol", "dave", "erin", "frank")]


def three_weeks(*actors: str) -> list[dict[str, Any]]:
    """Each actor changes three to five records a day, at the same hour."""
    return [
        entry
        for day in range(1, 22)
        for number, actor in enumerate(actors)
        for entry in v2_burst(JUDGED - DAY * day + timedelta(minutes=number), 3 + day % 3, actor=actor)
    ]


@pytest.fixture
def lived(pipeline: Pipeline) -> Pipeline:
    """Three weeks of a small organisation are in Axiom."""
    pipeline.remember(three_weeks(*COLLEAGUES))
    return pipeline


def events_in(pipeline: Pipeline) -> pl.DataFrame:
    """Every change that Axiom holds, as an event each."""
    with closing(AxiomResource(pipeline.clock).client()) as client:
        activity = client.organisation_activity(JUDGED - DAY * 30, JUDGED + HOUR)
    return activity.select(
        pl.col("actor_key").alias("actor"),
        pl.col("hour").alias("time"),
        "resource_type",
        pl.col("changes").cast(pl.UInt32).alias("changes"),
        actor_type=pl.lit("user"),
    ).select(pl.exclude("changes").repeat_by("changes").explode())


def judged(pipeline: Pipeline, *entries: list[dict[str, Any]], **how: Any) -> dict[str, Any]:
    """The summary of the hour with these entries."""
    for each in entries:
        pipeline.sandbox.cloudflare.add("v2", each)
    assert pipeline.run(JUDGED, **how).success
    return pipeline.summary(JUDGED)


def asked_of_everybody(pipeline: Pipeline) -> list[str]:
    """The queries so far whose result covers all entries of months."""
    begin = ("// What everybody changed", "// What actors are called", "// From where", "// How many events each hour")
    return [scan.apl for scan in pipeline.sandbox.axiom.scans if scan.apl.startswith(begin)]


def test_what_stays_under_the_budget_is_listed_and_opens_no_ticket(lived: Pipeline) -> None:
    new_to_her = v2_burst(JUDGED, 1, actor="alice@example.com", resource_type="rulesets")
    summary = judged(lived, new_to_her, flags={"tickets_per_day": 0.001})
    assert (summary["flagged"], lived.tickets()) == ([], [])
    (listed,) = summary["below_threshold"]
    (deviation,) = listed["deviations"]
    assert (listed["actor"], deviation["disposition"]) == ("alice@example.com", "below_threshold")
    assert (deviation["kind"], deviation["resource_type"]) == ("new_resource_type", "rulesets")
    assert deviation["p"] < 1
    assert deviation["in_words"]


def test_the_budget_and_the_preset_come_from_the_settings(lived: Pipeline, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AUDIT_ASSETS_TICKETS_PER_DAY", "0.001")
    assert judged(lived, v2_burst(JUDGED, 40, actor="bob@example.com"))["flagged"] == []
    monkeypatch.setenv("AUDIT_ASSETS_PRESET", "plain")
    (flagged,) = judged(lived)["flagged"]
    (deviation,) = flagged["deviations"]
    assert (deviation["kind"], deviation["changes"], deviation["baseline_mean"]) == ("volume", 40, 4)
    assert "p" not in deviation


def test_an_unknown_preset_in_the_settings_stops_the_hour_with_one_sentence(
    lived: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AUDIT_ASSETS_PRESET", "loud")
    lived.sandbox.cloudflare.add("v2", v2_burst(JUDGED, 3))
    assert dagster_failure_of(lived.run(JUDGED)).startswith("AUDIT_ASSETS_PRESET is 'loud': set it")


def test_an_unknown_preset_in_the_run_config_is_refused_before_the_run_starts(pipeline: Pipeline) -> None:
    field = "root:ops:flagged_actors:config:preset"
    with pytest.raises(dg.DagsterInvalidConfigError, match=f"{field} .*RunPreset got loud"):
        pipeline.run(JUDGED, flags={"preset": "loud"})
    assert pipeline.instance.get_runs_count() == 0


def test_the_hours_scores_are_those_of_a_backtest_over_the_same_events(lived: Pipeline) -> None:
    attack = v2_burst(JUDGED, 60, actor="carol@example.com")
    judged(lived, attack, v2_burst(JUDGED, 4, actor="dave@example.com"))
    expected = score_events(events_in(lived)).filter(pl.col("hour") == JUDGED).sort("actor")
    got = lived.store.require("actor_scores", JUDGED).filter(pl.col("hour") == JUDGED).sort("actor")
    columns = ["actor", "changes", "baseline_mean", "p_volume", "p_novelty", "p_many_new", "active_hours"]
    assert_frame_equal(got.select(columns), expected.select(columns))
    found = {row["actor_key"]: row for row in lived.store.require("flagged_actors", JUDGED).to_dicts()}
    (alerting,) = expected.filter("flagged").to_dicts()
    assert found[alerting["actor"]]["tickets_a_day"] == pytest.approx(alerting["tickets_a_day"])
    assert found[alerting["actor"]]["disposition"] == "ticket"


def test_scores_of_an_earlier_version_are_refused_and_the_hour_run_whole_is_right(lived: Pipeline) -> None:
    judged(lived, v2_burst(JUDGED, 60, actor="carol@example.com"))
    flagged = lived.store.require(FLAGGED, JUDGED)
    lived.store.write(ASSESSED, JUDGED, lived.store.require(ASSESSED, JUDGED).drop("familiarity"))
    alone = lived.defs.resolve_job_def("hourly_audit").execute_in_process(
        asset_selection=[dg.AssetKey("flagged_actors")],
        partition_key=key_of(JUDGED),
        instance=lived.instance,
        raise_on_error=False,
    )
    assert "earlier version, without familiarity: run all assets of the hour again" in dagster_failure_of(alone)
    assert lived.run(JUDGED).success
    assert_frame_equal(lived.store.require(FLAGGED, JUDGED), flagged)


def test_all_entries_are_asked_for_once(lived: Pipeline) -> None:
    judged(lived, v2_burst(JUDGED, 3, actor="alice@example.com"))
    first = asked_of_everybody(lived)
    assert len(first) == 4, "changes, names, origins, and whether Axiom holds what was pulled"
    lived.clock.sleep(3600)
    lived.sandbox.cloudflare.add("v2", v2_burst(JUDGED + HOUR, 3, actor="alice@example.com"))
    assert lived.run(JUDGED + HOUR).success
    assert asked_of_everybody(lived) == first
    day = JUDGED.replace(hour=0)
    assert all(lived.store.read(table, day) is not None for table in (PRIORS, NEWCOMERS, TOUCHED_BY, SCORES_BEFORE))


def test_hours_that_came_in_since_are_in_the_organisation_of_the_next_run(pipeline: Pipeline) -> None:
    for actor in COLLEAGUES:
        pipeline.sandbox.cloudflare.add("v2", v2_burst(JUDGED - DAY, 3, actor=actor))
    judged(pipeline, v2_burst(JUDGED, 3, actor="alice@example.com"))
    day = JUDGED.replace(hour=0)
    assert pipeline.store.require(SCORES_BEFORE, day).is_empty()
    assert pipeline.run(JUDGED - DAY, JUDGED - HOUR, job="history").success
    assert pipeline.run(JUDGED).success
    assert pipeline.store.require(SCORES_BEFORE, day)["actor"].n_unique() == len(COLLEAGUES)


def test_late_entries_of_the_day_before_are_in_the_organisation_of_the_next_run(pipeline: Pipeline) -> None:
    yesterday = JUDGED - DAY
    pipeline.sandbox.cloudflare.add("v2", v2_burst(yesterday, 3, actor="alice@example.com"))
    assert pipeline.run(yesterday, job="history").success
    judged(pipeline, v2_burst(JUDGED, 3, actor="alice@example.com"))
    pipeline.sandbox.cloudflare.add("v2", v2_burst(yesterday, 3, actor="bob@example.com"))
    assert pipeline.run(yesterday, job="history").success
    assert pipeline.run(JUDGED).success
    assert pipeline.store.require(SCORES_BEFORE, JUDGED.replace(hour=0))["actor"].n_unique() == 2


class TestAPolicyFile:
    """A team's own tables."""

    def write(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, text: str) -> None:
        path = tmp_path / "policy.toml"
        path.write_text(text)
        monkeypatch.setenv("AUDIT_ASSETS_POLICY", str(path))

    def test_what_is_allowed_is_kept_and_marked(
        self, lived: Pipeline, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        allowed = '[[allow]]\nactor = "bob@example.com"\nuntil = 2026-11-30\nreason = "the move, SEC-9"'
        self.write(monkeypatch, tmp_path, allowed)
        summary = judged(lived, v2_burst(JUDGED, 80, actor="bob@example.com"))
        assert (summary["flagged"], lived.tickets()) == ([], [])
        (listed,) = summary["below_threshold"]
        (deviation,) = listed["deviations"]
        assert (deviation["disposition"], deviation["allowed_because"]) == ("allowed", "the move, SEC-9")

    def test_a_confirmed_incident_is_no_example_of_what_is_usual(
        self, lived: Pipeline, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        attack = JUDGED - DAY * 2
        lived.remember(v2_burst(attack + timedelta(minutes=30), 400, actor="bob@example.com"))
        summary = judged(lived, v2_burst(JUDGED, 60, actor="bob@example.com"), flags={"preset": "plain"})
        assert summary["flagged"] == [], "its own attack has made 60 changes usual"
        incident = '[[confirmed_incident]]\nactor = "bob@example.com"\nstart = {}\nend = {}'
        text = incident.format(attack.isoformat(), (attack + HOUR).isoformat())
        self.write(monkeypatch, tmp_path, text)
        (flagged,) = judged(lived, flags={"preset": "plain"})["flagged"]
        assert flagged["deviations"][0]["baseline_mean"] < 5
        (flagged,) = judged(lived)["flagged"]
        assert flagged["deviations"][0]["baseline_mean"] < 5

    def test_failed_attempts_count_if_a_team_sets_that(
        self, lived: Pipeline, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        attempts = v2_burst(JUDGED, 80, actor="bob@example.com")
        for entry in attempts:
            entry["action"]["result"] = "failure"
        assert judged(lived, attempts)["entries"]["changes"] == 0
        self.write(monkeypatch, tmp_path, "[counted]\nwithout_results = []")
        summary = judged(lived)
        assert summary["entries"]["changes"] == 80
        (flagged,) = summary["flagged"]
        assert flagged["deviations"][0]["changes"] == 80
        (ticket,) = lived.tickets()
        assert ticket["title"] == "Created 80 DNS records in zone example·com: bob@example·com"

    def test_a_mistake_stops_the_hour_with_its_place(
        self, lived: Pipeline, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        self.write(monkeypatch, tmp_path, "[[allow]]\nactor = 5")
        lived.sandbox.cloudflare.add("v2", v2_burst(JUDGED, 3))
        assert "policy.toml: allow.1" in dagster_failure_of(lived.run(JUDGED))


@pytest.mark.parametrize("preset", ["balanced", "quiet", "plain"])
def test_a_backtest_over_axiom_agrees_with_the_hour_under_the_same_policy(
    lived: Pipeline, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, preset: str
) -> None:
    """An actor that is allowed, one whose last burst was an attack, a migration, a sensitive touch, a newcomer."""
    alice, bob, carol, dave, erin, frank = COLLEAGUES
    attack = JUDGED - DAY * 2
    policy = f"""
        [[allow]]
        actor = "{bob}"
        until = 2026-11-30
        reason = "the move, SEC-9"
        [[confirmed_incident]]
        actor = "{frank}"
        start = {attack.isoformat()}
        end = {(attack + HOUR).isoformat()}
        [[sensitive]]
        because = "API tokens"
        touching = ["*token*"]
        raises = 2
    """
    (tmp_path / "policy.toml").write_text(policy)
    monkeypatch.setenv("AUDIT_ASSETS_POLICY", str(tmp_path / "policy.toml"))
    monkeypatch.setenv("AUDIT_ASSETS_PRESET", preset)
    monkeypatch.setenv("AUDIT_ASSETS_VOLUME_RATIO", "5")
    lived.remember(v2_burst(attack + timedelta(minutes=30), 400, actor=frank))
    moved = [v2_burst(JUDGED, 60, actor=actor, resource_type="new_registrar") for actor in (alice, carol, dave)]
    token = v2_entry(JUDGED, actor=erin, resource_type="api_token", action="update")
    burst = [v2_burst(JUDGED, 80, actor=actor) for actor in (bob, frank)]
    judged(lived, *moved, [token], *burst, v2_burst(JUDGED, 4, actor="newcomer@example.com"))

    with closing(AxiomResource(lived.clock).client()) as client:
        data = read_axiom(
            client,
            JUDGED,
            JUDGED + HOUR,
            now=lived.clock.now(),
            verdicts=read_verdicts(lived.store),
            query_origins=partial(query_origin_uses, geography=None),
        )
    tested = run_backtest(data, backtest_policy(None, None))
    hour = lived.store.require("flagged_actors", JUDGED)
    of_actors = hour.filter(pl.col("actor_key") != "organisation")
    ticket = pl.col("disposition") == "ticket"
    expected = of_actors.group_by("actor").agg(
        pl.col("disposition").cast(BACKTEST_SCORES["disposition"]).min(),
        pl.col("severity").filter(ticket).first(),
        pl.col("allowed_because").drop_nulls().first(),
    )
    of_backtest = tested.scores.drop_nulls("disposition").with_columns(severity=pl.when(ticket).then("severity"))
    assert sorted(of_backtest.select(expected.columns).rows()) == sorted(expected.rows())
    dispositions = dict(of_backtest.select("actor", "disposition").iter_rows())
    assert (dispositions[bob], dispositions[frank]) == ("allowed", "ticket")
    of_all = "ticket" if preset == "plain" else "organisation"
    assert {dispositions[actor] for actor in (alice, carol, dave)} == {of_all}
    assert dispositions[erin] == "ticket"
    columns = ["resource_type", "changes", "members", "severity"]
    shared = hour.filter(pl.col("actor_key") == "organisation").select(columns)
    assert tested.tickets.filter(pl.col("actor_key") == "organisation").select(columns).rows() == shared.rows()
    ours = summarize_backtest(tested, data, backtest_policy(None, None))
    assert len(ours["tickets"]) == len(lived.tickets())
    assert [each["actor"] for each in ours["allowed"]] == [bob]


def test_what_many_do_at_once_is_one_ticket_for_the_organisation(lived: Pipeline) -> None:
    moved = [v2_burst(JUDGED, 60, actor=actor, resource_type="new_registrar") for actor in COLLEAGUES[:4]]
    summary = judged(lived, *moved)
    (flagged,) = summary["flagged"]
    (deviation,) = flagged["deviations"]
    assert (flagged["actor"], deviation["kind"], deviation["changes"]) == ("the organisation", "organisation", 240)
    assert len(deviation["members"]) == 4
    assert {actor["actor"] for actor in summary["below_threshold"]} == set(COLLEAGUES[:4])
    (ticket,) = lived.tickets()
    assert all(actor.replace(".", "[.]") in ticket["description"] for actor in COLLEAGUES[:4])
    assert "new_registrar" in ticket["description"]
    assert ": 240 in that hour" in ticket["description"], "its chart is of all four"


def test_a_sensitive_touch_raises_the_severity_and_the_ticket_names_the_reason(lived: Pipeline) -> None:
    summary = judged(lived, [v2_entry(JUDGED, actor="erin@example.com", resource_type="api_tokens", action="delete")])
    (flagged,) = summary["flagged"]
    assert flagged["severity_because"] == ["deletes", "API tokens and keys"]
    assert flagged["severity"] in ("high", "urgent")


def test_the_first_hour_of_a_new_identity_is_in_the_summary_and_on_its_ticket(lived: Pipeline) -> None:
    (flagged,) = judged(lived, v2_burst(JUDGED, 300, actor="new@example.com"))["flagged"]
    known = 21 * len(COLLEAGUES)
    described = f"more than in all {known} active hours known here in 90 days"
    (words,) = (each for each in flagged["in_words"] if "300 changes" in each)
    assert f"; {described}; first seen in this hour; judged by what is usual here" in words
    numbers = {
        key: each[key] for each in flagged["deviations"] for key in ("hours_since_first", "known_hours") if key in each
    }
    assert numbers == {"hours_since_first": 0, "known_hours": known}
    (ticket,) = lived.tickets()
    assert ticket["title"].endswith(": new@example·com")
    assert described in ticket["description"]
    assert "\n- first seen in this hour; judged by what is usual here\n" in ticket["description"]


def test_an_actor_around_the_clock_is_described_by_its_active_hours(lived: Pipeline) -> None:
    lived.remember([entry for back in range(1, 24) for entry in v2_burst(JUDGED - HOUR * back, 1, actor=COLLEAGUES[1])])
    shown = judged(lived, v2_burst(JUDGED, 1, actor=COLLEAGUES[1]))
    (actor,) = [*shown["flagged"], *shown["below_threshold"]]
    (deviation,) = actor["deviations"]
    assert deviation["in_words"].startswith("active in 24 of the last 24 hours; usual is ")
    assert (deviation["horizon"], deviation["active_of_24_hours"]) == ("active hours", 24)
    assert deviation["usual_of_24_hours"] < 4
    assert not {"changes", "baseline_mean"} & set(deviation)


def test_an_unusual_time_is_in_the_summary_once(lived: Pipeline) -> None:
    night = JUDGED - HOUR * 6
    lived.sandbox.cloudflare.add("v2", v2_burst(night, 90, actor=COLLEAGUES[1], resource_type="rulesets"))
    assert lived.run(night).success
    (actor,) = lived.summary(night)["flagged"]
    assert actor["in_words"].count("no weekend activity near 03:00 UTC on record") == 1
    assert {each["time_share"] for each in actor["deviations"]} == {0.0}
