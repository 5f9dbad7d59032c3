"""`audit-assets start`: history first, then what it would have brought, then judging and tickets."""

from collections.abc import Iterator
from contextlib import nullcontext
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import httpx
import pytest
from dagster._daemon.types import DaemonHeartbeat

from audit_assets.axiom.events import events_from
from audit_assets.cli import history_loader
from audit_assets.cli.automation_state import AUTOMATION
from audit_assets.cli.dagster_home import instance_home
from audit_assets.cli.history_loader import STARTED_BY, HistoryLoader, end_left_runs
from audit_assets.cli.home_lock import HomeError
from audit_assets.cli.invented_entries import KIND
from audit_assets.cli.progress_line import describe_time
from audit_assets.cli.start_command import refuse_beside_daemon, what_runs_it
from audit_assets.defs.automation.ledger import REQUESTED_BY, loaded_hours
from audit_assets.defs.build import build_defs
from audit_assets.sandbox.fault_plan import Fault
from audit_assets.sandbox.server import Sandbox, serve_sandbox
from audit_assets.storage.hour_store import HourStore
from audit_assets.storage.hours import hours_between, key_of
from audit_assets.storage.pull_history import newest_settled_hour
from audit_assets.storage.tables import ENTRIES, FIRST_START, FLAGGED
from audit_assets_tests.benchmarks.going_live import Run, open_world, start
from audit_assets_tests.support import JumpingClock

HOUR = timedelta(hours=1)

THREE_MINUTES = 180.0
HOME = Path(".audit_assets/dev")


@pytest.fixture(scope="module")
def went_live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Sandbox, Path, Run]]:
    folder = tmp_path_factory.mktemp("live")
    with serve_sandbox(open_world(folder)) as sandbox:
        yield sandbox, folder, start(sandbox, folder)


def instance_in(folder: Path) -> dg.DagsterInstance:
    return dg.DagsterInstance.from_config(str(folder / HOME / "dagster"))


def test_31_days_of_a_small_organisation_are_there_within_three_minutes(
    went_live: tuple[Sandbox, Path, Run],
) -> None:
    """Of processor time: however busy the machine is, a free one is not slower."""
    _, folder, run = went_live
    assert run.exit_code == 0, run.output
    store = HourStore(str(folder / ".audit_assets/hours"))
    first = datetime.strptime(store.read_json(FIRST_START, None)["first_hour"], "%Y-%m-%d-%H:%M").replace(tzinfo=UTC)
    with instance_in(folder) as instance:
        there = loaded_hours(instance)
    assert len(there) >= 745
    assert min(there) == first
    assert sum(store.counts(ENTRIES, there).values()) > 24_000
    assert run.processor_seconds < THREE_MINUTES


def test_nothing_is_judged_meanwhile_and_everything_is_turned_on_afterwards(
    went_live: tuple[Sandbox, Path, Run],
) -> None:
    sandbox, folder, run = went_live
    store = HourStore(str(folder / ".audit_assets/hours"))
    assert store.newest(FLAGGED) is None
    assert sandbox.linear.issues() == []
    with instance_in(folder) as instance:
        states = {state.instigator_name: state.status.value for state in instance.all_instigator_state()}
        jobs = {made.job_name for made in instance.get_runs()}
        (made,) = instance.fetch_materializations(dg.AssetKey("axiom_ingest"), limit=1).records
    assert states == dict.fromkeys(AUTOMATION, "RUNNING")
    assert jobs == {"history"}
    assert made.asset_materialization
    assert {"history_loaded", "history_missing", "history_seconds_left"} <= {*made.asset_materialization.metadata}
    assert "They run while this runs: audit-assets dev" in run.output


def test_it_shows_how_far_it_is_and_what_each_budget_would_have_brought(went_live: tuple[Sandbox, Path, Run]) -> None:
    lines = went_live[2].output.splitlines()
    moving = [line for line in lines if line.startswith("History: ")]
    assert any(line.endswith(" left") for line in moving)
    assert moving[-1].startswith("History: 745 of 745 h, ") or moving[-1].startswith("History: 746 of 746 h, ")
    budgets = [line.split(" a day: ")[0].strip() for line in lines if " a day: " in line]
    assert budgets == ["at 0.25", "at 0.5", "at 1", "at 2"]
    shown = lines[lines.index("The 5 most severe of the budget in force are:") + 1 :][:5]
    assert all(line.startswith(("  urgent", "  high")) for line in shown)


