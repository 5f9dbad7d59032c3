"""How the sandbox's Axiom fails on demand, beyond connection faults.

For `ingest`: `late_surfacing` stores the events but makes them visible only after `seconds`, and answers with
`status` instead of 200 or, with `silent`, not at all; `rejected_events` loses the last `events` of a batch in a 200;
`bare_receipt` leaves out what the OpenAPI document does not require.
For `query`: `partial` (half of the rows, isPartial), `estimate`, `unknown_priority`, `empty_tables` (no rows, or with
`null` no tables), `truncated` (only `rows` rows, without a message).
"""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from audit_assets.sandbox.fault_plan import Fault

NOT_REQUIRED = frozenset({"failures", "blocksCreated", "walLength"})


def extra_delay(fault: Fault | None) -> timedelta:
    """How much later than usual the events become visible."""
    return timedelta(seconds=fault.options["seconds"] if fault and fault.kind == "late_surfacing" else 0)


def drop_events(events: list[dict[str, Any]], fault: Fault | None) -> tuple[list[dict[str, Any]], list[dict[str, str]]]:
    """The events that are stored, and a failure for each of the others."""
    if fault is None or fault.kind != "rejected_events":
        return events, []
    lost = min(len(events), fault.options.get("events", 1))
    failure = {"timestamp": "0001-01-01T00:00:00Z", "error": fault.options.get("error", "event could not be stored")}
    return events[: len(events) - lost], [failure] * lost


async def ingest_answer(
    request: Request, receipt: dict[str, Any], fault: Fault | None, headers: Mapping[str, str]
) -> Response:
    """The answer to a batch that has been stored."""
    if fault and fault.kind == "late_surfacing" and fault.options.get("silent"):
        request.scope["sandbox.transport"].abort()
    if fault and fault.kind == "late_surfacing" and "status" in fault.options:
        status = fault.options["status"]
        return JSONResponse({"code": status, "message": "the batch is on its way"}, status)
    if fault and fault.kind == "bare_receipt":
        receipt = {name: value for name, value in receipt.items() if name not in NOT_REQUIRED}
    return JSONResponse(receipt, headers=dict(headers))


def query_answer(result: dict[str, Any], fault: Fault | None) -> dict[str, Any]:
    """The result as it is sent, with the fault if there is one."""
    status = result["status"]
    match fault:
        case Fault(kind="partial"):
            status.update(isPartial=True, continuationToken="sandbox-continuation")
            return _cut(result, len(result["tables"][0]["columns"][0]) // 2)
        case Fault(kind="estimate"):
            status["isEstimate"] = True
        case Fault(kind="unknown_priority", options=options):
            message = {"priority": options.get("priority", "notice"), "count": 1, "code": "sandbox", "msg": "new"}
            status["messages"] = [*status.get("messages", []), message]
        case Fault(kind="empty_tables", options={"null": True}):
            return {**result, "tables": None}
        case Fault(kind="empty_tables"):
            return _cut(result, 0)
        case Fault(kind="truncated", options=options):
            return _cut(result, options["rows"])
    return result


def _cut(result: dict[str, Any], rows: int) -> dict[str, Any]:
    tables = [{**table, "columns": [column[:rows] for column in table["columns"]]} for table in result["tables"]]
    return {**result, "tables": tables}
