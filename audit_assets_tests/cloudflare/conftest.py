"""One sandbox for all tests of this folder, made new for each: starting one takes longer than most of them."""

from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta

import pytest

from audit_assets.cloudflare.audit_log_client import CloudflareClient
from audit_assets.sandbox.cloudflare.cloudflare_service import CloudflareService
from audit_assets.sandbox.server import Sandbox, serve_sandbox
from audit_assets_tests.cloudflare.clients import client_of
from audit_assets_tests.cloudflare.samples import HOUR
from audit_assets_tests.support import JumpingClock


@pytest.fixture(scope="session")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    """The services on loopback, for as long as the tests go on."""
    with serve_sandbox(Sandbox(tmp_path_factory.mktemp("sandbox"))) as sandbox:
        yield sandbox


@pytest.fixture
def sandbox(served: Sandbox) -> Sandbox:
    """The sandbox with an empty and well-behaved Cloudflare, a day after the hour that the tests speak of."""
    served.shared.clock.advance(HOUR + timedelta(days=1) - served.shared.clock.now())
    served.shared.calls.clear()
    served.faults.clear()
    vars(served.cloudflare).update(vars(CloudflareService(served.shared, served.faults)))
    return served


@pytest.fixture
def client(sandbox: Sandbox, clock: JumpingClock) -> Iterator[CloudflareClient]:
    """A client of the sandbox."""
    with closing(client_of(sandbox, clock)) as connected:
        yield connected
