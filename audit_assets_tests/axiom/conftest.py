"""A client of the sandbox's Axiom."""

from collections.abc import Iterator

import pytest

from audit_assets.axiom.client import AxiomClient
from audit_assets.sandbox.server import Sandbox
from audit_assets_tests.axiom.made import client_of
from audit_assets_tests.support import JumpingClock


@pytest.fixture
def axiom(sandbox: Sandbox, clock: JumpingClock) -> Iterator[AxiomClient]:
    """A client of the classic endpoints."""
    with client_of(sandbox, clock) as client:
        yield client
