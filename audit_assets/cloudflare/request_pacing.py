"""Paces the requests to Cloudflare: slowly enough never to be blocked, and more slowly when it asks for that.

Documented are 1,200 requests in five minutes over dashboard, key and token together, and a block of five minutes
beyond that (docs/facts/cloudflare.md, 2.8). A burst of 100 and then 3 a second are at most 1,000: the rest is left to
the people who use the same credentials.
"""

import re

from audit_assets.transport.clock import Clock

BURST = 100
PER_SECOND = 3.0

FEW_REMAINING = 20
"""Remaining requests by the Ratelimit header, from which on they are spread over the remaining time. A judgement."""

LONGEST_WINDOW = 300.0
"""Seconds: no limit is documented that counts for longer."""

_REMAINING = re.compile(r";\s*r=([0-9]{1,9})\s*;\s*t=([0-9]{1,9})(?![0-9])")


class RequestPacer:
    """Counts requests, and computes how long each must wait. `share`: of what the token may, if other processes of ours
    use it at the same time."""

    def __init__(self, clock: Clock, share: float = 1.0) -> None:
        self._clock = clock
        self._burst, self._per_second = BURST * share, PER_SECOND * share
        self._tokens = self._burst
        self._counted_at = clock.monotonic()
        self._not_before = float("-inf")

    def book_request(self) -> float:
        """Count one more request; the seconds until it may be sent."""
        now = self._clock.monotonic()
        self._tokens = min(self._burst, self._tokens + (now - self._counted_at) * self._per_second)
        self._counted_at = now
        self._tokens -= 1.0
        return max(0.0, -self._tokens / self._per_second, self._not_before - now)

    def apply_ratelimit(self, ratelimit: str) -> None:
        """Slow down by a `Ratelimit` header such as `"default";r=50;t=30`; it may list several limits."""
        waits = [
            int(seconds) / max(1, int(left))
            for left, seconds in _REMAINING.findall(ratelimit)
            if int(left) <= FEW_REMAINING
        ]
        if waits:
            self._not_before = self._clock.monotonic() + min(LONGEST_WINDOW, max(waits))
