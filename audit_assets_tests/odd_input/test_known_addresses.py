"""An address that an actor used before is known on its ticket, however either entry spells it: the whole way."""

from contextlib import closing
from datetime import UTC, datetime

import polars as pl
import pytest

from audit_assets.cloudflare.entries import normalize_entries
from audit_assets.defs.resources import AxiomResource, CloudflareResource
from audit_assets_tests.defs.conftest import pipeline, sandbox
from audit_assets_tests.pipeline import DAY, HOUR, Pipeline, remember_frame, v2_burst, v2_entry

__all__ = ["pipeline", "sandbox"]

JUDGED = datetime(2026, 11, 22, 9, tzinfo=UTC)


def actor_from(address: str) -> dict[str, dict[str, str]]:
    """The actor of an entry."""
    return {"actor": {"id": "a1" * 16, "email": "alice@example.com", "type": "user", "ip_address": address}}


def ticket_of(pipeline: Pipeline, address: str) -> str:
    """The description of the ticket of a burst from that address."""
    pipeline.sandbox.cloudflare.add("v2", [entry | actor_from(address) for entry in v2_burst(JUDGED, 40)])
    assert pipeline.run(JUDGED).success
    (ticket,) = pipeline.tickets()
    return ticket["description"]


@pytest.mark.parametrize(
    ("before", "now", "shown"),
    [
        ("203.0.113.9", "::ffff:203.0.113.9", "203.0.113.9"),
        ("2001:DB8:0:0:0:0:0:1", "[2001:db8::1]:443", "2001:db8::1"),
    ],
)
def test_an_address_is_known_in_any_spelling(pipeline: Pipeline, before: str, now: str, shown: str) -> None:
    pipeline.remember([v2_entry(JUDGED - DAY * day) | actor_from(before) for day in range(1, 15)])
    assert f"- Address `{shown}`: 40 changes, used on 14 of the last 30 days\n" in ticket_of(pipeline, now)
    with closing(AxiomResource(pipeline.clock).client()) as axiom:
        key = pipeline.store.require("flagged_actors", JUDGED)["actor_key"][0]
        assert axiom.origins([key], JUDGED - 20 * DAY, JUDGED + HOUR)["address"].unique().to_list() == [shown]


def test_an_address_is_known_that_axiom_holds_in_an_older_spelling(pipeline: Pipeline) -> None:
    """As what was ingested before addresses had one spelling."""
    past = [v2_entry(JUDGED - DAY * day) | actor_from("203.0.113.9") for day in range(1, 15)]
    frame, _ = normalize_entries(past, "v2", CloudflareResource().account_id())
    remember_frame(pipeline.store, frame.with_columns(ip_address=pl.lit("::ffff:203.0.113.9")), pipeline.clock)
    assert "- Address `203.0.113.9`: 40 changes, used on 14 of the last 30 days\n" in ticket_of(pipeline, "203.0.113.9")
