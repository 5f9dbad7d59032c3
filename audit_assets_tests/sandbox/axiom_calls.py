"""Calls the sandbox's Axiom in plain HTTP, without the client under test.

A test file that imports `door`, `sandbox` and `axiom` from here has one server for all of its tests, and a fresh
sandbox behind it for each.
"""

import gzip
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import httpx
import pytest

from audit_assets.sandbox.axiom.axiom_service import DATASET, TOKEN
from audit_assets.sandbox.server import Sandbox
from audit_assets_tests.sandbox import linear_calls

door = linear_calls.door
sandbox = linear_calls.sandbox

Event = Mapping[str, Any]


class AxiomCalls:
    """One connection with the sandbox's token."""

    def __init__(self, sandbox: Sandbox, http: httpx.Client) -> None:
        self.sandbox = sandbox
        self.http = http

    def ingest(self, events: Sequence[Event], *, dataset: str = DATASET) -> httpx.Response:
        """Send events as axiom-py does: gzip, a JSON object a line."""
        return self.ingest_body(
            gzip.compress(ndjson(events), 1, mtime=0),
            path=f"/v1/datasets/{dataset}/ingest",
            headers={"content-encoding": "gzip"},
        )

    def ingest_body(
        self,
        body: bytes,
        *,
        path: str = f"/v1/ingest/{DATASET}",
        media: str = "application/x-ndjson",
        headers: Mapping[str, str] | None = None,
    ) -> httpx.Response:
        """Send any bytes."""
        return self.http.post(path, content=body, headers={"content-type": media, **(headers or {})})

    def store(self, *events: Event) -> None:
        """Ingest, and advance the clock until everything is visible."""
        receipt = self.ingest(events).json()
        assert receipt["failed"] == 0, receipt
        self.pass_time(seconds=10)

    def pass_time(self, *, seconds: float) -> None:
        self.sandbox.shared.clock.advance(timedelta(seconds=seconds))

    def query(self, apl: str, **body: Any) -> httpx.Response:
        """Run APL, written without the dataset: it is added before the first stage."""
        return self.query_text(f"['{DATASET}'] {apl}", **body)

    def query_text(self, apl: str, **body: Any) -> httpx.Response:
        """Run a whole APL text."""
        return self.http.post("/v1/query/_apl", params={"format": "tabular"}, json={"apl": apl, **body})

    def rows(self, apl: str, *fields: str, **body: Any) -> list[tuple]:
        """The rows of a result: these fields of them, or all."""
        return rows_of(self.query(apl, **body), *fields)

    def count(self, conditions: str = "", **body: Any) -> int:
        """How many events there are."""
        [(counted,)] = self.rows(f"{conditions} | summarize n = count()", **body)
        return counted


def rows_of(response: httpx.Response, *fields: str) -> list[tuple]:
    """The rows of a result: these fields of them, or all."""
    assert response.status_code == 200, response.text
    [table] = response.json()["tables"]
    columns = {field["name"]: column for field, column in zip(table["fields"], table["columns"], strict=True)}
    return list(zip(*(columns[name] for name in fields or columns), strict=True))


def ndjson(events: Sequence[Event]) -> bytes:
    return "\n".join(map(json.dumps, events)).encode()


@contextmanager
def connected(sandbox: Sandbox) -> Iterator[AxiomCalls]:
    """A connection for as long as the block lasts."""
    headers = {"authorization": f"Bearer {TOKEN}"}
    with httpx.Client(base_url=sandbox.url, headers=headers, trust_env=False, timeout=60) as http:
        yield AxiomCalls(sandbox, http)


@pytest.fixture
def axiom(sandbox: Sandbox) -> Iterator[AxiomCalls]:
    """A connection to the sandbox's Axiom."""
    with connected(sandbox) as calls:
        yield calls
