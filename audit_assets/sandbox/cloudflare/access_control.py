"""Credentials and the rate limit of the sandbox's Cloudflare (docs/facts/cloudflare.md, 2.7 and 2.8)."""

import json
import math
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from starlette.requests import Request
from starlette.responses import Response

from audit_assets.sandbox.sandbox_clock import SandboxClock

ACCOUNT_ID = "5a11db0c0ffee0ddba11ad0be5eab1e5"
ORGANIZATION_ID = "0f60db0c0ffee0ddba11ad0be5eab1e5"


def new_credential() -> str:
    """An API token that no process had before."""
    return f"sandbox-cloudflare-{secrets.token_hex(16)}"


CREDENTIAL = new_credential()
"""The API token of this process: what a sandbox serves may be somebody's own entries, and loopback is open to all users
of a machine."""

TOKEN_IS_NEW = timedelta(minutes=1)

OTHER_CREDENTIALS = ("x-auth-email", "x-auth-key")


@dataclass
class Quota:
    """`requests` in `seconds`; a caller that exceeds them is blocked for `block_seconds`."""

    requests: int = 1200
    seconds: float = 300
    block_seconds: float = 300
    missing_credentials_status: int = 400
    """Unknown for the real service."""

    credentials_required: bool = True

    token_made_at: datetime | None = None
    """For a minute from then on every other request is denied, the first one too."""

    token_kind: Literal["account", "user"] = "account"  # noqa: S105
    """Whose token it is: the address that verifies the other kind refuses it."""

    token_expires: datetime | None = None
    """From then on it is denied."""

    token_revoked: bool = False

    verify_status: int | None = None
    """If set, both addresses that verify a token refuse it so: whether they need a permission is unknown."""


class AccessControl:
    """Admits a request, or answers why not."""

    def __init__(self, clock: SandboxClock, quota: Quota, account_id: str, credential: str) -> None:
        self._clock = clock
        self._account_id = account_id
        self._credential = credential
        self._quota = quota
        self._period_ends: datetime | None = None
        self._requests_made = 0
        self._blocked_until: datetime | None = None
        self._denied_before = False

    def refusal(self, request: Request) -> Response | None:
        """The reply to a request that is not admitted; None for one that is, which is then counted."""
        account_id = request.path_params.get("account_id", self._account_id)
        organization_id = request.path_params.get("organization_id", ORGANIZATION_ID)
        bearer = request.headers.get("authorization")
        if not re.fullmatch(r"[0-9a-f]{32}", account_id):
            return self._unroutable(request, account_id)
        if bearer is None and not self._quota.credentials_required:
            return self._counted()
        if bearer is None and not any(name in request.headers for name in OTHER_CREDENTIALS):
            message = "Missing X-Auth-Key, X-Auth-Email or Authorization headers"
            return self._refused(self._quota.missing_credentials_status, (9106, message))
        is_token = bearer == f"Bearer {self._credential}" and not self._quota.token_revoked
        is_own = account_id == self._account_id and organization_id == ORGANIZATION_ID
        if not is_token or not is_own or self._has_expired() or self._denies_new_token():
            return self._refused(403, (10000, "Authentication error"))
        return self._counted()

    def verified(self, request: Request, kind: str) -> Response:
        """The reply of the address that verifies tokens of that kind (docs/facts/cloudflare.md, 2.10)."""
        if refusal := self.refusal(request):
            return refusal
        if status := self._quota.verify_status or (401 if kind != self._quota.token_kind else None):
            return self._refused(status, (1000, "Invalid API Token"))
        result = {"id": "5a11db0c0ffee0ddba11ad0be5eab1e6", "status": "active"}
        if end := self._quota.token_expires:
            result["expires_on"] = end.strftime("%Y-%m-%dT%H:%M:%SZ")
        messages = [{"code": 10000, "message": "This API Token is valid and active", "type": None}]
        body = {"success": True, "errors": [], "messages": messages, "result": result}
        return Response(json.dumps(body), 200, self.headers(), media_type="application/json")

    def block(self, seconds: float) -> None:
        """Answer every call of the next seconds with 429."""
        self._blocked_until = self._clock.now() + timedelta(seconds=seconds)

    def headers(self) -> dict[str, str]:
        """The rate limit headers of every reply."""
        left = max(0, self._quota.requests - self._requests_made)
        return {
            "Ratelimit": f'"default";r={left};t={_seconds_until(self._period_ends, self._clock.now())}',
            "Ratelimit-Policy": f'"default";q={self._quota.requests};w={math.ceil(self._quota.seconds)}',
        }

    def _has_expired(self) -> bool:
        return self._quota.token_expires is not None and self._clock.now() >= self._quota.token_expires

    def _denies_new_token(self) -> bool:
        """Whether this is one of the requests that are denied because the token is new."""
        made_at, now = self._quota.token_made_at, self._clock.now()
        is_new = made_at is not None and made_at <= now < made_at + TOKEN_IS_NEW
        self._denied_before = is_new and not self._denied_before
        return self._denied_before

    def _counted(self) -> Response | None:
        now = self._clock.now()
        if self._blocked_until and now < self._blocked_until:
            return self._too_many()
        if self._period_ends is None or now >= self._period_ends:
            self._period_ends, self._requests_made = now + timedelta(seconds=self._quota.seconds), 0
        self._requests_made += 1
        if self._requests_made > self._quota.requests:
            self.block(self._quota.block_seconds)
            self._period_ends = None
            return self._too_many()
        return None

    def _too_many(self) -> Response:
        wait = _seconds_until(self._blocked_until, self._clock.now())
        return self._refused(429, (None, "Rate limit exceeded"), {"Retry-After": str(wait)})

    def _unroutable(self, request: Request, account_id: str) -> Response:
        route = request.url.path.removeprefix("/client/v4")
        could_not = f"Could not route to {route}, perhaps your object identifier is invalid?"
        if not account_id.isalnum():
            return self._refused(400, (7003, could_not))
        return self._refused(404, (7003, could_not), None, (7000, "No route for that URI"))

    def _refused(
        self,
        status: int,
        first: tuple[int | None, str],
        headers: Mapping[str, str] | None = None,
        *more: tuple[int | None, str],
    ) -> Response:
        return error_reply(status, first, *more, headers={**self.headers(), **(headers or {})})


def error_reply(status: int, *errors: tuple[int | None, str], headers: Mapping[str, str]) -> Response:
    """Cloudflare's error reply; v2's own errors have no code."""
    listed = [{"message": text} if code is None else {"code": code, "message": text} for code, text in errors]
    body = json.dumps({"success": False, "errors": listed, "messages": [], "result": None})
    return Response(body, status, headers, media_type="application/json")


def _seconds_until(moment: datetime | None, now: datetime) -> int:
    return max(0, math.ceil((moment - now).total_seconds())) if moment else 0
