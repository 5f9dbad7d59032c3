"""Uploads a dashboard document, and puts what Axiom answers into one sentence (docs/facts/axiom.md, 10).

The document has an identifier of our own, so that a second upload meets the first one's dashboard.
"""

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from audit_assets.axiom import error_messages
from audit_assets.axiom.axiom_py_adapter import AxiomConnection, AxiomReply, NoReply
from audit_assets.config.errors import Refused, Unavailable

PATH = "/v2/dashboards"

UID = re.compile(r"[A-Za-z0-9_-]{1,128}")
"""It goes into an address and onto a terminal; which characters Axiom's own have is not documented. A judgement."""

CAPABILITY = "the capability dashboards (create, and update to overwrite one)"


def upload_dashboard(
    connection: AxiomConnection, now: datetime, uid: str, document: Mapping[str, Any], *, overwrite: bool
) -> str:
    """Create or replace the dashboard: its uid. Raises `Refused`, or `Unavailable` if it may work later."""
    reply = _post(connection, now, uid, document, overwrite)
    if reply.status == 400 and b"owner" in reply.body.lower():
        # Axiom documents an owner for everybody; somebody saw API tokens refused with any but an empty one
        reply = _post(connection, now, uid, {**document, "owner": ""}, overwrite)
    if reply.status in (200, 201):
        return _uid_in(reply) or uid
    raise _refusal(connection, reply, uid)


def _post(
    connection: AxiomConnection, now: datetime, uid: str, document: Mapping[str, Any], overwrite: bool
) -> AxiomReply:
    try:
        reply = connection.post(PATH, {"uid": uid, "dashboard": dict(document), "overwrite": overwrite})
    except NoReply as failure:
        seen = "it may be there all the same: look, or upload it again" if failure.sent else "upload it again later"
        raise Unavailable(f"Axiom did not take the dashboard: {failure}; {seen}.") from None
    if error_messages.is_temporary(reply):
        failure = error_messages.temporary_failure(connection, reply, now)
        raise Unavailable(f"Axiom did not take the dashboard: {failure}. Upload it again later.")
    return reply


def _uid_in(reply: AxiomReply) -> str | None:
    body = reply.json()
    dashboard = body.get("dashboard") if isinstance(body, dict) else None
    uid = dashboard.get("uid") if isinstance(dashboard, dict) else None
    return uid if isinstance(uid, str) and UID.fullmatch(uid) else None


def _refusal(connection: AxiomConnection, reply: AxiomReply, uid: str) -> Refused:
    match reply.status:
        case 401 | 403:
            return Refused(
                f"Axiom's token may not write dashboards (HTTP {reply.status}): give AXIOM_TOKEN, for this command "
                f"alone, a token with {CAPABILITY}"
            )
        case 409 | 412:
            return Refused(
                f"Axiom has a dashboard '{uid}' already (HTTP {reply.status}): replace it, and what people changed in "
                "it, with --overwrite, or leave it"
            )
        case status:
            return Refused(f"Axiom refused the dashboard (HTTP {status}): {connection.error_text(reply)}")
