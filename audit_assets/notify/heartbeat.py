"""Calls an address that notices when the calls stop: a dead man's switch, such as those of monitoring services.

One GET without any content. The address itself is a secret (most hold a token), so no error repeats it.
"""

from audit_assets.config.errors import Refused
from audit_assets.transport.clock import Clock
from audit_assets.transport.http import BoundedHttpClient, HttpLimits, Reply

LIMITS = HttpLimits(attempts=3, attempt_seconds=10.0, total_seconds=30.0, body_bytes=64 * 1024)
"""An address that is down must not delay the hour: the next hour calls again. A judgement."""

SUCCESS = range(200, 300)


def send_heartbeat(url: str, *, clock: Clock | None = None) -> None:
    """Call the address.

    Raises `Refused` for one that can't be used or an answer that is no success, `Unavailable` for none in time.
    """
    with BoundedHttpClient(
        service="The heartbeat address", base_url=url, headers={}, clock=clock, limits=LIMITS, secret_address=True
    ) as client:
        client.exchange("GET", url, read=_check_success)


def _check_success(reply: Reply) -> None:
    if reply.status not in SUCCESS:
        raise Refused(f"The heartbeat address answered HTTP {reply.status}: correct AUDIT_ASSETS_HEARTBEAT_URL.")
