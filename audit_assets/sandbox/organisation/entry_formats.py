"""The audit entries of an act, in the formats of v2 and v1 with their variations."""

import random
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from audit_assets.sandbox.organisation.organisation_members import ACCOUNT_NAME, Actor
from audit_assets.sandbox.organisation.resource_catalogue import ZONE, Action, Kind

_VERBS: Mapping[Action, str] = {"create": "Create", "update": "Update", "delete": "Delete", "view": "View"}
_WORDS = ("alpha", "beacon", "cargo", "delta", "ember", "fjord", "harbour", "jetty", "keel", "lagoon", "mast", "quay")
_BIG_REQUEST = 0.002
"""The share of ruleset changes that send the whole list of expressions, some tens of kilobytes."""


@dataclass(frozen=True)
class Act:
    """An actor did an action to a resource at a time."""

    time: datetime
    actor: Actor
    kind: Kind
    action: Action
    zone: tuple[str, str] | None = None
    """Name and id, if the kind belongs to a zone."""

    address: str = ""
    """The source address, if it is not the actor's usual one."""

    fields: Mapping[str, Any] | None = None
    """The body of the request, if it matters."""

    failed: bool | None = None
    """Whether it failed; None: by chance, as some do."""


def entry(act: Act, account_id: str, rng: random.Random) -> dict[str, Any]:
    """The audit entry of the act, in the stream of its kind."""
    return _v1(act, rng) if act.kind.v1_words else _v2(act, account_id, rng)


def _v2(act: Act, account_id: str, rng: random.Random) -> dict[str, Any]:
    kind = act.kind
    resource_id = f"{rng.getrandbits(128):032x}"
    sent = act.fields or _fields(kind, act, rng)
    by_chance = rng.random() < 0.003
    failed = by_chance if act.failed is None else act.failed
    method, status = _method(act), 503 if failed else 200
    parent = f"{rng.getrandbits(128):032x}"
    path = kind.path.format(account=account_id, zone=act.zone[1] if act.zone else "", parent=parent)
    written: dict[str, Any] = {
        "id": _id(rng),
        "account": {"id": account_id, "name": ACCOUNT_NAME},
        "action": {
            "description": kind.title if kind.single else f"{_VERBS[act.action]} {kind.title}",
            "result": "failure" if failed else ("" if rng.random() < 0.01 else "success"),
            "time": _time(act.time, decimals=3 if act.actor.token_id and rng.random() < 0.5 else 0),
            "type": act.action,
        },
        "actor": _actor(act, rng),
        "raw": {
            "cf_ray_id": f"{rng.getrandbits(64):016x}",
            "method": method,
            "status_code": status,
            "uri": path if kind.single or method == "POST" else f"{path}/{resource_id}",
            "user_agent": act.actor.user_agent,
        },
        "resource": {
            "id": resource_id,
            "product": kind.product,
            "type": kind.type,
            "scope": kind.scope if rng.random() > 0.005 else {"type": kind.scope},
            "request": sent if act.action in ("create", "update") else {},
            "response": {} if failed else {"id": resource_id, "success": True},
        },
    }
    if act.zone:
        written["zone"] = {"id": act.zone[1], "name": act.zone[0]}
    if act.actor.type == "system":
        del written["raw"]
    elif rng.random() < 0.005:
        written["resource"]["value"] = sent
    return written


def _v1(act: Act, rng: random.Random) -> dict[str, Any]:
    kind, actor = act.kind, act.actor
    value = act.fields or _fields(kind, act, rng)
    decimals = rng.choice((0, 5, 6))
    who = {"email": actor.email, "id": actor.id, "ip": act.address or actor.address, "type": actor.type}
    from_dashboard = actor.user_agent.startswith("Mozilla")
    word = (kind.v1_words or {})[act.action]
    written: dict[str, Any] = {
        "action": {"result": rng.random() > 0.01, "type": word},
        "actor": {name: text for name, text in who.items() if text},
        "id": _uuid(rng),
        "interface": rng.choice(("UI", "")) if from_dashboard else "API",
        "metadata": _metadata(act, value, rng),
        "newValue": rng.choice(("", "null")),
        "oldValue": rng.choice(("", "null")),
        "owner": {"id": actor.id},
        "resource": {"id": str(rng.randrange(10**9, 10**11)), "type": kind.type},
        "when": _time(act.time, decimals),
    }
    if kind.type in ("DNS_record", "zone"):
        written["oldValueJson" if act.action == "delete" else "newValueJson"] = value
    return written


