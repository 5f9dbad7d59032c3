"""Clients of the sandbox's Linear."""

from collections.abc import Iterator
from typing import Any

import pytest

from audit_assets.linear.client import LinearClient
from audit_assets.sandbox.server import Sandbox
from audit_assets_tests.linear.workspace import Connect
from audit_assets_tests.support import JumpingClock


@pytest.fixture
def connect(sandbox: Sandbox, clock: JumpingClock) -> Iterator[Connect]:
    """Makes clients of the sandbox's Linear."""
    clients: list[LinearClient] = []

    def make(**changes: Any) -> LinearClient:
        known = sandbox.linear.environment(sandbox.url)
        settings: dict[str, Any] = {
            "api_key": known["LINEAR_API_KEY"],
            "team_key": known["LINEAR_TEAM_KEY"],
            "url": known["LINEAR_API_URL"],
            "clock": clock,
        }
        clients.append(LinearClient(**(settings | changes)))
        return clients[-1]

    yield make
    for client in clients:
        client.close()


@pytest.fixture
def client(connect: Connect) -> LinearClient:
    return connect()
