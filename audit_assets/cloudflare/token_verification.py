"""What Cloudflare shows of the token itself: whether it is active, and when it ends.

Account tokens and users' tokens are verified at different addresses, each of which refuses the other kind
(docs/facts/cloudflare.md, 2.10). So a refusal proves nothing about the token: the audit log itself shows whether it is
accepted.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

from audit_assets.transport.http import BoundedHttpClient, Reply

Status = Literal["active", "disabled", "expired"]
STATUSES: Mapping[str, Status] = {"active": "active", "disabled": "disabled", "expired": "expired"}


@dataclass(frozen=True)
class TokenFacts:
    """A token's status, and when it ends; None: never."""

    status: Status
    expires: datetime | None


def verify_token(client: BoundedHttpClient, account_id: str) -> TokenFacts | None:
    """What Cloudflare shows of the token of this client; None if it shows nothing that is understood. Raises
    `Unavailable` without an answer."""
    places = (f"accounts/{account_id}/tokens/verify", "user/tokens/verify")
    return next((facts for path in places if (facts := client.exchange("GET", path, read=_read))), None)


def _read(reply: Reply) -> TokenFacts | None:
    if reply.status != 200:
        return None
    try:
        return _facts(json.loads(reply.body)["result"])
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None


def _facts(result: Mapping[str, Any]) -> TokenFacts:
    expires = result.get("expires_on")
    end = datetime.fromisoformat(expires) if expires else None
    return TokenFacts(STATUSES[result["status"]], end.replace(tzinfo=end.tzinfo or UTC) if end else None)
