"""The ticket of one very busy actor is written in little memory."""

import subprocess
import sys
from datetime import timedelta
from pathlib import Path

from audit_assets.storage.hour_store import HourStore
from audit_assets.storage.tables import ENTRIES
from audit_assets_tests.axiom.made_entries import entries
from audit_assets_tests.tickets.test_finding_builder import HOUR

CHANGES = 100_000

MOST_MEMORY = 125
"""MB beyond those of a process that imports what it needs: with all columns at once they took 155."""


def test_the_changes_of_a_very_busy_actor_are_not_in_memory_at_once(tmp_path: Path) -> None:
    HourStore(str(tmp_path)).write(ENTRIES, HOUR, entries(CHANGES, at=HOUR, every=timedelta(milliseconds=10)))
    command = [sys.executable, "-m", "audit_assets_tests.defs.steps.memory_of_findings", str(tmp_path)]
    printed = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout  # noqa: S603 - our own
    before, peak, total = map(float, printed.split())
    assert total == CHANGES
    assert peak - before < MOST_MEMORY
