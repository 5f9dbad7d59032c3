"""`audit-assets dev`: what it starts sees what it was given, and ends with it."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from typer.testing import CliRunner

from audit_assets.cli import dev_command
from audit_assets.cli.dev_command import run_until_exit
from audit_assets.cli.main import app
from audit_assets.guard.start_token import TOKEN_VARIABLE
from audit_assets.sandbox.server import bound_socket


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
    assert CliRunner().invoke(app, ["dev"]).exit_code == 0
    urls = [environment["AUDIT_ASSETS_DAGSTER_URL"] for environment in given]
    assert urls == ["http://127.0.0.1:3456", "https://dagster.example.com"]


@pytest.mark.parametrize(
    ("given", "used"), [("mine", "{here}/mine"), (".", "{here}"), ("~/dagster", "{home}/dagster"), ("/srv/d", "/srv/d")]
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
    Path(".env").write_text(f"DAGSTER_HOME={given}")
    assert CliRunner().invoke(app, ["dev"]).exit_code == 0
    assert started[0]["DAGSTER_HOME"] == used.format(here=tmp_path, home=tmp_path / "home")


@pytest.mark.skipif(os.name != "posix", reason="signals are of POSIX")
def test_it_stops_dagster_when_it_is_terminated(tmp_path: Path) -> None:
    script = (
        "import os, pathlib, sys\n"
        "from audit_assets.cli.dev_command import run_until_exit\n"
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
        assert CliRunner().invoke(app, ["dev"]).exit_code == 0
    tokens = [token for _, token in given]
    assert len(set(tokens)) == 2
    assert all(len(token) >= 43 and token not in " ".join(command) for command, token in given)
