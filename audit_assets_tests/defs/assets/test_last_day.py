"""The page of the summary asset shows the last 24 hours and the open tickets, whichever hour was materialised last."""

from datetime import UTC, datetime

import dagster as dg
import polars as pl
import pytest

from audit_assets.defs.day_metadata import day_metadata
from audit_assets.storage.tables import VERDICTS
from audit_assets.tickets.verdict_table import TICKET_VERDICTS
from audit_assets_tests.defs.assets.test_hour import a_quiet_fortnight
from audit_assets_tests.pipeline import DAY, HOUR, Pipeline, v2_burst

JUDGED = datetime(2026, 11, 22, 9, tzinfo=UTC)


def shown(result: dg.ExecuteInProcessResult) -> dict[str, str]:
    """What the asset's page shows: the metadata of its last materialisation."""
    assert result.success
    made = result.asset_materializations_for_node("flagged_actor_summary")[-1]
    return {name: str(made.metadata[name].value) for name in ("last_24_hours", "open_tickets") if name in made.metadata}


@pytest.mark.usefixtures("without_watch_rules")
def test_the_newest_24_hours_are_shown_with_links_to_the_open_tickets(pipeline: Pipeline) -> None:
    pipeline.remember(a_quiet_fortnight())
    pipeline.sandbox.cloudflare.add("v2", v2_burst(JUDGED, 45, action="delete"))
    page = shown(pipeline.run(JUDGED))
    lines = page["last_24_hours"].splitlines()
    assert lines[0] == "| hour | entries | flagged | tickets |"
    assert lines[2] == "| `2026-11-22-09:00` | `45` | `1` | `SEC-1` |"
    assert lines[3] == "| `2026-11-22-08:00` |  |  | `not judged` |"
    assert len(lines) == 2 + 24
    (ticket,) = pipeline.tickets()
    assert page["open_tickets"] == f"[SEC-1]({pipeline.sandbox.url}{ticket['path']})"
    backfill = shown(pipeline.run(JUDGED - DAY * 20, JUDGED - DAY * 20 + HOUR))
    assert backfill == page, "a backfill of old hours shows the same day"


def test_hours_in_which_nothing_was_flagged_are_counted_in_a_line(pipeline: Pipeline) -> None:
    pipeline.remember(a_quiet_fortnight())
    pipeline.sandbox.cloudflare.add("v2", v2_burst(JUDGED - HOUR, 3) + v2_burst(JUDGED, 1))
    *table, gap, counted = shown(pipeline.run(JUDGED - HOUR, JUDGED))["last_24_hours"].splitlines()
    assert (len(table), gap) == (2 + 22, "")
    assert "| `2026-11-22-07:00` |  |  | `not judged` |" in table
    assert counted == "2 hours with nothing flagged, 4 entries"
    midnight = JUDGED.replace(hour=0)
    assert shown(pipeline.run(JUDGED - HOUR * 23, midnight - HOUR)).keys() == {"last_24_hours", "open_tickets"}
    page = shown(pipeline.run(midnight, JUDGED - HOUR * 2))
    assert page == {"last_24_hours": "24 hours with nothing flagged, 4 entries", "open_tickets": "none"}


@pytest.mark.usefixtures("without_watch_rules")
def test_a_ticket_that_people_closed_is_no_longer_linked(pipeline: Pipeline) -> None:
    pipeline.remember(a_quiet_fortnight())
    pipeline.sandbox.cloudflare.add("v2", v2_burst(JUDGED, 45, action="delete"))
    assert "SEC-1" in shown(pipeline.run(JUDGED))["open_tickets"]
    pipeline.sandbox.linear.complete("SEC-1")
    assert pipeline.read_verdicts().success
    assert shown(pipeline.run(JUDGED - DAY * 20))["open_tickets"] == "none"


def test_an_older_ticket_that_is_open_is_linked_and_no_name_or_address_becomes_markup(pipeline: Pipeline) -> None:
    assert pipeline.run(JUDGED).success
    tickets = {
        "SEC-7": "https://linear.app/acme/issue/SEC-7",
        "[x](https://evil.example)": "javascript:alert(1)",
        "SEC-9": 'https://linear.app/"onclick=x) [y](https://evil.example',
    }
    rows = [
        {"ticket_id": str(number), "identifier": name, "url": url, "hour": JUDGED - DAY * 9, "verdict": "open"}
        for number, (name, url) in enumerate(tickets.items())
    ]
    missing = {name: None for name in TICKET_VERDICTS if name not in rows[0]}
    table = pl.DataFrame([row | missing for row in rows], schema=TICKET_VERDICTS)
    pipeline.store.write(VERDICTS, None, table, {})
    links = str(day_metadata(pipeline.store, JUDGED)["open_tickets"].value)
    assert sorted(links.split(" · ")) == sorted(
        ["[SEC-7](https://linear.app/acme/issue/SEC-7)", "x·https·evil·example", "SEC-9"]
    )
