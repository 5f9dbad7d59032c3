"""Cloudflare's own count of audit entries, by UTC day and action type, from its GraphQL analytics.

It advises and proves nothing: which of the two streams it counts is not documented (docs/facts/cloudflare.md, 12), and
another permission is needed than for the log.
"""

import re
from datetime import date, datetime, timedelta
from typing import Any

import polars as pl

from audit_assets.cloudflare.page_parser import envelope_or_none
from audit_assets.config.errors import Incomplete, Refused
from audit_assets.transport.http import BoundedHttpClient, Reply, TryAgain

PERMISSION = "Account Analytics Read"

COUNTS = pl.Schema({"day": pl.Date, "action": pl.String, "entries": pl.Int64})
"""A row for each UTC day and action type; an action is in lower case, as entries have it."""

MOST_ROWS = 10_000
"""As the query asks for: a limit that was seen in use (docs/facts/cloudflare.md, 12). An answer that reaches it may be
cut."""

NOT_GIVEN = "unknown"
"""In place of an action type that is missing, here and of an entry."""

QUERY = """query ($account: string!, $start: Time!, $end: Time!) {
  viewer {
    accounts(filter: { accountTag: $account }) {
      auditLogsGroups(
        limit: 10000
        filter: { datetime_geq: $start, datetime_leq: $end }
        orderBy: [date_ASC]
      ) {
        count
        dimensions {
          date
          actionType
        }
      }
    }
  }
}"""

_NOT_ALLOWED = re.compile(r"unauthorized|not authorized|authorization denied|does not have access", re.IGNORECASE)


class CountNotAllowed(Refused):
    """This token, or the account's plan, may not read the count."""


def fetch_counts(http: BoundedHttpClient, account_id: str, first: date, last: date) -> pl.DataFrame:
    """COUNTS of the days from the first to the last. Raises `CountNotAllowed`, `Refused`, `Unavailable` and
    `Incomplete`."""
    variables = {
        "account": account_id,
        "start": f"{first}T00:00:00Z",
        "end": f"{last + timedelta(days=1)}T00:00:00Z",  # its end is inclusive: what is of the next day is dropped
    }
    rows = http.exchange("POST", "graphql", json={"query": QUERY, "variables": variables}, read=_rows_in)
    try:
        counts = [_count(row) for row in rows]
    except (KeyError, TypeError, ValueError, AttributeError):
        raise Incomplete("Cloudflare's own count has another shape than is known: it is not compared.") from None
    frame = pl.DataFrame(counts, schema=COUNTS, orient="row").filter(pl.col("day").is_between(first, last))
    return frame.group_by("day", "action").agg(pl.col("entries").sum()).sort("day", "action")


def _rows_in(reply: Reply) -> list[Any]:
    body = envelope_or_none(reply.body)
    messages = _messages(body)
    if reply.status in (401, 403) or any(_NOT_ALLOWED.search(message) for message in messages):
        raise CountNotAllowed(
            "Cloudflare does not let this token read its own count of audit entries: give CLOUDFLARE_API_TOKEN the "
            f"permission {PERMISSION!r} on that account to have it compared with what was pulled"
        )
    if reply.status == 200 and body is None:
        raise TryAgain("a body that is not JSON")
    if messages or reply.status != 200:
        raise Refused(f"Cloudflare does not give its own count of audit entries (HTTP {reply.status})")
    try:
        rows = body["data"]["viewer"]["accounts"][0]["auditLogsGroups"]
    except (KeyError, TypeError, IndexError):
        rows = None
    if not isinstance(rows, list) or len(rows) >= MOST_ROWS:
        raise Incomplete("Cloudflare's own count did not come whole: it is not compared.")
    return rows


def _messages(body: Any) -> list[str]:
    errors = body.get("errors") if isinstance(body, dict) else None
    listed = errors if isinstance(errors, list) else []
    return [str(error.get("message")) for error in listed if isinstance(error, dict)]


def _count(row: Any) -> tuple[date, str, int]:
    dimensions, count = row["dimensions"], row["count"]
    if isinstance(count, bool) or int(count) != count:
        raise ValueError("not a count")
    day = datetime.strptime(dimensions["date"][:10], "%Y-%m-%d").date()  # noqa: DTZ007 - a date, of no zone
    action = dimensions.get("actionType")
    return day, action.lower() if isinstance(action, str) and action else NOT_GIVEN, int(count)
