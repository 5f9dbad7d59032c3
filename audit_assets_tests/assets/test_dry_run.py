"""A dry run says what a run would do, opens nothing, and is forgotten by the run that follows."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import dagster as dg
import pytest

from audit_assets.assets.opened_tickets import TICKETS
from audit_assets.assets.rehearsals import RENDERED
from audit_assets.sandbox.faults import Fault
from audit_assets_tests.assets.test_hour import a_quiet_fortnight
from audit_assets_tests.pipeline import DAY, HOUR, Pipeline, check_of, failure_of, v2_burst, v2_entry

JUDGED = datetime(2026, 11, 22, 9, tzinfo=UTC)
WRITES = {"issueCreate", "issueUpdate", "commentCreate", "attachmentCreate", "issueRelationCreate"}
NOBODY = "http://127.0.0.1:9/hook"


@pytest.fixture
def burst(pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch) -> Iterator[Pipeline]:
    """Alice does far more than usual, in a dry run; nobody listens at the webhook."""
    pipeline.remember(a_quiet_fortnight())
    pipeline.sandbox.cloudflare.add("v2", v2_burst(JUDGED + timedelta(minutes=5), 45, action="delete"))
    monkeypatch.setenv("AUDIT_ASSETS_WEBHOOK_URL", NOBODY)
    monkeypatch.setenv("LINEAR_DRY_RUN", "1")
    yield pipeline
    assert not {call for service, call in pipeline.sandbox.stage.count() if service == "linear"} & WRITES or (
        pipeline.tickets()
    )


def rows(pipeline: Pipeline, *columns: str) -> list[Any]:
    """What OPENED_TICKETS says of the hour."""
    return pipeline.store.require(TICKETS, JUDGED).select(columns).rows()


def metadata(pipeline: Pipeline) -> dict[str, Any]:
    """What `opened_tickets` says of its hour in Dagster."""
    record = pipeline.instance.get_latest_materialization_event(dg.AssetKey("opened_tickets"))
    assert record
    assert record.asset_materialization
    return {name: value.value for name, value in record.asset_materialization.metadata.items()}
