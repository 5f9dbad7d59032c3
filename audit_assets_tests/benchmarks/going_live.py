"""How long a small organisation takes to go live: 31 days, about 25,000 entries, by `audit-assets start`.

    python -m audit_assets_tests.benchmarks.going_live

The sandbox answers without its artificial delays. The processor time is what the command takes on a machine that has
only one core for it; on a free one with more it is done sooner.
"""

import os
import resource
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from audit_assets.config.settings_table import SETTINGS
from audit_assets.sandbox.sandbox_history import open_sandbox
from audit_assets.sandbox.server import Sandbox, serve_sandbox

DAYS = 32
"""A day more than is loaded."""


@dataclass(frozen=True)
class Run:
    """What a command printed and took."""

    exit_code: int
    output: str
    seconds: float
    processor_seconds: float


def open_world(folder: Path, days: int = DAYS) -> Sandbox:
    """The invented organisation, without artificial delays."""
    sandbox, _ = open_sandbox(folder / "sandbox", days=days)
    sandbox.axiom.behaviour.row_delay = sandbox.axiom.behaviour.field_delay = timedelta(0)
    return sandbox


def start(sandbox: Sandbox, folder: Path, **settings: str) -> Run:
    """`audit-assets start` in this folder, as a person runs it."""
    clean = {name: value for name, value in os.environ.items() if name not in SETTINGS and name != "DAGSTER_HOME"}
    environment = {**clean, **sandbox.environment(), "COLUMNS": "200", **settings}
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    made = subprocess.run(
        [sys.executable, "-m", "audit_assets", "start"],
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    processor = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Run(made.returncode, made.stdout, time.monotonic() - began, processor)


def main() -> None:
    """The command."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with serve_sandbox(open_world(folder)) as sandbox:
            run = start(sandbox, folder)
    print(run.output)
    print(f"{run.seconds:.0f} s, of which processor time {run.processor_seconds:.0f} s; exit code {run.exit_code}")


if __name__ == "__main__":
    main()
