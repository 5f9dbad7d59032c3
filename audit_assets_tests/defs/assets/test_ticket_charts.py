"""A ticket that is opened shows its actor's last 30 days, and goes out all the same when it can't."""

import io
import re
from datetime import UTC, datetime, timedelta

import dagster as dg
import httpx
import pytest
from PIL import Image

from audit_assets.sandbox.fault_plan import Fault
from audit_assets.sandbox.linear.linear_service import API_KEY
from audit_assets_tests.defs.assets.test_hour import a_quiet_fortnight
from audit_assets_tests.defs.assets.test_overflow import run_from_tickets
from audit_assets_tests.defs.assets.test_triage_notes import materialized
from audit_assets_tests.pipeline import DAY, HOUR, Pipeline, v2_burst

JUDGED = datetime(2026, 11, 22, 9, tzinfo=UTC)
PICTURE = re.compile(r"^!\[(.*)\]\((.*)\)$", re.MULTILINE)


@pytest.fixture
def lived(pipeline: Pipeline) -> Pipeline:
    """Alice has a past, and goes on in the hour that is judged."""
    pipeline.remember(a_quiet_fortnight())
    burst(pipeline, JUDGED)
    return pipeline


def burst(pipeline: Pipeline, hour: datetime) -> None:
    pipeline.sandbox.cloudflare.add("v2", v2_burst(hour + timedelta(minutes=5), 45, action="delete"))


def test_a_new_ticket_shows_the_last_30_days_and_what_joins_it_later_does_not(lived: Pipeline) -> None:
    assert lived.run(JUDGED).success
    (ticket,) = lived.tickets()
    ((shows, url),) = PICTURE.findall(ticket["description"])
    assert re.fullmatch(
        r"Changes per hour in the 30 days to 2026-11-22 09:00 UTC: 45 in that hour, at most \d in any of \d+ active "
        r"hours before, no history before 2026-11-\d\d",
        shows,
    )
    why, chart, done = (ticket["description"].index(part) for part in ("## Why", "![", "## What was done"))
    assert why < chart < done
    picture = Image.open(io.BytesIO(httpx.get(url, headers={"Authorization": API_KEY}).content))
    assert (picture.format, picture.size) == ("PNG", (1600, 800))
    assert materialized(lived)["charts"] == 1
    burst(lived, JUDGED - HOUR)
    assert lived.run(JUDGED - HOUR, JUDGED).success, "one joins, the other is there"
    (joined,) = lived.tickets()
    assert joined["description"] == ticket["description"]
    assert not PICTURE.findall(joined["comments"][0]["body"])
    assert "charts" not in materialized(lived)
    calls = lived.sandbox.shared.call_counts()
    assert (calls["linear", "fileUpload"], calls["storage", "put"]) == (1, 1)


MISBEHAVIOUR: tuple[tuple[Fault, str], ...] = (
    (Fault("linear", "fileUpload", "forbidden", times=99), "Linear does not allow this"),
    (Fault("linear", "fileUpload", "rate_limited", times=99, options={"seconds": 3_000}), "rate limit is reached"),
    (Fault("storage", "put", "status", times=99, options={"status": 403}), "it answered HTTP 403"),
    (Fault("axiom", "query", "status", times=99, options={"status": 503}), "Axiom did not take a query"),
)
"""The only query of `opened_tickets` asks for what charts are drawn from."""


def test_whatever_goes_wrong_the_tickets_go_out_soon_and_the_run_shows_once_why_they_have_no_chart(
    lived: Pipeline,
) -> None:
    lived.remember([entry for day in range(1, 15) for entry in v2_burst(JUDGED - DAY * day, 3, actor="bob@x.com")])
    lived.sandbox.cloudflare.add("v2", v2_burst(JUDGED, 40, actor="bob@x.com"))
    assert lived.run(JUDGED, open_tickets="never").success
    for fault, why in MISBEHAVIOUR:
        lived.sandbox.faults.clear()
        lived.sandbox.faults.add(fault)
        lived.clock.waits.clear()
        result = run_from_tickets(lived)
        assert result.success
        assert sum(lived.clock.waits) < 60
        assert_no_chart(lived, result, why)
        forget_the_tickets(lived)


def assert_no_chart(pipeline: Pipeline, result: dg.ExecuteInProcessResult, why: str) -> None:
    tickets = pipeline.tickets()
    assert len(tickets) == 2
    assert not any(PICTURE.findall(ticket["description"]) for ticket in tickets)
    errors = str(materialized(pipeline)["chart_errors"])
    assert errors.startswith("Tickets went out without a chart. ")
    assert why in errors
    assert "Run the hour again" not in errors, "that would bring none"
    events = pipeline.instance.all_logs(result.run_id)
    assert sum(why in event.user_message for event in events if event.level == 30) == 1


def forget_the_tickets(pipeline: Pipeline) -> None:
    """As if none had been opened."""
    store = pipeline.sandbox.linear.store
    with store.transaction():
        store._database.execute("DELETE FROM entity WHERE kind IN ('Issue', 'Attachment')")
