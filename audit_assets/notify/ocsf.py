"""An hour's findings as OCSF events of the class Detection Finding, for a SIEM that reads that schema.

Attributes, requirements and enumerations: docs/facts/ocsf.md, 1 and 2. What OCSF has no attribute for, the numbers of
each deviation first of all, is in `unmapped`, under the names of the summary.
"""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from importlib.metadata import version
from typing import Any

SCHEMA_VERSION = "1.2.0"

FINDINGS, DETECTION_FINDING = 2, 2004
CREATE, UPDATE, CLOSE = 1, 2, 3
NEW, SUPPRESSED, RESOLVED = 1, 3, 4
BEHAVIORAL, RULE = 2, 1
USER, OTHER = 1, 99

SEVERITY_IDS = {"low": 2, "medium": 3, "high": 4, "urgent": 5}
ACTIVITIES = {CREATE: "Create", UPDATE: "Update", CLOSE: "Close"}
STATUSES = {NEW: "New", SUPPRESSED: "Suppressed", RESOLVED: "Resolved"}
CAPTIONS = {2: "Low", 3: "Medium", 4: "High", 5: "Critical"}

PRODUCT = "audit-assets"

HOUR_FORMAT = "%Y-%m-%d-%H:%M"
"""As summaries name hours."""

ELSEWHERE = frozenset({"actor", "actor_key", "actor_type", "severity"})
"""Of a flagged actor, what has an attribute of its own."""


def detection_findings(summary: Mapping[str, Any], *, is_update: bool) -> list[dict[str, Any]]:
    """The flagged actors of an hour's summary, an event each. `is_update`: the receiver got the hour before.

    `finding_info.uid` is the same whenever the hour is sent: its start and the actor's key, after the account's id if
    there are several accounts.
    """
    hour = datetime.strptime(summary["hour"], HOUR_FORMAT).replace(tzinfo=UTC)
    account, activity = summary.get("account"), UPDATE if is_update else CREATE
    return [_event(actor, hour, summary["hour"], activity, account) for actor in summary["flagged"]]


def _event(
    actor: Mapping[str, Any], hour: datetime, hour_key: str, activity: int, account: Mapping[str, str] | None
) -> dict[str, Any]:
    severity, is_dismissed = SEVERITY_IDS[actor["severity"]], actor["ticket"]["outcome"] == "dismissed"
    end = hour + timedelta(hours=1)
    first, *_ = [*actor["in_words"], "an unusual hour"]
    return {
        **_common(activity, SUPPRESSED if is_dismissed else NEW, severity, end),
        "start_time": _milliseconds(hour),
        "end_time": _milliseconds(end),
        "message": f"{_title_start(account)}{actor['actor']}: {first}",
        "finding_info": _finding_info(actor, hour_key, first, account),
        "evidences": [{"actor": {"user": _user(actor)}}],
        "unmapped": {
            "hour": hour_key,
            **({"account": account} if account else {}),
            **{name: value for name, value in actor.items() if name not in ELSEWHERE},
        },
    }


def pipeline_event(activity: int, key: str, text: str, at: datetime, url: str | None) -> dict[str, Any]:
    """An event about a problem of the pipeline itself, whose `key` is the same from its creation to its end."""
    title = "A problem of the pipeline that reads Cloudflare's audit log"
    analytic = {"name": PRODUCT, "type_id": RULE}
    info = {"uid": f"pipeline_health/{key}", "title": title, "types": ["pipeline_health"], "analytic": analytic}
    return {
        **_common(activity, RESOLVED if activity == CLOSE else NEW, SEVERITY_IDS["high"], at),
        "message": text,
        "finding_info": info | ({"src_url": url} if url else {}),
    }


def _common(activity: int, status: int, severity: int, time: datetime) -> dict[str, Any]:
    return {
        "activity_id": activity,
        "activity_name": ACTIVITIES[activity],
        "category_uid": FINDINGS,
        "category_name": "Findings",
        "class_uid": DETECTION_FINDING,
        "class_name": "Detection Finding",
        "type_uid": DETECTION_FINDING * 100 + activity,
        "time": _milliseconds(time),
        "severity_id": severity,
        "severity": CAPTIONS[severity],
        "status_id": status,
        "status": STATUSES[status],
        "metadata": {
            "version": SCHEMA_VERSION,
            "product": {"name": PRODUCT, "vendor_name": PRODUCT, "version": version(PRODUCT)},
            "log_name": "Cloudflare audit log",
        },
    }


def _title_start(account: Mapping[str, str] | None) -> str:
    return f"[{account['name']}] " if account else ""


def _finding_info(
    actor: Mapping[str, Any], hour_key: str, first: str, account: Mapping[str, str] | None
) -> dict[str, Any]:
    kinds = sorted({deviation["kind"] for deviation in actor["deviations"]})
    is_of_rules = kinds == ["watch_rule"]
    info: dict[str, Any] = {
        "uid": "/".join([*([account["id"]] if account else []), hour_key, actor["actor_key"]]),
        "title": f"{_title_start(account)}{actor['actor']}: {first}",
        "desc": "; ".join(actor["in_words"]),
        "types": kinds,
        "analytic": {"name": PRODUCT, "type_id": RULE if is_of_rules else BEHAVIORAL},
    }
    return info | {"src_url": url} if (url := actor["ticket"]["url"]) else info


def _user(actor: Mapping[str, Any]) -> dict[str, Any]:
    is_person = actor["actor_type"] == "user"
    kind = {"type_id": USER, "type": "User"} if is_person else {"type_id": OTHER, "type": actor["actor_type"]}
    return {"name": actor["actor"], "uid": actor["actor_key"], **kind}


def _milliseconds(time: datetime) -> int:
    return int(time.timestamp() * 1000)
