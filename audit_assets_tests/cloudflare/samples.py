"""Audit entries of both streams, as short as a test needs them."""

from datetime import UTC, datetime, timedelta
from typing import Any

HOUR = datetime(2026, 11, 20, 10, tzinfo=UTC)
AN_HOUR = timedelta(hours=1)
ACCOUNT = "5a11db0c0ffee0ddba11ad0be5eab1e5"


def written(moment: datetime) -> str:
    """As Cloudflare writes times."""
    return moment.isoformat().replace("+00:00", "Z")


def v2_entry(number: int = 1, after: timedelta = timedelta(0), **parts: Any) -> dict[str, Any]:
    """An entry of v2 `after` the hour began; `parts` are laid over its parts, key by key."""
    entry: dict[str, Any] = {
        "id": f"{number:032x}",
        "account": {"id": ACCOUNT, "name": "Harbourline"},
        "action": {
            "type": "update",
            "result": "success",
            "description": "Update DNS Record",
            "time": written(HOUR + after),
        },
        "actor": {
            "id": "f6b5de0326bb5182b8a4840ee01ec774",
            "email": "Ann@Example.com",
            "type": "user",
            "context": "dash",
            "ip_address": "198.51.100.7",
        },
        "raw": {
            "cf_ray_id": "8e9b1c60ef9e1c9a",
            "method": "PATCH",
            "status_code": 200,
            "uri": "/zones/9a7806061c88ada191ed06f989cc3dac/dns_records/372e67954025e0ba6aaa6d586b9e0b59",
            "user_agent": "Mozilla/5.0",
        },
        "resource": {
            "id": "372e67954025e0ba6aaa6d586b9e0b59",
            "product": "dns_records",
            "type": "dns_record",
            "scope": "zones",
            "request": {"ttl": 1},
            "response": {"success": True},
        },
        "zone": {"id": "9a7806061c88ada191ed06f989cc3dac", "name": "example.com"},
    }
    return _laid_over(entry, parts)


def v1_entry(number: int = 1, after: timedelta = timedelta(0), **parts: Any) -> dict[str, Any]:
    """An entry of v1 `after` the hour began; `parts` are laid over its parts, key by key."""
    entry: dict[str, Any] = {
        "id": f"73fd39ed-5aab-4a2a-b93c-{number:012x}",
        "action": {"result": True, "type": "rec_add"},
        "actor": {
            "email": "ann@example.com",
            "id": "f6b5de0326bb5182b8a4840ee01ec774",
            "ip": "198.51.100.7",
            "type": "user",
        },
        "interface": "UI",
        "metadata": {"zone_name": "example.com"},
        "newValue": "null",
        "oldValue": "",
        "owner": {"id": "f6b5de0326bb5182b8a4840ee01ec774"},
        "resource": {"id": "10715065354", "type": "DNS_record"},
        "when": written(HOUR + after),
    }
    return _laid_over(entry, parts)


MAKERS = {"v2": v2_entry, "v1": v1_entry}


def spread(stream: str, count: int, step: timedelta = timedelta(seconds=1)) -> list[dict[str, Any]]:
    """So many entries from the hour's beginning on."""
    return [MAKERS[stream](number, after=number * step) for number in range(count)]


def ids_of(entries: list[dict[str, Any]]) -> list[str]:
    """The ids of entries, in their order."""
    return [entry["id"] for entry in entries]


def _laid_over(entry: dict[str, Any], parts: dict[str, Any]) -> dict[str, Any]:
    for name, part in parts.items():
        both = isinstance(part, dict) and isinstance(entry.get(name), dict)
        entry[name] = {**entry[name], **part} if both else part
    return entry
