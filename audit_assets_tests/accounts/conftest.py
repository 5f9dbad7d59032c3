"""Two accounts as a fixture, at a fixed time of day."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from audit_assets.sandbox.sandbox_clock import SandboxClock
from audit_assets.sandbox.server import Sandbox, serve_sandbox
from audit_assets_tests.accounts.two_accounts import TwoAccounts
from audit_assets_tests.pipeline import Pipeline, environment_of
from audit_assets_tests.support import JumpingClock

NOW = datetime(2026, 11, 22, 10, 20, tzinfo=UTC)


@pytest.fixture
def sandbox(tmp_path: Path) -> Iterator[Sandbox]:
    """The three services, empty, at 10:20."""
    with serve_sandbox(Sandbox(tmp_path / "sandbox", clock=SandboxClock(NOW))) as served:
        yield served


@pytest.fixture
def two(
    sandbox: Sandbox, clock: JumpingClock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[TwoAccounts]:
    """The accounts `prod` and `lab`, with settings that point to the sandbox."""
    made = TwoAccounts(sandbox, clock, tmp_path)
    for name, value in made.environment().items():
        monkeypatch.setenv(name, value)
    with made.instance:
        yield made


@pytest.fixture
def pipeline(
    sandbox: Sandbox, clock: JumpingClock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Pipeline]:
    """One account, with settings that point to the sandbox."""
    for name, value in environment_of(sandbox, tmp_path / "hours").items():
        monkeypatch.setenv(name, value)
    made = Pipeline(sandbox, clock, tmp_path / "hours")
    with made.instance:
        yield made
