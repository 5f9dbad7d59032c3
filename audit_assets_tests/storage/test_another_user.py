"""Another user of the machine reads nothing: tried as one, on what the commands leave behind with an open umask."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import httpx
import polars as pl
import pytest

from audit_assets.sandbox.axiom.axiom_service import DATASET
from audit_assets.storage.hour_store import HourStore
from audit_assets_tests.cli.running_dev import RunningDev, running_dev

HOUR = datetime(2026, 11, 22, 10, tzinfo=UTC)

SOMEBODY = "nobody"
"""Every Linux has this user."""

READ = """while IFS= read -r path; do
  if [ -d "$path" ]; then ls "$path"; else head -c 1 "$path"; fi >/dev/null 2>&1 && echo "$path"
done; exit 0"""
"""Prints the paths of its input that it can read."""


def why_not() -> str:
    """Why nothing can be tried as another user here; empty if it can."""
    if os.name == "nt" or os.geteuid() != 0:
        return "only root can become another user"
    try:
        read_by_somebody([])
    except (LookupError, OSError, ValueError) as error:
        return f"no process can be started as {SOMEBODY!r} here: {error}"
    return ""


def read_by_somebody(paths: list[Path]) -> list[Path]:
    """Which of these another user can list or read."""
    run = subprocess.run(  # noqa: S603 - our own words
        ["/bin/sh", "-c", READ],
        input="".join(f"{path}\n" for path in paths),
        capture_output=True,
        text=True,
        user=SOMEBODY,
        group=_group(),
        extra_groups=[],
        cwd="/",
        check=True,
    )
    return [Path(line) for line in run.stdout.splitlines()]


def _group() -> int:
    import pwd  # noqa: PLC0415 - Windows has none

    return pwd.getpwnam(SOMEBODY).pw_gid


pytestmark = pytest.mark.skipif(bool(reason := why_not()), reason=reason or "it can be tried")


@pytest.fixture(scope="module")
def open_folder() -> Iterator[Path]:
    """A folder that everybody can enter and list, and a umask that takes nothing away."""
    before = os.umask(0)
    with tempfile.TemporaryDirectory() as made:
        Path(made).chmod(0o755)
        yield Path(made)
    os.umask(before)


@pytest.fixture(scope="module")
def dev(open_folder: Path) -> Iterator[RunningDev]:
    """`dev` running on the sandbox, beside hours and pages as the pipeline and the commands write them."""
    store = HourStore(str(open_folder / "hours"))
    store.write("raw_audit_entries", HOUR, pl.DataFrame({"raw": ["{}"]}))
    store.write_json("flagged_actor_summary", HOUR, {})
    events = [f"2026-09-{day:02}T10:00:00Z,anne,user,zone" for day in range(1, 29)]
    (open_folder / "events.csv").write_text("\n".join(["time,actor,actor_type,resource_type", *events]))
    (open_folder / "events.csv").chmod(0o600)  # the person's own
    environment = {**os.environ, "AXIOM_TOKEN": "xaat-0", "AXIOM_ORG_ID": "o"}
    for command in (
        ["axiom", "dashboard", "board.json"],
        ["backtest", "events.csv", "--chart", "chart.html", "--out", "scores.parquet"],
    ):
        started = [sys.executable, "-m", "audit_assets", *command]
        subprocess.run(started, cwd=open_folder, env=environment, capture_output=True, check=True)  # noqa: S603
    with running_dev(open_folder) as running:
        yield running


def test_what_somebody_can_read_is_found(open_folder: Path) -> None:
    """The test itself: a file that is open to all is read, and one that is not is not."""
    shown, hidden = open_folder / "shown", open_folder / "hidden"
    shown.write_text("x")
    hidden.write_text("x")
    hidden.chmod(0o600)
    assert read_by_somebody([open_folder, shown, hidden]) == [open_folder, shown]
    shown.unlink()
    hidden.unlink()


def test_another_user_reads_no_file_and_lists_no_folder(open_folder: Path, dev: RunningDev) -> None:
    assert dev.graphql("{version}")
    left = [path for path in open_folder.rglob("*") if not path.is_socket()]
    assert {"board.json", "chart.html", "scores.parquet", "hours", "home"} <= {path.name for path in left}
    assert {".parquet", ".json", ".html", ".db", ".yaml"} <= {path.suffix for path in left if path.is_file()}
    assert read_by_somebody(left) == []


def test_the_services_on_loopback_are_for_nobody_without_their_credentials(dev: RunningDev) -> None:
    """Their ports are open to all users, and what they serve may be real entries."""
    root = dev.tickets.partition("/sandbox")[0]
    guesses = (
        "Bearer sandbox-cloudflare-no-secret",
        "Bearer xaat-00000000-0000-4000-8000-000000000000",
        "lin_api_sandbox",
    )
    for guess in guesses:
        asked = {"headers": {"authorization": guess}, "trust_env": False}
        account = "5a11db0c0ffee0ddba11ad0be5eab1e5"
        window = "since=2026-01-01T00:00:00Z&before=2026-01-01T01:00:00Z"
        replies = [
            httpx.get(f"{root}/client/v4/accounts/{account}/logs/audit?{window}", **asked),
            httpx.get(f"{root}/client/v4/accounts/{account}/audit_logs?{window}", **asked),
            httpx.get(f"{root}/v2/datasets", **asked),
            httpx.post(f"{root}/v1/datasets/_apl?format=tabular", json={"apl": f"['{DATASET}'] | limit 1"}, **asked),
            httpx.post(f"{root}/graphql", json={"query": "{viewer {name}}"}, **asked),
        ]
        assert {reply.status_code for reply in replies} <= {401, 403}
    assert httpx.get(dev.url, trust_env=False).status_code == 403
    shown = subprocess.run(
        ["/bin/sh", "-c", "cat /proc/*/cmdline /proc/*/environ 2>/dev/null | tr '\\0' '\\n'; exit 0"],
        capture_output=True,
        text=True,
        errors="replace",
        user=SOMEBODY,
        group=_group(),
        extra_groups=[],
        check=True,
    )
    assert dev.token not in shown.stdout
