"""When a request is sent again, apart from any client: what is left behind once an attempt has failed for good."""

import gc
import weakref

import pytest

from audit_assets.config.errors import Unavailable
from audit_assets.transport.clock import SystemClock
from audit_assets.transport.retry_policy import HttpLimits, TryAgain, retry_policy


class Body:
    """Stands in for a reply's body: a `bytes` has no weak references."""


def test_the_body_of_a_failed_attempt_is_released_with_its_error() -> None:
    bodies: list[weakref.ref[Body]] = []

    def read() -> None:
        body = Body()
        bodies.append(weakref.ref(body))
        raise ValueError

    def attempt() -> None:
        try:
            read()
        except ValueError:
            raise TryAgain("a body that does not end") from None

    policy = retry_policy(HttpLimits(attempts=1), SystemClock(), lambda _, failure: Unavailable(str(failure)))
    gc.disable()  # it may not run for long: a body is one object, however large
    try:
        with pytest.raises(Unavailable, match="a body that does not end"):
            policy(attempt)
        assert [body() for body in bodies] == [None]
    finally:
        gc.enable()
