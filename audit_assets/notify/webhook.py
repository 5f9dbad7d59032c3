"""Hands an hour's summary to whoever wants it: one POST of the JSON object to an address that the team sets.

The address itself may be a secret (chat services put a token into it), so that no error repeats it.
"""

from collections.abc import Mapping
from typing import Any

from audit_assets.config.errors import Refused
from audit_assets.transport.clock import Clock
from audit_assets.transport.http import BoundedHttpClient, HttpLimits, Reply

LIMITS = HttpLimits(attempts=4, attempt_seconds=30.0, total_seconds=120.0, body_bytes=1024 * 1024)
"""A receiver that is down must not hold the hour up for long: it is tried again when the hour is run again."""

SUCCESS = range(200, 300)


def post(summary: Mapping[str, Any], url: str, *, clock: Clock | None = None) -> None:
    """POST a summary as JSON. The receiver may get it twice: it has version and hour to tell by.

    Raises `Refused` for an address that can't be used or an answer that is no success, `Unavailable` for none in time.
    """
    with BoundedHttpClient(service="The webhook", base_url=url, headers={}, clock=clock, limits=LIMITS) as transport:
        transport.exchange("POST", url, read=_accepted, json=summary)


def _accepted(reply: Reply) -> None:
    if reply.status not in SUCCESS:
        raise Refused(f"The webhook answered HTTP {reply.status}: correct AUDIT_ASSETS_WEBHOOK_URL or its receiver.")
