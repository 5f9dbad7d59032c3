"""Builds addresses that open a query or a dashboard in Axiom's web application (docs/facts/axiom.md, 4)."""

import json
from datetime import UTC, datetime
from urllib.parse import quote

APP_URL = "https://app.axiom.co"


def query_link(apl: str, start: datetime, end: datetime, org_id: str, app_url: str = APP_URL) -> str:
    """The address that opens this query over [start, end) in the organisation's Axiom.

    Every character beyond letters, digits and `-._~` is escaped, so that the address stays whole inside Markdown
    and HTML.
    """
    form = {"apl": apl, "queryOptions": {"startTime": _timestamp(start), "endTime": _timestamp(end)}}
    text = json.dumps(form, ensure_ascii=False, separators=(",", ":"))
    return f"{app_url.rstrip('/')}/{quote(org_id, safe='')}/query?initForm={quote(text, safe='')}"


def dashboard_link(uid: str, org_id: str, app_url: str = APP_URL) -> str:
    """The address that opens a dashboard."""
    return f"{app_url.rstrip('/')}/{quote(org_id, safe='')}/dashboards/{quote(uid, safe='')}"


def _timestamp(time: datetime) -> str:
    if time.tzinfo is None:
        raise ValueError("a link's time range needs aware times")
    return f"{time.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
