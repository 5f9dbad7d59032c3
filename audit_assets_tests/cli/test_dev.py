"""`audit-assets dev`: what it starts sees what it was given, and ends with it."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import dagster as dg
import pytest
from typer.testing import CliRunner

from audit_assets.cli import dev_command
from audit_assets.cli.automation_state import automation_that_is_off
from audit_assets.cli.dagster_home import instance_home
from audit_assets.cli.main import app, main
from audit_assets.cli.stopping import run_until_exit
from audit_assets.config.settings_table import SETTINGS
from audit_assets.definitions import defs
from audit_assets.guard.start_token import TOKEN_VARIABLE
from audit_assets.sandbox.server import bound_socket
from audit_assets_tests.support import free_port

REQUIRED = {
    "CLOUDFLARE_API_TOKEN": "c",
    "CLOUDFLARE_ACCOUNT_ID": "0" * 32,
    "AXIOM_TOKEN": "a",
    "AXIOM_ORG_ID": "acme",
    "LINEAR_API_KEY": "l",
    "LINEAR_TEAM_KEY": "SEC",
}


@pytest.fixture(autouse=True)
def _required(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (*SETTINGS, "DAGSTER_HOME"):
        monkeypatch.delenv(name, raising=False)
    for name, value in REQUIRED.items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def started(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[dict[str, str]]:
    """The environments with which something was started, none of which really was."""
    environments: list[dict[str, str]] = []
    monkeypatch.setattr(
        dev_command, "run_until_exit", lambda _command, environment, _home: environments.append(environment) or 0
    )
    monkeypatch.chdir(tmp_path)
    return environments


def dev(*arguments: str) -> int:
    """Run it as a person does, on a port that is free; returns the exit code."""
    if "--port" not in arguments:
        arguments = (*arguments, "--port", free_port())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["audit-assets", "dev", *arguments])
        patch.setenv("COLUMNS", "300")
        with pytest.raises(SystemExit) as ended:
            main()
    code = ended.value.code
    return code if isinstance(code, int) else 0


def sentences(capsys: pytest.CaptureFixture[str]) -> list[str]:
    return " ".join(capsys.readouterr().err.split()).split("audit-assets: ")[1:]


def test_every_missing_setting_is_named_in_a_sentence_before_anything_starts(
    started: list[dict[str, str]], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("AXIOM_TOKEN")
    monkeypatch.delenv("LINEAR_TEAM_KEY")
    monkeypatch.setenv("CLOUDFLARE_ACCOUNT_ID", "Harbourline")
    monkeypatch.setenv("AUDIT_ASSETS_POLICY", "missing.toml")
    assert dev() == 1
    account, token, team, policy = sentences(capsys)
    assert account.startswith("CLOUDFLARE_ACCOUNT_ID is not 32 hex digits")
    assert token.startswith("AXIOM_TOKEN is not set: set it to the API token that may ingest into and query")
    assert team.strip() == (
        "LINEAR_TEAM_KEY is not set: set it to the key of the team that gets the tickets, such as SEC, or add linear "
        "to --sandbox."
    )
    assert "missing.toml" in policy
    assert started == []
    assert not Path(".audit_assets").exists()


def test_without_dagsters_web_server_the_extra_is_named(
    started: list[dict[str, str]], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(dev_command, "find_spec", lambda _name: None)
    assert dev() == 1
    (sentence,) = sentences(capsys)
    assert "needs the package dagster-webserver: pip install 'audit-assets[ui]'. Without it a code server" in sentence
    assert started == []


def test_what_is_taken_from_the_sandbox_needs_no_settings(
    started: list[dict[str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in REQUIRED:
        monkeypatch.delenv(name)
    assert dev("--sandbox", "cloudflare,axiom,linear") == 0
    assert started[0]["LINEAR_API_URL"].startswith("http://127.0.0.1:")
    assert Path(started[0]["DAGSTER_HOME"]) == Path(".audit_assets/sandbox/dagster").absolute()


def test_a_dry_run_needs_no_linear(started: list[dict[str, str]], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LINEAR_API_KEY")
    monkeypatch.setenv("LINEAR_DRY_RUN", "1")
    assert dev() == 0
    assert started


@pytest.mark.parametrize(
    ("services", "real"),
    [("cloudflare", "axiom or linear"), ("cloudflare,linear", "axiom"), ("cloudflare,axiom", "linear")],
)
def test_invented_entries_reach_no_real_service(
    started: list[dict[str, str]], capsys: pytest.CaptureFixture[str], services: str, real: str
) -> None:
    assert dev("--sandbox", services) == 1
    (sentence,) = sentences(capsys)
    assert sentence.startswith(
        f"The sandbox's Cloudflare serves invented entries, which must not reach your real {real}:"
    )
    assert started == []


def test_invented_entries_reach_no_channel_model_or_other_instance(
    started: list[dict[str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    real = {
        "AUDIT_ASSETS_WEBHOOK_URL": "https://hooks.example",
        "AUDIT_ASSETS_TRIAGE_MODEL": "gpt",
        "AUDIT_ASSETS_CHANNEL_PAGER": "pagerduty://a@b",
        "AUDIT_ASSETS_HEARTBEAT_URL": "https://hc.example",
        "AXIOM_FINDINGS_DATASET": "findings",
        "DAGSTER_HOME": "/srv/dagster",
    }
    for name, value in real.items():
        monkeypatch.setenv(name, value)
    assert dev("--sandbox", "cloudflare,axiom,linear") == 0
    assert not {name: value for name, value in real.items() if started[0].get(name) == value}


def test_the_hours_lie_in_the_store_that_is_set_unless_services_are_the_sandbox_s(
    started: list[dict[str, str]], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    real = str(Path("real").absolute())
    monkeypatch.setenv("AUDIT_ASSETS_STORAGE", real)
    assert dev() == 0
    assert "not used" not in capsys.readouterr().err
    assert dev("--sandbox", "linear") == 0
    own = Path(".audit_assets/sandbox-linear/hours")
    assert f"AUDIT_ASSETS_STORAGE is not used: services are the sandbox's, so its hours lie in {own}." in " ".join(
        capsys.readouterr().err.split()
    )
    assert [environment["AUDIT_ASSETS_STORAGE"] for environment in started] == [real, str(own.absolute())]
    assert [*Path("real").iterdir()] == [], "nothing of the sandbox's is in the store that was set"


def test_invented_and_real_entries_are_never_in_one_home(
    started: list[dict[str, str]], capsys: pytest.CaptureFixture[str]
) -> None:
    assert dev("--sandbox", "cloudflare,axiom,linear", "--home", "home") == 0
    capsys.readouterr()
    assert dev("--sandbox", "axiom,linear", "--home", "home") == 1
    assert [each.strip() for each in sentences(capsys)] == [
        "home holds invented entries, and these would be real (with the sandbox's axiom and linear): name another "
        "folder with --home."
    ]
    assert len(started) == 1


def test_hours_that_are_done_in_the_sandbox_are_never_taken_for_done_in_the_real_services(
    started: list[dict[str, str]], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    real = str(Path("real").absolute())
    monkeypatch.setenv("DAGSTER_HOME", real)
    assert [dev("--sandbox", "linear,axiom"), dev("--sandbox", "linear"), dev()] == [0, 0, 0]
    homes = [environment["DAGSTER_HOME"] for environment in started]
    kept = Path(".audit_assets").absolute()
    assert homes == [str(kept / "sandbox-axiom-linear/dagster"), str(kept / "sandbox-linear/dagster"), real]
    capsys.readouterr()
    assert dev("--home", ".audit_assets/sandbox-linear") == 1
    assert "holds real (with the sandbox's linear) entries, and these would be real" in sentences(capsys)[0]


@pytest.mark.parametrize("named", ["--home", "AUDIT_ASSETS_STORAGE", "DAGSTER_HOME"])
def test_a_folder_that_can_not_be_written_is_one_sentence(
    started: list[dict[str, str]],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    named: str,
) -> None:
    Path("file").touch()
    arguments = ["--home", "file/home"] if named == "--home" else []
    if not arguments:
        monkeypatch.setenv(named, "file/folder")
    assert dev(*arguments) == 1
    (sentence,) = sentences(capsys)
    assert "file/" in sentence
    assert "Not a directory" in sentence
    assert started == []


def test_a_port_in_use_is_refused_before_anything_starts(
    started: list[dict[str, str]], capsys: pytest.CaptureFixture[str]
) -> None:
    with bound_socket() as taken:
        taken.listen()
        port = str(taken.getsockname()[1])
        assert dev("--port", port) == 1
    assert [each.strip() for each in sentences(capsys)] == [
        f"127.0.0.1:{port} can't be listened on (Address already in use): choose another --port."
    ]
    assert started == []
    assert not Path(".audit_assets").exists()


def test_what_is_to_be_turned_on_is_named_until_it_is() -> None:
    with dg.instance_for_test() as instance:
        repository = defs.get_repository_def()
        everything = [each for each in (*repository.schedule_defs, *repository.sensor_defs) if each.name != "every_day"]
        off = automation_that_is_off(instance)
        assert len(off) == len(everything)
        assert all(any(each.name in words for words in off) for each in everything)


def test_a_run_logs_no_debug_lines_in_the_terminal(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    @dg.op
    def log(context: dg.OpExecutionContext) -> None:
        context.log.info("an hour was pulled")

    job = dg.GraphDefinition("one", node_defs=[log]).to_job()
    with dg.DagsterInstance.from_config(str(instance_home(tmp_path))) as instance:
        assert job.execute_in_process(instance=instance).success
    shown = capfd.readouterr().err
    assert "an hour was pulled" in shown
    assert "DEBUG" not in shown


def test_the_exit_code_is_that_of_the_child(tmp_path: Path) -> None:
    before = signal.getsignal(signal.SIGTERM)
    try:
        assert run_until_exit([sys.executable, "-c", "raise SystemExit(3)"], dict(os.environ), tmp_path / "home") == 3
    finally:
        signal.signal(signal.SIGTERM, before)


def test_it_runs_where_no_env_file_can_override_what_it_is_given(tmp_path: Path) -> None:
    before = signal.getsignal(signal.SIGTERM)
    look = "import os, pathlib; raise SystemExit(pathlib.Path('.env').exists() or os.environ['AXIOM_URL'] != 'given')"
    (tmp_path / ".env").write_text("AXIOM_URL=of a real account")
    environment = {**os.environ, "AXIOM_URL": "given"}
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path)
        try:
            assert run_until_exit([sys.executable, "-c", look], environment, tmp_path / "home") == 0
        finally:
            signal.signal(signal.SIGTERM, before)


def test_the_tickets_of_its_runs_lead_to_its_own_address(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[dict[str, str]] = []
    monkeypatch.setattr(
        dev_command, "run_until_exit", lambda _command, environment, _home: given.append(environment) or 0
    )
    monkeypatch.delenv("AUDIT_ASSETS_DAGSTER_URL", raising=False)
    monkeypatch.chdir(tmp_path)
    assert CliRunner().invoke(app, ["dev", "--port", "3456"]).exit_code == 0
    monkeypatch.setenv("AUDIT_ASSETS_DAGSTER_URL", "https://dagster.example.com")
    assert CliRunner().invoke(app, ["dev", "--port", free_port()]).exit_code == 0
    urls = [environment["AUDIT_ASSETS_DAGSTER_URL"] for environment in given]
    assert urls == ["http://127.0.0.1:3456", "https://dagster.example.com"]


@pytest.mark.parametrize(
    ("given", "used"),
    [("mine", "{here}/mine"), (".", "{here}"), ("~/dagster", "{home}/dagster"), ("{home}/d", "{here}/d")],
)
def test_a_home_of_dagster_may_be_relative(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, given: str, used: str
) -> None:
    """Dagster takes an absolute one only, and runs in another folder (dagster-io/dagster#2609)."""
    started: list[dict[str, str]] = []
    monkeypatch.setattr(
        dev_command, "run_until_exit", lambda _command, environment, _home: started.append(environment) or 0
    )
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    Path(".env").write_text(f"DAGSTER_HOME={given.format(home=tmp_path)}")
    assert CliRunner().invoke(app, ["dev", "--port", free_port()]).exit_code == 0
    assert started[0]["DAGSTER_HOME"] == used.format(here=tmp_path, home=tmp_path / "home")


@pytest.mark.skipif(os.name != "posix", reason="signals are of POSIX")
def test_it_stops_dagster_when_it_is_terminated(tmp_path: Path) -> None:
    script = (
        "import os, pathlib, sys\n"
        "from audit_assets.cli.stopping import run_until_exit\n"
        "child = 'import os, pathlib, time; pathlib.Path(\"pid\").write_text(str(os.getpid())); time.sleep(60)'\n"
        "sys.exit(abs(run_until_exit([sys.executable, '-c', child], dict(os.environ), pathlib.Path(sys.argv[1]))))\n"
    )
    with subprocess.Popen([sys.executable, "-c", script, str(tmp_path)]) as parent:  # noqa: S603 - no part of it is untrusted
        pid = tmp_path / "pid"
        while not (pid.exists() and pid.read_text()):
            time.sleep(0.05)
        parent.terminate()
        assert parent.wait(timeout=30) == signal.SIGTERM
    with pytest.raises(ProcessLookupError):
        os.kill(int(pid.read_text()), 0)


def test_a_port_that_is_taken_is_one_sentence(tmp_path: Path) -> None:
    with bound_socket() as taken:
        taken.listen()
        port = str(taken.getsockname()[1])
        command = [sys.executable, "-m", "audit_assets.cli.dagster_services", port]
        environment = {**os.environ, TOKEN_VARIABLE: "any", "DAGSTER_HOME": str(tmp_path), "COLUMNS": "200"}
        ended = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)  # noqa: S603
    sentence = f"audit-assets: 127.0.0.1:{port} can't be listened on (Address already in use): choose another --port."
    assert (ended.returncode, ended.stdout, ended.stderr.strip()) == (1, "", sentence)


def test_the_token_is_no_argument_that_other_users_of_the_machine_see(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: list[tuple[list[str], str]] = []
    monkeypatch.setattr(
        dev_command,
        "run_until_exit",
        lambda command, environment, _home: given.append((command, environment[TOKEN_VARIABLE])) or 0,
    )
    monkeypatch.chdir(tmp_path)
    for _ in range(2):
        assert CliRunner().invoke(app, ["dev", "--port", free_port()]).exit_code == 0
    tokens = [token for _, token in given]
    assert len(set(tokens)) == 2
    assert all(len(token) >= 43 and token not in " ".join(command) for command, token in given)
