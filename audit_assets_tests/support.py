"""What tests share: a clock whose waits take no time, the way to a sandbox's clock, and a larger stack."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, urlsplit

from audit_assets.guard.start_token import PARAMETER, address_with_token
from audit_assets.sandbox.sandbox_clock import SandboxClock
from audit_assets.sandbox.server import Sandbox, bound_socket


def clock_address(sandbox: Sandbox) -> str:
    """Where another process reads and advances the sandbox's clock, with the token."""
    return address_with_token(f"{sandbox.url}/sandbox/clock", sandbox.token)


def bearer(address: str) -> dict[str, str]:
    """The header of a program that was given an address with a token."""
    return {"Authorization": f"Bearer {parse_qs(urlsplit(address).query)[PARAMETER][0]}"}


def free_port() -> str:
    """A port for `dev`, whatever listens on its default one here."""
    with bound_socket() as free:
        return str(free.getsockname()[1])


class JumpingClock:
    """Returns from every wait at once, having moved itself and the sandbox's clock by as much."""

    def __init__(self, sandbox: SandboxClock | None = None) -> None:
        self.sandbox = sandbox
        self.waits: list[float] = []

    def now(self) -> datetime:
        if self.sandbox:
            return self.sandbox.now()
        return datetime.now(UTC) + timedelta(seconds=sum(self.waits))

    def monotonic(self) -> float:
        return time.monotonic() + sum(self.waits)

    def sleep(self, seconds: float) -> None:
        self.waits.append(seconds)
        if self.sandbox:
            self.sandbox.advance(timedelta(seconds=seconds))


@contextmanager
def more_stack(levels: int = 2_000) -> Iterator[None]:
    """So much more of Python's stack, as another process, another Python or a library (hypothesis is one) allows it."""
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(limit + levels)
    try:
        yield
    finally:
        sys.setrecursionlimit(limit)
