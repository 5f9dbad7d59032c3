"""Audit entries made for the tests of Axiom's client."""

import hashlib
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import polars as pl

from audit_assets.axiom.client import AxiomClient
from audit_assets.axiom.events import events_from
from audit_assets.cloudflare.entries import ENTRY_SCHEMA
from audit_assets.sandbox.server import Sandbox
from audit_assets_tests.support import JumpingClock

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)

AT = datetime(2026, 11, 20, 10, tzinfo=UTC)
"""The hour that most tests are about."""

ANNE = "a" * 32
BORIS = "b" * 32

TYPICAL: Mapping[str, Any] = {
    "stream": "v2",
    "account_id": "acc0",
    "actor_key": ANNE,
    "actor": "anne@example.com",
    "actor_type": "user",
    "actor_email": "anne@example.com",
    "interface": "dash",
    "ip_address": "192.0.2.7",
    "user_agent": "Mozilla/5.0",
    "action": "create",
    "change_kind": "create",
    "action_description": "Created a record",
    "action_result": "success",
    "is_change": True,
    "resource_type": "dns_record",
    "method": "POST",
    "uri": "/zones/z/dns_records",
    "status_code": 200,
    "raw": '{"id":"x"}',
}


def entries(count: int = 3, at: datetime = AT, every: timedelta = timedelta(minutes=1), **columns: Any) -> pl.DataFrame:
    """`count` typical entries from `at` on; a keyword replaces a column by a value, or by a sequence of them."""
    chosen = {**TYPICAL, **columns}
    times = [at + every * n for n in range(count)]
    whose = chosen["actor_key"] if isinstance(chosen["actor_key"], str) else "many"
    ids = [hashlib.sha256(f"{whose} {at} {n}".encode()).hexdigest() for n in range(count)]
    made = {"entry_id": ids, "native_id": [each[:12] for each in ids], "time": times, **chosen}
    known = {name: _column(made.get(name), count) for name in ENTRY_SCHEMA}
    return pl.DataFrame(known, schema=ENTRY_SCHEMA)


def _column(value: Any, count: int) -> Sequence[Any]:
    return value if isinstance(value, list) else [value] * count


def put_in(axiom: AxiomClient, *frames: pl.DataFrame) -> None:
    """Ingest the frames together, and wait until they are visible."""
    whole = pl.concat(frames)
    axiom.ingest(events_from(whole))
    assert axiom.prove(whole).holds


def client_of(sandbox: Sandbox, clock: JumpingClock, **options: Any) -> AxiomClient:
    """A client of the sandbox; a keyword replaces one of its arguments."""
    settings = sandbox.environment()
    return AxiomClient(
        **{
            "token": settings["AXIOM_TOKEN"],
            "dataset": settings["AXIOM_DATASET"],
            "org_id": settings["AXIOM_ORG_ID"],
            "url": settings["AXIOM_URL"],
            "clock": clock,
            **options,
        }
    )
