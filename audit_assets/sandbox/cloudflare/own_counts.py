"""The sandbox's GraphQL analytics of Cloudflare: the one dataset that counts audit entries.

As docs/facts/cloudflare.md, 12, has it: whose entries it counts, and what it answers to a token that may not read it,
is not known, hence fields of `CountBehaviour`. Everything else of that API is refused.
"""

import json
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any, Literal

from graphql import FieldNode, GraphQLError, GraphQLResolveInfo, GraphQLSchema, build_schema, graphql_sync

from audit_assets.sandbox.cloudflare.audit_log import AuditLog, Row, nanoseconds, parsed_time

SDL = """
scalar string
scalar Time
scalar Date
scalar uint64

type Query { viewer: Viewer }
type Viewer { accounts(filter: AccountFilter!): [Account!]! }
type Account {
  auditLogsGroups(limit: Int!, filter: AuditLogsGroupsFilter!, orderBy: [AuditLogsGroupsOrder!]): [AuditLogsGroups!]!
}
type AuditLogsGroups { count: uint64!, dimensions: AuditLogsGroupsDimensions! }
type AuditLogsGroupsDimensions { date: Date!, actionType: string, actorEmail: string, resourceType: string }
input AccountFilter { accountTag: string! }
input AuditLogsGroupsFilter { datetime_geq: Time!, datetime_leq: Time! }
enum AuditLogsGroupsOrder { date_ASC }
"""
"""What the sandbox answers, with Cloudflare's names."""

MOST_ROWS = 10_000
KEPT = timedelta(days=540)


@dataclass
class CountBehaviour:
    """What a test can vary about the count."""

    counted: Literal["v2", "v1", "both"] = "v2"
    """Whose entries: not known."""

    counts_are_readable: bool = True
    """Whether the token has Account Analytics Read."""

    count_refusal: Literal["status", "errors"] = "status"
    """Whether a refusal has a status of its own, as documented, or is a 200 with errors, as was seen."""

    count_capitals: bool = False
    """Whether action types come in capitals: not known."""


@dataclass(frozen=True)
class CountRefusal(Exception):
    """An answer with errors."""

    status: int
    message: str


@dataclass(frozen=True)
class _Asked:
    """What a resolver needs."""

    account_id: str
    logs: Mapping[str, AuditLog]
    now: datetime
    behaviour: CountBehaviour


def answer_count(
    body: bytes, *, account_id: str, logs: Mapping[str, AuditLog], now: datetime, behaviour: CountBehaviour
) -> tuple[int, dict[str, Any]]:
    """The status and body of an answer to a caller whose token is that of the sandbox."""
    try:
        request = json.loads(body)
        text, variables = request["query"], request.get("variables") or {}
    except (ValueError, KeyError, TypeError, AttributeError):
        return 400, _errors("query contains error, please review it and retry")
    asked = _Asked(account_id, logs, now, behaviour)
    result = graphql_sync(_schema(), text, context_value=asked, variable_values=variables)
    if not result.errors:
        return 200, {"data": result.data, "errors": None}
    refusal = result.errors[0].original_error
    if isinstance(refusal, CountRefusal):
        status = refusal.status if behaviour.count_refusal == "status" else 200
        return status, _errors(refusal.message)
    return 400, _errors(result.errors[0].message)


def _errors(message: str) -> dict[str, Any]:
    """As Cloudflare's documentation shows errors."""
    path = ["viewer", "accounts", "0", "auditLogsGroups"]
    return {"data": None, "errors": [{"message": message, "path": path, "extensions": {}}]}


def unauthorized() -> tuple[int, dict[str, Any]]:
    """The answer to no token, or another one."""
    return 401, _errors("Unauthorized")


def _groups(_: Any, info: GraphQLResolveInfo, limit: int, filter: dict[str, str], **_order: Any) -> list[Any]:
    asked: _Asked = info.context
    low, high = (_moment(filter[name]) for name in ("datetime_geq", "datetime_leq"))
    if not asked.behaviour.counts_are_readable:
        raise CountRefusal(403, "does not have access to the path")
    if not 0 < limit <= MOST_ROWS:
        raise CountRefusal(400, f"limit must be positive number and not greater than {MOST_ROWS}")
    if low < nanoseconds(asked.now - KEPT):
        raise CountRefusal(400, f"cannot request data older than {int(KEPT.total_seconds())}s")
    names = _dimensions(info)
    streams = ("v2", "v1") if asked.behaviour.counted == "both" else (asked.behaviour.counted,)
    groups: Counter[tuple[Any, ...]] = Counter()
    for stream in streams:
        for row in asked.logs[stream].visible(low, high + 1, nanoseconds(asked.now)):  # the end is inclusive
            values = _values(row, asked.behaviour)
            groups[tuple(values[name] for name in names)] += 1
    rows = [{"count": count, "dimensions": dict(zip(names, key, strict=True))} for key, count in groups.items()]
    return sorted(rows, key=lambda row: row["dimensions"].get("date", ""))[:limit]


def _values(row: Row, behaviour: CountBehaviour) -> dict[str, str]:
    entry = json.loads(row.body)
    action = str(entry.get("action", {}).get("type", ""))
    return {
        "date": f"{datetime.fromtimestamp(row.time // 1_000_000_000, UTC):%Y-%m-%d}",
        "actionType": action.upper() if behaviour.count_capitals else action,
        "actorEmail": str(entry.get("actor", {}).get("email", "")),
        "resourceType": str(entry.get("resource", {}).get("type", "")),
    }


def _dimensions(info: GraphQLResolveInfo) -> list[str]:
    """The dimensions that are asked for: by these the entries are grouped."""
    selections = info.field_nodes[0].selection_set
    for field in selections.selections if selections else ():
        if isinstance(field, FieldNode) and field.name.value == "dimensions" and field.selection_set:
            return [each.name.value for each in field.selection_set.selections if isinstance(each, FieldNode)]
    return []


def _moment(text: str) -> int:
    try:
        return parsed_time(text)
    except (ValueError, TypeError):
        raise GraphQLError("error parsing args: not a time") from None


def _accounts(_: Any, info: GraphQLResolveInfo, filter: dict[str, str]) -> list[dict[str, str]]:
    if filter["accountTag"] != info.context.account_id:
        raise CountRefusal(403, "not authorized for that account")
    return [{}]


@cache
def _schema() -> GraphQLSchema:
    schema = build_schema(SDL)
    resolvers: dict[tuple[str, str], Callable[..., Any]] = {
        ("Query", "viewer"): lambda *_: {},
        ("Viewer", "accounts"): _accounts,
        ("Account", "auditLogsGroups"): _groups,
    }
    for (kind, name), resolver in resolvers.items():
        schema.type_map[kind].fields[name].resolve = resolver  # pyright: ignore[reportAttributeAccessIssue]
    return schema
