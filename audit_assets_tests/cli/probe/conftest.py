"""A sandbox at a fixed time of day, with the settings of a pipeline against it."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from audit_assets.config.settings_table import SETTINGS
from audit_assets.sandbox.sandbox_clock import SandboxClock
from audit_assets.sandbox.server import Sandbox, serve_sandbox
from audit_assets_tests.pipeline import environment_of

NOW = datetime(2026, 11, 22, 18, 20, 7, tzinfo=UTC)


@pytest.fixture
def sandbox(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Sandbox]:
    monkeypatch.chdir(tmp_path)
    for name in SETTINGS:
        monkeypatch.delenv(name, raising=False)
    with serve_sandbox(Sandbox(tmp_path / "sandbox", clock=SandboxClock(NOW))) as served:
        for name, value in environment_of(served, tmp_path / "hours").items():
            monkeypatch.setenv(name, value)
        yield served