def test_started_again_it_loads_what_has_come_since_alone(went_live: tuple[Sandbox, Path, Run]) -> None:
    sandbox, folder, _ = went_live
    again = start(sandbox, folder)
    assert again.exit_code == 0
    assert "The history is there: " in again.output or "History: 74" in again.output
    with instance_in(folder) as instance:
        assert len(instance.get_runs()) <= 34


def test_a_missing_setting_stops_it_before_anything_is_loaded(tmp_path: Path) -> None:
    with serve_sandbox(Sandbox(tmp_path / "sandbox")) as sandbox:
        run = start(sandbox, tmp_path, LINEAR_API_KEY="")
    assert run.exit_code == 1
    assert "Linear: LINEAR_API_KEY is not set" in run.output
    assert "Nothing was loaded. Correct this, then run `audit-assets start` again." in run.output
    assert not (tmp_path / HOME).exists()


def test_a_home_with_invented_entries_is_left_alone(tmp_path: Path) -> None:
    home = tmp_path / HOME
    home.mkdir(parents=True)
    (home / KIND).write_text("invented")
    with serve_sandbox(Sandbox(tmp_path / "sandbox")) as sandbox:
        run = start(sandbox, tmp_path)
    assert run.exit_code == 1
    assert f"{HOME} holds invented entries, and these would be real: name another folder with --home." in run.output
    assert not (home / "dagster").exists()


def test_a_new_machine_loads_what_an_old_dataset_holds_and_stops_at_what_nobody_pulled(tmp_path: Path) -> None:
    newest = newest_settled_hour(datetime.now(UTC))
    first = key_of(newest - HOUR * 6)
    with serve_sandbox(open_world(tmp_path, days=1)) as sandbox:
        for name in ("old", "new"):
            (tmp_path / name).mkdir()
            run = start(sandbox, tmp_path / name, AUDIT_ASSETS_FIRST_HOUR=first)
            assert run.exit_code == 0, run.output
            assert "are turned on: " in run.output
        store = HourStore(str(tmp_path / "new/.audit_assets/hours"))
        pulled = [store.require(ENTRIES, newest - HOUR * back) for back in range(6)]
        event = events_from(next(hour for hour in pulled if hour.height)).row(0, named=True)
        sent = {name: value for name, value in event.items() if value is not None}
        axiom = sandbox.axiom.environment(sandbox.url)
        httpx.post(
            f"{axiom['AXIOM_URL']}/v1/datasets/{axiom['AXIOM_DATASET']}/ingest",
            headers={"Authorization": f"Bearer {axiom['AXIOM_TOKEN']}"},
            json=[{**sent, "_time": newest.isoformat(), "entry_id": "f" * 64}],
        ).raise_for_status()
        run = start(sandbox, tmp_path / "new", AUDIT_ASSETS_FIRST_HOUR=first)
    assert run.exit_code == 1
    assert "holds 1 event more than were pulled, in 1 hour: " in run.output
    assert "Nothing was turned on. Correct this, then run `audit-assets start` again." in run.output


@pytest.fixture
def loading(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Sandbox]:
    """A sandbox with two days, and a home of Dagster's."""
    with serve_sandbox(open_world(tmp_path, days=2)) as sandbox:
        for name, value in sandbox.environment().items():
            monkeypatch.setenv(name, value)
        monkeypatch.setenv("AUDIT_ASSETS_STORAGE", str(tmp_path / "hours"))
        monkeypatch.setenv("DAGSTER_HOME", str(instance_home(tmp_path)))
        monkeypatch.setattr(history_loader, "AT_ONCE", 2)
        yield sandbox


def test_a_day_that_fails_holds_up_no_other_and_is_tried_again(loading: Sandbox) -> None:
    newest = newest_settled_hour(datetime.now(UTC))
    hours, lines, clock = hours_between(newest - HOUR * 25, newest), list[str](), JumpingClock()
    loading.faults.add(Fault("cloudflare", "v2", "wrong_count"))
    loaded = HistoryLoader(lines.append, clock).load(hours, known=700)
    assert (loaded.total, loaded.loaded, loaded.problems) == (726, 726, {})
    (line,) = lines
    assert " could not be loaded: Cloudflare's audit log v2 could not be pulled whole for " in line
    assert line.endswith(" It is tried again when the others are done.")
    assert clock.waits == [history_loader.PAUSE_SECONDS]
    with dg.DagsterInstance.get() as instance:
        assert loaded_hours(instance) == {*hours}


