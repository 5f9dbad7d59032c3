"""Clients of the sandbox's Linear."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from audit_assets.defs.steps.ticket_opener import TicketOpener
from audit_assets.linear.client import LinearClient
from audit_assets.sandbox.server import Sandbox
from audit_assets.tickets.lifecycle import QUIET
from audit_assets_tests.linear.workspace import Connect
from audit_assets_tests.support import JumpingClock


@pytest.fixture
def connect(sandbox: Sandbox, clock: JumpingClock) -> Iterator[Connect]:
    """Makes openers of tickets in the sandbox's Linear."""
    openers: list[TicketOpener] = []

    def make(*, quiet: timedelta = QUIET, **changes: Any) -> TicketOpener:
        known = sandbox.linear.environment(sandbox.url)
        settings: dict[str, Any] = {
            "api_key": known["LINEAR_API_KEY"],
            "team_key": known["LINEAR_TEAM_KEY"],
            "url": known["LINEAR_API_URL"],
            "clock": clock,
        }
        openers.append(TicketOpener(LinearClient(**(settings | changes)), quiet))
        return openers[-1]

    yield make
    for opener in openers:
        opener.close()


@pytest.fixture
def client(connect: Connect) -> TicketOpener:
    return connect()
