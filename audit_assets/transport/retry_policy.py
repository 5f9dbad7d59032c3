"""When a request is sent again: one rule for every service, run by tenacity on our own clock.

A service's own Retry-After is waited for in full, or reported if that would take too long. Everything else is
retried after a growing random pause, until the attempts or the time are used up.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from email.utils import parsedate_to_datetime

import tenacity

from audit_assets.transport.clock import Clock

LONGEST_PAUSE = 60.0
"""Seconds: the cap of the growing random pause. A judgement."""


@dataclass(frozen=True)
class HttpLimits:
    """How long, how often and how much. The defaults outlast Cloudflare's block of five minutes."""

    attempts: int = 6
    attempt_seconds: float = 120.0
    total_seconds: float = 900.0
    """No attempt begins later than this after the first: so no wait that a service asks for is longer either."""

    body_bytes: int = 64 * 1024 * 1024
    overload_attempts: int | None = None
    """After this many 5xx or unfinished replies in a row, `Overloaded`; None: as many as `attempts`."""


class TryAgain(Exception):
    """This attempt brought no answer, but another one may."""

    final = False
    """Whether the same request would only bring the same again."""

    def __init__(self, reason: str, after: float | None = None) -> None:
        """`after`: the seconds that the service asked us to wait, if it did."""
        super().__init__(reason)
        self.after = after


def retry_policy(limits: HttpLimits, clock: Clock, give_up: Callable[[int, TryAgain], Exception]) -> tenacity.Retrying:
    """Call the result with a function: it is called again for each `TryAgain` that it raises.

    `give_up` builds the error to raise instead of the last `TryAgain`, from the number of attempts and that failure.
    """
    deadline = clock.monotonic() + limits.total_seconds
    random_pause = tenacity.wait_random_exponential(multiplier=2, max=LONGEST_PAUSE)  # so that clients spread out

    def pause(state: tenacity.RetryCallState) -> float:
        return _failure(state).after or random_pause(state)

    def is_over(state: tenacity.RetryCallState) -> bool:
        out_of_time = clock.monotonic() + state.upcoming_sleep > deadline
        return _failure(state).final or state.attempt_number >= limits.attempts or out_of_time

    def raise_error(state: tenacity.RetryCallState) -> None:
        failure = _failure(state)
        error = give_up(state.attempt_number, failure)
        # tenacity leaves the failure in a reference cycle, which would keep its frames and a whole body in memory
        failure.__traceback__ = failure.__context__ = None
        raise error

    return tenacity.Retrying(
        retry=tenacity.retry_if_exception_type(TryAgain),
        wait=pause,
        stop=is_over,
        sleep=clock.sleep,
        retry_error_callback=raise_error,
    )


def _failure(state: tenacity.RetryCallState) -> TryAgain:
    failure = state.outcome.exception() if state.outcome else None
    if not isinstance(failure, TryAgain):
        raise TypeError("only a TryAgain is retried")
    return failure


def retry_after_seconds(headers: Mapping[str, str], now: datetime) -> float | None:
    """Seconds to wait by either form of Retry-After; None without one that can be read."""
    value = headers.get("retry-after", "").strip()
    if re.fullmatch(r"[0-9]+", value):
        return float(value)
    try:
        return max(0.0, (parsedate_to_datetime(value) - now).total_seconds())
    except (ValueError, TypeError, OverflowError):
        return None