def test_a_new_home_is_set_up_before_several_processes_share_it(loading: Sandbox, tmp_path: Path) -> None:
    """Two of them that did so at once left a database that none could open again."""
    del loading
    HistoryLoader([].append).load([])
    home = instance_home(tmp_path)
    assert (home / "history" / "runs.db").exists()
    assert (home / "history" / "runs" / "index.db").exists()


def test_what_keeps_failing_is_tried_by_the_hour_and_named(loading: Sandbox) -> None:
    newest = newest_settled_hour(datetime.now(UTC))
    midday = newest.replace(hour=3) - timedelta(days=1)
    hours, lines = hours_between(midday, midday + HOUR * 2), list[str]()
    loading.faults.add(Fault("cloudflare", "v2", "wrong_count", times=3))
    loaded = HistoryLoader(lines.append, JumpingClock()).load(hours)
    assert (loaded.loaded, loaded.missing) == (2, 1)
    ((_, problem),) = loaded.problems.items()
    assert "run the hour again" in problem
    assert [line.partition(" could not")[0] for line in lines[:2]] == [f"{midday:%Y-%m-%d}"] * 2
    assert lines[2].partition(" could not")[0] in [key_of(hour) for hour in hours]


def test_runs_that_a_killed_start_left_behind_hold_up_nothing(loading: Sandbox) -> None:
    del loading
    with dg.DagsterInstance.get() as instance:
        job = build_defs().resolve_job_def("history")
        for requested_by in (STARTED_BY, "missing_hours"):
            tags = {REQUESTED_BY: requested_by}
            instance.create_run_for_job(job, tags=tags, status=dg.DagsterRunStatus.STARTED)
        end_left_runs(instance)
        statuses = {run.tags[REQUESTED_BY]: run.status for run in instance.get_runs()}
    assert statuses == {STARTED_BY: dg.DagsterRunStatus.CANCELED, "missing_hours": dg.DagsterRunStatus.STARTED}


@pytest.mark.parametrize("launcher", ["dagster_docker.DockerRunLauncher", "dagster.DefaultRunLauncher"])
def test_it_does_not_load_beside_a_daemon_that_takes_its_runs_for_dead(tmp_path: Path, launcher: str) -> None:
    module, name = launcher.split(".")
    pytest.importorskip(module)
    (tmp_path / "dagster.yaml").write_text(f"run_launcher: {{module: {module}, class: {name}}}")
    now = datetime.now(UTC)
    with dg.DagsterInstance.from_config(str(tmp_path)) as instance:
        refuse_beside_daemon(instance, now)
        instance.add_daemon_heartbeat(DaemonHeartbeat(now.timestamp(), "SENSOR", None))
        with (
            nullcontext()
            if name == "DefaultRunLauncher"
            else pytest.raises(
                HomeError, match=r"sign of life 20 s ago, .* stop it \(it counts as stopped 120 s after its last sign\)"
            )
        ):
            refuse_beside_daemon(instance, now + timedelta(seconds=20))
        refuse_beside_daemon(instance, now + HOUR)  # it was stopped


@pytest.mark.parametrize(
    ("launcher", "words"),
    [
        ("dagster_docker.DockerRunLauncher", "Dagster's daemon runs: start it, if it was stopped."),
        ("dagster.DefaultRunLauncher", "this runs: audit-assets dev --home /elsewhere"),
    ],
)
def test_what_it_turned_on_is_run_by_the_daemon_of_a_deployment_or_by_dev(
    tmp_path: Path, launcher: str, words: str
) -> None:
    module, name = launcher.split(".")
    pytest.importorskip(module)
    (tmp_path / "dagster.yaml").write_text(f"run_launcher: {{module: {module}, class: {name}}}")
    with dg.DagsterInstance.from_config(str(tmp_path)) as instance:
        assert what_runs_it(instance, Path("/elsewhere")) == words


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.4, "0 s"), (59.4, "59 s"), (185, "3 min 5 s"), (7800, "2 h 10 min"), (90_000, "25 h 0 min")],
)
def test_a_time_is_written_as_people_do(seconds: float, text: str) -> None:
    assert describe_time(seconds) == text
