"""What is wrong with the pipeline's own health is judged from facts alone, and named with the next step."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from audit_assets.reports.health_facts import (
    HOURS_IN_WINDOW,
    CheckFact,
    DaemonFacts,
    DiskFact,
    HealthFacts,
    HourFacts,
    VersionFact,
)
from audit_assets.reports.health_problems import has_not_started, judge_health, state_of

NOW = datetime(2026, 11, 22, 10, 20, tzinfo=UTC)
DUE = datetime(2026, 11, 22, 9, tzinfo=UTC)
HOUR = timedelta(hours=1)

COMPLETE = HourFacts(DUE, HOURS_IN_WINDOW, HOURS_IN_WINDOW, DUE)
ALL_ON = {"missing_hours": True, "every_hour": True, "ticket_verdicts": True}
WELL = HealthFacts(
    now=NOW,
    hours=COMPLETE,
    stored=HOURS_IN_WINDOW,
    daemon=DaemonFacts(ALL_ON, NOW - timedelta(seconds=40)),
    tickets=CheckFact(passed=True),
    proof=CheckFact(passed=True),
    disks=(DiskFact("the hours", "hours", 50 << 30, 100 << 30),),
    clock_skew={"Cloudflare": timedelta(seconds=2)},
    versions=(VersionFact("polars", "2.1.0", ">=2.1,<3"),),
)


def kinds(facts: HealthFacts) -> list[tuple[str, str]]:
    return [(problem.kind, problem.severity) for problem in judge_health(facts)]


def of_hours(**changed: object) -> HealthFacts:
    return replace(WELL, hours=replace(COMPLETE, **changed))  # type: ignore[arg-type]


def test_a_pipeline_that_is_well_has_no_problem() -> None:
    assert judge_health(WELL) == []
    assert state_of(WELL, []) == "healthy"


def test_133_of_720_hours_are_never_green() -> None:
    (problem,) = judge_health(of_hours(present=133))
    assert (problem.kind, problem.severity) == ("coverage", "error")
    assert "133 of 720 hours of history are present (18 %)" in problem.sentence
    assert state_of(WELL, [problem]) == "stale"
    assert kinds(of_hours(present=648)) == [], "90 %"
    assert kinds(of_hours(present=647)) == [("coverage", "error")]


def test_a_load_that_is_under_way_is_waited_for() -> None:
    (problem,) = judge_health(of_hours(present=133, running=4))
    assert problem.next_step == "Wait for 4 runs that are queued or under way, then run this again."


def test_a_clock_40_days_ahead_and_no_hour_since_is_never_green() -> None:
    facts = replace(WELL, now=NOW + timedelta(days=40))
    facts = replace(facts, daemon=None, hours=replace(COMPLETE, newest_due=DUE + timedelta(days=40)))
    (problem,) = judge_health(facts)
    assert (problem.kind, problem.severity) == ("stale", "error")
    assert "the newest judged hour is 2026-11-22-09:00, which ended 40 days ago" in problem.sentence


def test_an_hour_that_was_judged_by_a_clock_ahead_is_reported_once_the_clock_is_right() -> None:
    (problem,) = judge_health(of_hours(newest_judged=DUE + timedelta(days=40)))
    assert (problem.kind, problem.severity) == ("clock", "error")
    assert "2027-01-01-09:00, has not ended by the clock of this machine" in problem.sentence


@pytest.mark.parametrize(("late", "is_stale"), [(3, False), (4, True)])
def test_the_newest_judged_hour_may_be_three_hours_late(late: int, is_stale: bool) -> None:
    assert kinds(of_hours(newest_judged=DUE - HOUR * late)) == ([("stale", "error")] if is_stale else [])


def test_without_any_judged_hour_the_pipeline_is_stale() -> None:
    assert kinds(of_hours(newest_judged=None)) == [("stale", "error")]


def test_an_hour_that_was_pulled_and_never_judged_is_called_that() -> None:
    hour = DUE - HOUR * 5
    (problem,) = judge_health(of_hours(never_judged=(hour,), overdue=(hour,)))
    assert problem.kind == "never_judged"
    assert problem.sentence == "pulled but never judged: 1 hour: 2026-11-22-04:00"


def test_an_hour_is_named_once_by_the_worst_that_is_known_of_it() -> None:
    a, b, c = (DUE - HOUR * back for back in (5, 6, 7))
    made = judge_health(of_hours(failing=(a,), failed=(a, b), overdue=(a, b, c)))
    assert [(each.kind, each.sentence) for each in made] == [
        ("failing", "failing again and again: 1 hour: 2026-11-22-04:00"),
        ("failed", "failed when last run: 1 hour: 2026-11-22-03:00"),
        ("overdue", "should have been pulled hours ago: 1 hour: 2026-11-22-02:00"),
    ]


def test_what_is_off_is_reported() -> None:
    def off(*names: str) -> HealthFacts:
        return replace(WELL, daemon=DaemonFacts({name: name not in names for name in ALL_ON}, NOW))

    assert kinds(off("every_hour")) == [], "the sensor alone keeps the hours complete"
    assert kinds(off("ticket_verdicts")) == [("verdicts_off", "warning")]
    (problem,) = judge_health(off("missing_hours"))
    assert (problem.kind, problem.severity) == ("sensor_off", "error")
    (problem,) = judge_health(off("missing_hours", "every_hour"))
    assert problem.sentence.endswith("and so is the schedule `every_hour`: nothing is pulled")


def test_a_daemon_that_is_silent_is_reported() -> None:
    (problem,) = judge_health(replace(WELL, daemon=DaemonFacts(ALL_ON, NOW - timedelta(minutes=11))))
    assert (problem.kind, problem.severity) == ("daemon", "error")
    assert "gave no sign of life for 11 minutes" in problem.sentence
    assert kinds(replace(WELL, daemon=DaemonFacts(ALL_ON, None))) == [("daemon", "error")]


def test_tickets_that_could_not_be_opened_are_an_error_and_other_warnings_are_not() -> None:
    failed = "2026-11-22-09:00 has no ticket for 2 flagged actors: it could not be opened"
    old = "2026-11-22-09:00 has no ticket for 2 flagged actors: less than a week of history is known"
    assert kinds(replace(WELL, tickets=CheckFact(passed=False, description=failed))) == [("tickets", "error")]
    assert kinds(replace(WELL, tickets=CheckFact(passed=False, description=old))) == [("tickets", "warning")]


def test_entries_that_axiom_lacks_are_an_error() -> None:
    facts = replace(WELL, proof=CheckFact(passed=False, description="2026-11-22-09:00 entries missing in Axiom: 3"))
    assert kinds(facts) == [("proof", "error")]


@pytest.mark.parametrize(("free", "severity"), [(5 << 30, None), (4 << 30, "warning"), (100 << 20, "error")])
def test_a_disk_that_fills_up_is_reported(free: int, severity: str | None) -> None:
    facts = replace(WELL, disks=(DiskFact("the hours", "hours", free, 100 << 30),))
    assert kinds(facts) == ([("disk", severity)] if severity else [])


@pytest.mark.parametrize(
    ("skew", "severity"),
    [
        (timedelta(minutes=-1), None),
        (timedelta(minutes=5), "warning"),
        (timedelta(minutes=-11), "error"),
        (timedelta(days=40), "error"),
    ],
)
def test_a_clock_that_differs_from_a_service_is_reported(skew: timedelta, severity: str | None) -> None:
    assert kinds(replace(WELL, clock_skew={"Axiom": skew})) == ([("clock", severity)] if severity else [])


def test_a_version_that_was_not_asked_for_is_reported() -> None:
    facts = replace(WELL, versions=(VersionFact("polars", "1.9.0", ">=2.1,<3", fits=False),))
    assert kinds(facts) == [("versions", "warning")]


def test_a_new_user_has_not_started_and_learns_the_next_step() -> None:
    facts = HealthFacts(now=NOW, instance="home/dagster", stored=0)
    (problem,) = judge_health(facts)
    assert (problem.kind, problem.severity) == ("not_started", "warning")
    assert "audit-assets start" in problem.next_step
    assert has_not_started(facts)
    assert state_of(facts, [problem]) == "not_started"
    off = DaemonFacts(dict.fromkeys(ALL_ON, False), None)
    started = replace(facts, hours=HourFacts(DUE, 0, 0), daemon=off)
    assert kinds(started) == [("not_started", "warning")], "`dev` was run and nothing turned on"


def test_hours_that_are_stored_without_a_record_of_dagsters_are_an_error() -> None:
    (problem,) = judge_health(HealthFacts(now=NOW, instance="home/dagster", stored=133))
    assert (problem.kind, problem.severity) == ("no_record", "error")
    assert problem.sentence.startswith("133 hours of the last 30 days are stored, but home/dagster holds no record")


def test_a_sensor_that_is_on_without_any_hour_is_no_new_user() -> None:
    facts = replace(WELL, stored=0, hours=HourFacts(DUE, 0, 0))
    assert kinds(facts) == [("coverage", "error"), ("stale", "error")]
