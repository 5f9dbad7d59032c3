"""A sandbox whose Axiom is empty for each test, started once: starting one takes longer than most tests here."""

from collections.abc import Iterator

import pytest

from audit_assets.axiom.client import AxiomClient
from audit_assets.sandbox.axiom.axiom_behaviour import AxiomBehaviour
from audit_assets.sandbox.axiom.axiom_service import DATASET
from audit_assets.sandbox.server import Sandbox, serve_sandbox
from audit_assets_tests.axiom.made_entries import client_of
from audit_assets_tests.support import JumpingClock


@pytest.fixture(scope="package")
def _served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    with serve_sandbox(Sandbox(tmp_path_factory.mktemp("sandbox"))) as served:
        yield served


@pytest.fixture
def sandbox(_served: Sandbox) -> Sandbox:
    """The sandbox, with an empty dataset, no faults and no calls noted."""
    _served.faults.clear()
    _served.axiom.behaviour = AxiomBehaviour()
    store, now = _served.axiom.store, _served.shared.clock.now()
    store.delete(DATASET)
    store.create(DATASET, "", _served.axiom.behaviour.retention_days, now)
    _served.shared.calls.clear()
    return _served


@pytest.fixture
def axiom(sandbox: Sandbox, clock: JumpingClock) -> Iterator[AxiomClient]:
    """A client of the classic endpoints."""
    with client_of(sandbox, clock) as client:
        yield client