def _actor(act: Act, rng: random.Random) -> dict[str, str]:
    """Members that an actor does not have are left out, as they are for systems and account tokens."""
    actor = act.actor
    context = "" if actor.type == "system" else "api_token" if actor.token_id else "dash"
    if context == "dash":
        context = _rare_context(rng.random()) or context
    members = {
        "id": actor.id,
        "context": context,
        "email": actor.email,
        "ip_address": act.address or actor.address,
        "token_id": actor.token_id,
        "token_name": actor.token_name,
        "type": actor.type,
    }
    return {name: text for name, text in members.items() if text}


def _rare_context(share: float) -> str | None:
    """The context of a few acts of people that were not done in the dashboard."""
    return "api_key" if share < 0.02 else "oauth" if share < 0.03 else "origin_ca_key" if share < 0.032 else None


def _method(act: Act) -> str:
    if act.kind.type == "login":
        return "POST"
    return {"create": "POST", "update": act.kind.update_method, "delete": "DELETE", "view": "GET"}[act.action]


_ZONE_IDS = ("zone_tag", "zone_id")


def _metadata(act: Act, value: Mapping[str, Any], rng: random.Random) -> dict[str, Any]:
    """v1's metadata: the zone's name alone or with its id, as `zone_tag` or `zone_id`."""
    if act.zone:
        shape = act.time.second % 3  # no random number, so that a seed generates what it did before
        return {"zone_name": act.zone[0], **({_ZONE_IDS[shape]: act.zone[1]} if shape < len(_ZONE_IDS) else {})}
    if act.kind.type == "account":
        return {"token_name": value["name"], "token_tag": f"{rng.getrandbits(128):032x}"}
    return {"script_name": value["name"]}


def _fields(kind: Kind, act: Act, rng: random.Random) -> dict[str, Any]:
    """A plausible body of the request."""
    word = rng.choice(_WORDS)
    name = f"{word}-{rng.randrange(100)}"
    if kind.type in ("dns_record", "DNS_record"):
        zone = act.zone[0] if act.zone else ""
        address = f"203.0.113.{rng.randrange(256)}"
        return {"type": "A", "name": f"{name}.{zone}", "content": address, "ttl": 1, "proxied": rng.random() < 0.7}
    if kind.type == "ruleset":
        rules = 200 if rng.random() < _BIG_REQUEST else rng.randrange(1, 4)
        expression = '(http.request.uri.path contains "/{}" and ip.src in $blocked_{})'
        return {"rules": [{"action": "block", "expression": expression.format(word, n)} for n in range(rules)]}
    if kind.type == "zone":
        return {"min_tls_version": "TLSv1.2", "http_2": "Enabled", "tls_13": "Default", "early_hints": "Default"}
    if kind.type == "cache_purge":
        return {"files": [f"https://{act.zone[0] if act.zone else ''}/{word}/{rng.randrange(1000)}.css"]}
    if kind.type == "member":
        return {"email": f"{word}@partner.example", "roles": ["read-only"], "status": "pending"}
    return {"name": name, "enabled": rng.random() < 0.8}


def _time(moment: datetime, decimals: int) -> str:
    text = moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")
    return f"{text[:19]}Z" if decimals == 0 else f"{text[: 20 + decimals]}Z"


def _id(rng: random.Random) -> str:
    """Both forms were seen in v2: 32 hex digits and a UUID."""
    return f"{rng.getrandbits(128):032x}" if rng.random() < 0.5 else _uuid(rng)


def _uuid(rng: random.Random) -> str:
    digits = f"{rng.getrandbits(128):032x}"
    return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-a{digits[17:20]}-{digits[20:]}"


def of_zone(kind: Kind) -> bool:
    """Whether the kind belongs to a zone."""
    return kind.path.startswith(ZONE)
