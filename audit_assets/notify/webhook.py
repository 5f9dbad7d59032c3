"""Sends something to a team's webhook: one POST of JSON, such as the summary of an hour, or its findings as OCSF has
them (ocsf.py).

The address itself may be a secret (chat services put a token into it), so no error repeats it.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from audit_assets.config.errors import Refused
from audit_assets.transport.clock import Clock
from audit_assets.transport.http import BoundedHttpClient, HttpLimits, Reply

LIMITS = HttpLimits(attempts=4, attempt_seconds=30.0, total_seconds=120.0, body_bytes=1024 * 1024)
"""A receiver that is down must not delay the hour for long: the hour's next run sends again. A judgement."""

SUCCESS = range(200, 300)


IN_SECONDS = HttpLimits(attempts=1, attempt_seconds=10.0, total_seconds=10.0, body_bytes=1024 * 1024)
"""Of what is sent again in minutes if it was not taken."""


def post_json(
    content: Mapping[str, Any] | Sequence[Mapping[str, Any]],
    url: str,
    *,
    clock: Clock | None = None,
    limits: HttpLimits = LIMITS,
) -> None:
    """POST an hour, or an alert about the pipeline, as JSON. The receiver may get it twice: it recognises a summary by
    its version and hour, an OCSF event by its `finding_info.uid`.

    Raises `Refused` for an address that can't be used or an answer that is no success, `Unavailable` for none in time.
    """
    with BoundedHttpClient(
        service="The webhook", base_url=url, headers={}, clock=clock, limits=limits, secret_address=True
    ) as client:
        client.exchange("POST", url, read=_check_success, json=content)


def _check_success(reply: Reply) -> None:
    if reply.status not in SUCCESS:
        raise Refused(f"The webhook answered HTTP {reply.status}: correct AUDIT_ASSETS_WEBHOOK_URL or its receiver.")
