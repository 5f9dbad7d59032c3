"""The sandbox's dashboards: the document is checked as Axiom's OpenAPI document has it (docs/facts/axiom.md, 10).

Kept in memory: nothing here draws them. Where the documentation and those who tried the API differ (who may own a
dashboard), `AxiomBehaviour.dashboard_owner` decides.
"""

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from audit_assets.sandbox.axiom.axiom_behaviour import AxiomRefusal

REQUIRED = frozenset(
    {"name", "owner", "charts", "layout", "refreshTime", "schemaVersion", "timeWindowStart", "timeWindowEnd"}
)
OPTIONAL = frozenset({"description", "against", "againstTimestamp", "uid"})

CHART_TYPES = frozenset({"TimeSeries", "Table"})
"""Of Axiom's types those that are played; others are refused as the sandbox's own limit."""

UID = re.compile(r"[A-Za-z0-9_-]{1,128}")
RELATIVE = re.compile(r"qr-now(-\d+[smhdw])?|\d+")
CELL = {"x": (0, 11), "y": (0, 2**53 - 1), "w": (1, 12), "h": (1, 100)}


class Dashboards:
    """The dashboards of the organisation, by uid."""

    def __init__(self) -> None:
        self._known: dict[str, dict[str, Any]] = {}

    def clear(self) -> None:
        """Forget all of them."""
        self._known.clear()

    def get(self, uid: str) -> dict[str, Any]:
        """One dashboard as Axiom shows it. Raises AxiomRefusal 404."""
        if uid not in self._known:
            raise AxiomRefusal(404, "dashboard not found")
        return self._known[uid]

    def write(self, body: Mapping[str, Any], owner: str, now: datetime) -> tuple[int, dict[str, Any]]:
        """Create or update one: the status and the answer. `owner`: the one that this token may give. Raises
        AxiomRefusal: 400 for the document, 409 for one that is there and is not to be overwritten."""
        document, uid = body.get("dashboard"), body.get("uid")
        if not isinstance(document, dict):
            raise AxiomRefusal(400, "dashboard is required")
        if not isinstance(uid, str) or not UID.fullmatch(uid):
            raise AxiomRefusal(400, "the sandbox does not make up a uid: give one")
        _check_document(document, owner)
        before = self._known.get(uid)
        if before and not body.get("overwrite"):
            raise AxiomRefusal(409, "dashboard already exists")
        at = now.isoformat()
        self._known[uid] = {
            "uid": uid,
            "id": uid,
            "version": before["version"] + 1 if before else 1,
            "dashboard": document,
            "createdAt": before["createdAt"] if before else at,
            "updatedAt": at,
            "createdBy": "sandbox",
            "updatedBy": "sandbox",
        }
        status = "updated" if before else "created"
        return 200 if before else 201, {
            "status": status,
            "overwritten": bool(before),
            "dashboard": self._known[uid],
        }


def _check_document(document: Mapping[str, Any], owner: str) -> None:
    _check_keys("dashboard", document, REQUIRED, OPTIONAL)
    if not 1 <= len(document["name"]) <= 100 or len(document.get("description", "")) > 1_000:
        raise AxiomRefusal(400, "name or description is too long")
    if document["owner"] != owner:
        raise AxiomRefusal(400, f"owner must be {owner!r}")
    if document["refreshTime"] not in (15, 60, 300) or document["schemaVersion"] != 2:
        raise AxiomRefusal(400, "refreshTime or schemaVersion is not one of those allowed")
    if not all(RELATIVE.fullmatch(document[name]) for name in ("timeWindowStart", "timeWindowEnd")):
        raise AxiomRefusal(400, "a time window is qr-now, qr-now-{duration} or epoch milliseconds")
    for chart in document["charts"]:
        _check_keys("chart", chart, frozenset({"id", "type", "query"}), frozenset({"name"}))
        if chart["type"] not in CHART_TYPES:
            raise AxiomRefusal(400, f"the sandbox does not know charts of the type {chart['type']!r}")
        _check_keys("query", chart["query"], frozenset({"apl"}), frozenset())
    for cell in document["layout"]:
        _check_keys("layout", cell, frozenset({"i", *CELL}), frozenset())
        if not all(least <= cell[name] <= most for name, (least, most) in CELL.items()):
            raise AxiomRefusal(400, "a layout item is off the page")


def _check_keys(what: str, value: Any, required: frozenset[str], optional: frozenset[str]) -> None:
    if not isinstance(value, dict) or not required <= value.keys():
        raise AxiomRefusal(400, f"{what} lacks one of {', '.join(sorted(required))}")
    if others := sorted(value.keys() - required - optional):
        raise AxiomRefusal(400, f"Unrecognized keys in {what}: {', '.join(others)}")
