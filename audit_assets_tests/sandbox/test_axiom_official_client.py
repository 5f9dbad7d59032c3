"""axiom-py itself is content with the sandbox's Axiom, on the classic and on the edge addresses."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from axiom_py import Client
from axiom_py.client import AplOptions, AxiomError, IngestOptions

from audit_assets.sandbox.axiom.axiom_service import DATASET, ORG_ID, TOKEN
from audit_assets.sandbox.server import Sandbox
from audit_assets_tests.sandbox import axiom_calls

door = axiom_calls.door
sandbox = axiom_calls.sandbox

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)


@pytest.fixture(params=["classic", "edge"])
def client(request: pytest.FixtureRequest, sandbox: Sandbox) -> Iterator[Client]:
    settings: dict[str, Any] = {"edge_url": sandbox.url} if request.param == "edge" else {}
    made = Client(TOKEN, ORG_ID, sandbox.url, **settings)
    made.session.trust_env = False
    yield made
    made.session.close()


def pass_time(sandbox: Sandbox) -> None:
    sandbox.shared.clock.advance(timedelta(seconds=10))


@pytest.mark.parametrize("options", [None, IngestOptions()])
def test_events_go_in_and_come_out(client: Client, sandbox: Sandbox, options: IngestOptions | None) -> None:
    events = [{"_time": NOON + timedelta(minutes=n), "n": n, "who": "é/\n'\""} for n in range(3)]

    receipt = client.ingest_events(DATASET, events, options)
    pass_time(sandbox)
    result = client.query(
        f"['{DATASET}'] | distinct _time, n, who | sort by n asc",
        AplOptions(start_time=NOON + timedelta(minutes=1), end_time=NOON + timedelta(minutes=2)),
    )

    assert (receipt.ingested, receipt.failed, receipt.failures) == (3, 0, [])
    assert (receipt.blocks_created, receipt.wal_length) == (0, 3)
    assert receipt.processed_bytes > 100
    assert result.savedQueryID
    assert result.status.isPartial is False
    assert result.tables is not None
    assert list(result.tables[0].events()) == [{"_time": "2026-11-20T12:01:00Z", "n": 1, "who": "é/\n'\""}]


def test_a_summarize_parses(client: Client, sandbox: Sandbox) -> None:
    client.ingest_events(DATASET, [{"_time": NOON, "actor": "a"}, {"_time": NOON, "actor": "a"}])
    pass_time(sandbox)

    result = client.query(f"['{DATASET}'] | extend hour = bin(_time, 1h) | summarize n = count() by actor, hour")

    assert result.tables is not None
    assert [group.name for group in result.tables[0].groups] == ["actor", "hour"]
    assert result.tables[0].columns == [["a"], ["2026-11-20T12:00:00Z"], [2]]


def test_a_warning_parses(client: Client, sandbox: Sandbox) -> None:
    client.ingest_events(DATASET, [{"n": n} for n in range(1_001)])
    pass_time(sandbox)

    result = client.query(f"['{DATASET}']")

    assert [message.code for message in result.status.messages] == ["default_limit_warning"]


def test_failed_events_are_reported(client: Client) -> None:
    receipt = client.ingest_events(DATASET, [{"_time": "never"}, {"n": 1}])

    assert (receipt.ingested, receipt.failed) == (1, 1)
    assert receipt.failures[0].error


def test_refusals_become_axiom_errors(client: Client) -> None:
    with pytest.raises(AxiomError) as missing:
        client.ingest_events("other", [{"n": 1}])
    with pytest.raises(AxiomError) as unknown:
        client.query(f"['{DATASET}'] | where isempty(nobody)")

    assert missing.value.status == 404
    assert (unknown.value.status, unknown.value.message) == (400, 'invalid field "nobody"')
