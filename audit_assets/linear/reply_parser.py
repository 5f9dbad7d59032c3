"""Parses a reply of Linear's: into its data, or an error in one sentence, or "try again" and when.

Errors are in the body, even of a 200; which HTTP status carries which error has changed over time, so the codes
decide and not the status (docs/facts/linear.md, 2). Nothing here sends anything.
"""

import json
import re
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from audit_assets.config.errors import Refused
from audit_assets.transport.http import Reply, TryAgain
from audit_assets.transport.retry_policy import retry_after_seconds
from audit_assets.transport.untrusted_text import one_line

LONGEST_WAIT = 600.0
"""Seconds: a leaky bucket refills before its reset, which can be an hour away; so it is asked in between."""

RATE_LIMITS = ("requests", "complexity", "endpoint-requests")
RATE_LIMITED = frozenset({"RATELIMITED", "ratelimited"})
PASSING = frozenset({"lock timeout", "internal error"})
REFUSED_KEY = frozenset({"AUTHENTICATION_ERROR", "authentication error"})
FORBIDDEN = frozenset({"FORBIDDEN", "FEATURE_NOT_ACCESSIBLE", "forbidden", "feature not accessible"})
"""Codes and types: not every error was seen with both."""

INPUT_CODES = frozenset({"INPUT_ERROR", "INVALID_INPUT"})

KEY_REFUSED = (
    "LINEAR_API_KEY was refused by Linear: set it to a personal API key that is still valid, bare, without 'Bearer'."
)
KEY_FORBIDDEN = (
    "Linear does not allow this to the owner of LINEAR_API_KEY: the key needs Read, Create issues, Create comments and "
    "Write, in the team of LINEAR_TEAM_KEY."
)


@dataclass(frozen=True)
class GraphQLError:
    """One of a reply's errors; missing parts are empty."""

    message: str
    code: str
    type: str
    presentable: str


class Rejected(Refused):
    """Linear understood a request and refused it, for these reasons."""

    def __init__(self, sentence: str, errors: tuple[GraphQLError, ...]) -> None:
        super().__init__(sentence)
        self.errors = errors


class Forbidden(Refused):
    """The key may not do that: it lacks a permission, or the workspace's plan does."""

    def __init__(self) -> None:
        super().__init__(KEY_FORBIDDEN)


def parse_reply(reply: Reply, now: datetime) -> dict[str, Any]:
    """The `data` of a reply. Raises `TryAgain`, `Rejected`, `Forbidden` or another `Refused`."""
    if reply.status == 401:
        raise Refused(KEY_REFUSED)
    body = _json(reply)
    errors = parse_errors(body)
    if errors:
        raise _failure(errors, reply, now)
    if reply.status == 403:
        raise Forbidden
    data = body.get("data") if isinstance(body, dict) else None
    if not isinstance(data, dict) or reply.status != 200:
        raise TryAgain(f"HTTP {reply.status} with neither data nor errors")
    return data


def parse_errors(body: Any) -> tuple[GraphQLError, ...]:
    """The errors of a decoded body, whatever else it holds."""
    listed = body.get("errors") if isinstance(body, dict) else None
    if not isinstance(listed, list):
        return ()
    return tuple(_error(each) for each in listed if isinstance(each, dict))


def is_conflict(rejection: Rejected, entity: str, own_id: UUID) -> bool:
    """Whether a create was rejected because our own id is taken: it has been carried out before.

    The entity's whole name counts: "conflict on insert of DocumentContent" is a failure of another kind
    (docs/facts/linear.md, 1).
    """
    return any(
        error.code in INPUT_CODES
        and re.search(rf"\bconflict on insert of {entity}\b", error.message, re.IGNORECASE)
        and str(own_id) in error.presentable.lower()
        for error in rejection.errors
    )


def is_missing(rejection: Rejected, entity: str) -> bool:
    """Whether a request was rejected because it named an entity that is not there, or out of reach."""
    return any(
        error.code in INPUT_CODES and re.search(rf"\bnot found: {entity}\b", error.message, re.IGNORECASE)
        for error in rejection.errors
    )


def _failure(errors: tuple[GraphQLError, ...], reply: Reply, now: datetime) -> Exception:
    kinds = {error.code for error in errors} | {error.type for error in errors}
    messages = " ".join(error.message for error in errors)
    if kinds & RATE_LIMITED:
        return TryAgain("its rate limit is reached", wait_for_limit(reply, now))
    if kinds & PASSING:
        return TryAgain("a passing fault of its own")
    if kinds & REFUSED_KEY or "bearer token" in messages.lower():
        return Refused(KEY_REFUSED)
    if kinds & FORBIDDEN or reply.status == 403:
        return Forbidden()
    reasons = "; ".join(one_line(f"{error.message} ({error.presentable or error.code})") for error in errors[:3])
    return Rejected(f"Linear rejected the request: {reasons}", errors)


def wait_for_limit(reply: Reply, now: datetime) -> float | None:
    """Seconds until the used-up limits are filled again, as far as the headers show; capped.

    A reset is a UTC time in milliseconds since 1970 (docs/facts/linear.md, 2).
    """
    resets = {name: _header(reply, f"x-ratelimit-{name}-reset") for name in RATE_LIMITS}
    used_up = {name for name in RATE_LIMITS if _header(reply, f"x-ratelimit-{name}-remaining") == 0}
    waits = [
        reset / 1000 - now.timestamp()
        for name, reset in resets.items()
        if reset is not None and (not used_up or name in used_up)
    ]
    ahead = [wait for wait in waits if wait > 0]
    after = max(ahead) if ahead else retry_after_seconds(reply.headers, now)
    return None if after is None else min(after, LONGEST_WAIT)


def _header(reply: Reply, name: str) -> float | None:
    value = reply.headers.get(name, "").strip()
    return float(value) if re.fullmatch(r"-?\d{1,20}", value, re.ASCII) else None


def _json(reply: Reply) -> Any:
    try:
        return json.loads(reply.body)
    except (ValueError, RecursionError):
        pass
    if reply.status == 403:
        raise Forbidden
    if reply.status in (200, 400):
        raise TryAgain(f"HTTP {reply.status} with a body that is not JSON")
    raise Refused(f"Linear answered HTTP {reply.status} without JSON: is LINEAR_API_URL the address of its API?")


def _error(raw: dict[str, Any]) -> GraphQLError:
    extensions = raw.get("extensions")
    known = extensions if isinstance(extensions, dict) else {}
    texts = (raw.get("message"), known.get("code"), known.get("type"), known.get("userPresentableMessage"))
    return GraphQLError(*(text if isinstance(text, str) else "" for text in texts))
