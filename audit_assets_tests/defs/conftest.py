"""The pipeline as a fixture, at a fixed time of day."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from audit_assets.defs.steps.watch_rules import load_watch_rules
from audit_assets.sandbox.sandbox_clock import SandboxClock
from audit_assets.sandbox.server import Sandbox, serve_sandbox
from audit_assets_tests.pipeline import Pipeline, environment_of
from audit_assets_tests.support import JumpingClock

NOW = datetime(2026, 11, 22, 10, 20, tzinfo=UTC)


@pytest.fixture
def sandbox(tmp_path: Path) -> Iterator[Sandbox]:
    """The three services, empty, at 10:20."""
    with serve_sandbox(Sandbox(tmp_path / "sandbox", clock=SandboxClock(NOW))) as served:
        yield served


@pytest.fixture
def pipeline(
    sandbox: Sandbox, clock: JumpingClock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Pipeline]:
    """The assets with settings that point to the sandbox."""
    for name, value in environment_of(sandbox, tmp_path / "hours").items():
        monkeypatch.setenv(name, value)
    made = Pipeline(sandbox, clock, tmp_path / "hours")
    with made.instance:
        yield made


@pytest.fixture
def without_watch_rules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No watch rule alerts: for tests of what baselines find in bursts that the default pack is about as well."""
    own = tmp_path / "no_rules.toml"
    rules = load_watch_rules().rule
    own.write_text("".join(f'[[rule]]\nname = "{rule.name}"\nenabled = false\n' for rule in rules))
    monkeypatch.setenv("AUDIT_ASSETS_WATCH", str(own))
