"""The sandbox as a program of its own: what it prints, and how it ends."""

import json
import os
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from audit_assets.sandbox.server import bound_socket
from audit_assets_tests.sandbox.cloudflare_calls import v2_entry

PROGRAM = [sys.executable, "-m", "audit_assets.sandbox"]


@contextmanager
def started(data: Path, *more: str) -> Iterator[tuple[subprocess.Popen[str], dict[str, str]]]:
    """The running program and the settings that it printed."""
    command = [*PROGRAM, "--port", "0", "--data", str(data), "--history-days", "1", *more]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as program:  # noqa: S603 - our own program
        try:
            assert program.stdout
            line = program.stdout.readline()
            yield program, dict(word.split("=", 1) for word in shlex.split(line) if "=" in word)
        finally:
            program.kill()


def refused(*arguments: str) -> tuple[int, str]:
    """The exit code of the program, and its standard error."""
    ended = subprocess.run([*PROGRAM, *arguments], capture_output=True, text=True, timeout=60, check=False)  # noqa: S603
    assert ended.stdout == ""
    return ended.returncode, ended.stderr


def listed(settings: dict[str, str], **asked: Any) -> list[dict[str, Any]]:
    """A page of v2 of the sandbox that runs with these settings."""
    window = {"since": "2020-01-01", "before": "2100-01-01", "direction": "asc", "limit": 1000}
    reply = httpx.get(
        f"{settings['CLOUDFLARE_API_URL']}/accounts/{settings['CLOUDFLARE_ACCOUNT_ID']}/logs/audit",
        params={**window, **asked},
        headers={"Authorization": f"Bearer {settings['CLOUDFLARE_API_TOKEN']}"},
        trust_env=False,
    )
    return reply.json()["result"]


def test_it_serves_until_stopped_and_a_restart_serves_the_same(tmp_path: Path) -> None:
    with started(tmp_path / "data") as (program, settings):
        assert {"AXIOM_URL", "LINEAR_API_URL"} < settings.keys()
        tickets = program.stdout.readline().split()[-1] if program.stdout else ""
        assert "No ticket was opened yet" in httpx.get(tickets, follow_redirects=True, trust_env=False).text
        first = listed(settings)
        program.send_signal(signal.SIGTERM)
        assert program.wait(timeout=30) == 0
    with started(tmp_path / "data") as (program, settings):
        assert [entry["id"] for entry in listed(settings)] == [entry["id"] for entry in first]
        program.send_signal(signal.SIGINT)
        assert program.wait(timeout=30) == 0


def test_it_serves_a_file(tmp_path: Path) -> None:
    file = tmp_path / "entries.ndjson"
    file.write_text("\n".join(json.dumps(v2_entry(number)) for number in range(3)), encoding="utf-8")
    with started(tmp_path / "data", "--entries", str(file)) as (_, settings):
        assert listed(settings) == [v2_entry(number) for number in range(3)]


def test_a_port_that_is_taken_is_one_sentence(tmp_path: Path) -> None:
    with bound_socket() as taken:
        taken.listen()
        port = str(taken.getsockname()[1])
        code, output = refused("--port", port, "--data", str(tmp_path / "data"), "--history-days", "1")
    assert (code, output.count("\n")) == (1, 1)
    assert f"127.0.0.1:{port} can't be listened on" in output


def test_a_file_that_can_not_be_served_is_one_sentence(tmp_path: Path) -> None:
    code, output = refused("--port", "0", "--data", str(tmp_path / "data"), "--entries", str(tmp_path / "missing"))
    assert (code, output.count("\n")) == (1, 1)
    assert "missing can't be read: No such file" in output


@pytest.mark.skipif(os.name != "posix", reason="a directory can't be a file elsewhere either, but the error differs")
def test_a_directory_that_can_not_be_used_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("a file")
    code, output = refused("--port", "0", "--data", str(tmp_path / "data"))
    assert (code, output.count("\n")) == (1, 1)
    assert "can't be used as its directory" in output


def test_without_its_extra_it_names_the_command_that_installs_it() -> None:
    without = (
        "import runpy, sys; sys.modules['duckdb'] = None; runpy.run_module('audit_assets.sandbox', None, '__main__')"
    )
    ended = subprocess.run([sys.executable, "-c", without], capture_output=True, text=True, check=False)  # noqa: S603
    needs = "The sandbox needs the package duckdb: pip install 'audit-assets[sandbox]'.\n"
    assert (ended.returncode, ended.stderr) == (1, needs)
