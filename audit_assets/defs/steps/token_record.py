"""When Cloudflare's token ends, as Cloudflare showed it last: it is asked once an hour, whoever looks and how often."""

from contextlib import closing, suppress
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from audit_assets.cloudflare.token_verification import TokenFacts
from audit_assets.config.errors import AuditAssetsError
from audit_assets.defs.resources import CloudflareResource, StorageResource
from audit_assets.transport.http import HttpLimits

RECORD = "verified_token"
"""Of no hour, as JSON."""

ASKED_AGAIN_AFTER = timedelta(hours=1)

AT_ONCE = HttpLimits(attempts=1, attempt_seconds=5, total_seconds=10)


def load_token_facts(cloudflare: CloudflareResource, storage: StorageResource, now: datetime) -> TokenFacts | None:
    """What is known of the token now; None if nothing is. Raises nothing: a token that can't be looked at now is
    looked at later."""
    known: dict[str, Any] = {}
    with suppress(AuditAssetsError, ValueError, OSError):
        known = storage.open().read_json(RECORD, None) or {}
    if known and timedelta(0) <= now - datetime.fromisoformat(known["at"]) < ASKED_AGAIN_AFTER:
        return _from_json(known)
    try:
        with closing(replace(cloudflare, limits=AT_ONCE).client()) as client:
            facts = client.token_facts()
    except AuditAssetsError:
        return _from_json(known)
    with suppress(AuditAssetsError, OSError):
        storage.open().write_json(RECORD, None, _as_json(facts, now))
    return facts


def _as_json(facts: TokenFacts | None, now: datetime) -> dict[str, Any]:
    at = now.isoformat(timespec="seconds")
    if facts is None:
        return {"at": at, "status": None, "expires": None}
    return {"at": at, "status": facts.status, "expires": facts.expires.isoformat() if facts.expires else None}


def _from_json(known: dict[str, Any]) -> TokenFacts | None:
    if not known.get("status"):
        return None
    return TokenFacts(known["status"], datetime.fromisoformat(known["expires"]) if known["expires"] else None)
