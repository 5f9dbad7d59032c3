"""People's verdicts on tickets: which hours they are about, how long they are kept, how often tickets were right."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import polars as pl
import pytest

from audit_assets.defs.steps.hour_flags import FLAGGED_ACTORS
from audit_assets.defs.steps.ticket_writing import OPENED_TICKETS, with_earlier_keys
from audit_assets.defs.steps.verdicts import read_verdicts
from audit_assets.detection.schemas import ORGANISATION
from audit_assets.linear.issues import TicketVerdict
from audit_assets.storage.hour_store import HourStore
from audit_assets.tickets.verdict_table import (
    ON_TICKET,
    TABLE,
    TICKET_VERDICTS,
    deviations_on_tickets,
    hash_verdicts,
    precision_by_month,
    update_verdicts,
)

NINE, TEN = (datetime(2026, 11, 22, hour, tzinfo=UTC) for hour in (9, 10))
NOW = TEN + timedelta(hours=1)
FIRST, SECOND = UUID(int=1, version=4), UUID(int=2, version=4)

OPEN, CLOSED = TicketVerdict(None, open=True), TicketVerdict(None, open=False)
CONFIRMED, DISMISSED, BOTH = (TicketVerdict(each, open=False) for each in ("confirmed", "dismissed", "contradictory"))
OPEN_CONFIRMED, OPEN_DISMISSED = TicketVerdict("confirmed", open=True), TicketVerdict("dismissed", open=True)


def on_ticket(*hours: datetime, ticket: UUID = FIRST) -> pl.DataFrame:
    """A burst of Bob's in each of these hours, on a ticket."""
    rows = [
        {"ticket_id": str(ticket), "identifier": "SEC-1", "actor_key": "bob", "hour": hour, "kind": "volume"}
        for hour in hours
    ]
    return pl.DataFrame(rows, schema=ON_TICKET)


def looked(*looks: tuple[pl.DataFrame, TicketVerdict | None]) -> pl.DataFrame:
    """The table after some looks, an hour apart: what was found on tickets, and what Linear showed of the first."""
    known = TICKET_VERDICTS.to_frame()
    for number, (found, verdict) in enumerate(looks):
        known = update_verdicts(known, found, {FIRST: verdict} if verdict else {}, NOW + timedelta(hours=number))
    return known


NO_NEWS = on_ticket()


@pytest.mark.parametrize(
    ("looks", "expected"),
    [
        ([(on_ticket(NINE), OPEN)], ["open"]),
        ([(on_ticket(NINE, TEN), CONFIRMED)], ["confirmed"] * 2),
        ([(on_ticket(NINE), CLOSED)], ["completed"]),
        ([(on_ticket(NINE), None)], ["unreadable"]),
        ([(on_ticket(NINE), None), (NO_NEWS, DISMISSED)], ["dismissed"]),
        ([(on_ticket(NINE), DISMISSED), (NO_NEWS, None)], ["dismissed"]),
        ([(on_ticket(NINE), DISMISSED), (on_ticket(NINE), OPEN)], ["open"]),
        ([(on_ticket(NINE), CONFIRMED), (NO_NEWS, DISMISSED)], ["dismissed"]),
        ([(on_ticket(NINE), CONFIRMED), (NO_NEWS, BOTH)], ["contradictory"]),
        ([(on_ticket(NINE), OPEN_CONFIRMED)], ["open"]),
        ([(on_ticket(NINE), CONFIRMED), (on_ticket(TEN), OPEN_CONFIRMED)], ["confirmed", "open"]),
        ([(on_ticket(NINE), CONFIRMED), (on_ticket(TEN), OPEN_CONFIRMED), (NO_NEWS, CONFIRMED)], ["confirmed"] * 2),
        ([(on_ticket(NINE), CONFIRMED), (on_ticket(TEN), OPEN)], ["open"] * 2),
        ([(on_ticket(NINE), OPEN_DISMISSED), (NO_NEWS, OPEN_DISMISSED)], ["dismissed"]),
        ([(on_ticket(NINE), OPEN_DISMISSED), (on_ticket(TEN), OPEN_DISMISSED)], ["dismissed", "open"]),
        (
            [(on_ticket(NINE), OPEN_DISMISSED), (on_ticket(TEN), OPEN_DISMISSED), (NO_NEWS, DISMISSED)],
            ["dismissed"] * 2,
        ),
        ([(on_ticket(NINE), OPEN_DISMISSED), (on_ticket(TEN), OPEN), (NO_NEWS, OPEN_DISMISSED)], ["dismissed"] * 2),
    ],
)
def test_each_hour_has_the_last_verdict_that_was_given_on_it(
    looks: list[tuple[pl.DataFrame, TicketVerdict | None]], expected: list[str]
) -> None:
    assert looked(*looks)["verdict"].to_list() == expected


def test_what_is_seen_again_is_no_news() -> None:
    once = looked((on_ticket(NINE), CONFIRMED))
    again = looked((on_ticket(NINE), CONFIRMED), (on_ticket(NINE), CONFIRMED), (NO_NEWS, None))
    assert again.equals(once)
    assert once["seen_at"].to_list() == [NOW]
    changed = looked((on_ticket(NINE), CONFIRMED), (NO_NEWS, OPEN))
    assert hash_verdicts(changed) != hash_verdicts(once)
    assert changed["seen_at"].to_list() == [NOW + timedelta(hours=1)]


def test_what_comes_to_an_hour_after_a_look_gets_no_verdict() -> None:
    """An hour that is run again with late entries adds nothing to the ticket that it is on: nobody sees it there."""
    late = on_ticket(NINE).with_columns(kind=pl.lit("new_resource_type"), resource_type=pl.lit("api_tokens"))
    table = looked((on_ticket(NINE), OPEN), (pl.concat([on_ticket(NINE), late]), DISMISSED))
    assert table.select("kind", "verdict").rows() == [("volume", "dismissed")]


def test_without_a_table_there_are_no_verdicts(tmp_path: Any) -> None:
    store = HourStore(str(tmp_path))
    assert read_verdicts(store).is_empty()
    found = pl.concat([on_ticket(NINE), on_ticket(TEN, ticket=SECOND)])
    store.write(
        TABLE, None, update_verdicts(TICKET_VERDICTS.to_frame(), found, {FIRST: CLOSED, SECOND: CONFIRMED}, NOW)
    )
    decided = read_verdicts(store).select("actor_key", "hour", "kind", "resource_type", "verdict")
    assert decided.rows() == [("bob", TEN, "volume", None, "confirmed")]


def frame(schema: pl.Schema, *rows: dict[str, Any]) -> pl.DataFrame:
    return pl.DataFrame([{"hour": NINE, **row} for row in rows], schema=schema)


def test_which_deviations_are_on_a_ticket() -> None:
    """Bob's own, and what three did at once; not what was under the budget, silenced, or too many for a ticket."""
    actors = ("bob", "anne", "carl", "dora", "emil", ORGANISATION)
    outcomes = ("already_on_ticket", "dismissed", "on_shared_ticket", "too_old", "unreadable", "opened")
    tickets = [
        {"actor_key": actor, "outcome": outcome, "ticket_id": actor, "identifier": "SEC-1"}
        for actor, outcome in zip(actors, outcomes, strict=True)
    ]
    burst = {"kind": "volume", "disposition": "ticket"}
    migration = {"kind": "new_resource_type", "resource_type": "registrar", "disposition": "organisation"}
    flagged = [
        *({"actor_key": actor, **burst} for actor in actors[:-1]),
        {"actor_key": "bob", "kind": "new_resource_type", "resource_type": "zone", "disposition": "ticket"},
        {"actor_key": "bob", "kind": "new_resource_type", "resource_type": "dns", "disposition": "allowed"},
        *({"actor_key": actor, **migration} for actor in ("anne", "finn")),
        {"actor_key": "finn", **burst, "disposition": "below_threshold"},
        {"actor_key": ORGANISATION, "kind": ORGANISATION, "resource_type": "registrar", "disposition": "ticket"},
    ]
    found = deviations_on_tickets(frame(OPENED_TICKETS, *tickets), frame(FLAGGED_ACTORS, *flagged))
    assert set(found.select("ticket_id", "actor_key", "kind", "resource_type").rows()) == {
        ("bob", "bob", "volume", None),
        ("bob", "bob", "new_resource_type", "zone"),
        (ORGANISATION, "anne", "new_resource_type", "registrar"),
        (ORGANISATION, "finn", "new_resource_type", "registrar"),
    }


def test_a_verdict_on_what_credentials_did_together_is_one_on_each_of_them() -> None:
    tickets = [{"actor_key": "bob", "outcome": "opened", "ticket_id": "1", "identifier": "SEC-1"}]
    together = {"actor_key": "bob", "kind": "credentials", "disposition": "ticket", "members": ["bob", "token"]}
    found = deviations_on_tickets(frame(OPENED_TICKETS, *tickets), frame(FLAGGED_ACTORS, together))
    assert found.select("ticket_id", "actor_key").rows() == [("1", "bob"), ("1", "token")]


@pytest.mark.parametrize(
    ("earlier", "ticket_key"),
    [
        ({"identifier": "SEC-1"}, "token"),
        ({"identifier": "SEC-1", "ticket_key": "token"}, "token"),
        ({"identifier": "SEC-1", "ticket_key": "bob"}, "bob"),
        ({"outcome": "failed"}, "bob"),
    ],
)
def test_an_hour_that_is_on_a_ticket_stays_on_it_when_it_is_run_again(earlier: dict[str, Any], ticket_key: str) -> None:
    flagged = frame(FLAGGED_ACTORS, {"actor_key": "token", "ticket_key": "bob", "owner": "Bob"})
    before = frame(OPENED_TICKETS, {"actor_key": "token", **earlier})
    assert with_earlier_keys(flagged, before)["ticket_key"].to_list() == [ticket_key]
    older = before.drop("ticket_key") if "ticket_key" not in earlier else before
    assert with_earlier_keys(flagged, older)["ticket_key"].to_list() == [ticket_key]


def test_an_hour_that_was_stored_under_the_former_name_of_its_outcome_is_on_its_ticket() -> None:
    tickets = [{"actor_key": "bob", "outcome": "seen", "ticket_id": "1", "identifier": "SEC-1"}]
    flagged = [{"actor_key": "bob", "kind": "volume", "disposition": "ticket"}]
    found = deviations_on_tickets(frame(OPENED_TICKETS, *tickets), frame(FLAGGED_ACTORS, *flagged))
    assert found["ticket_id"].to_list() == ["1"]


def test_active_hours_are_not_kept_as_changes() -> None:
    tickets = [{"actor_key": "bob", "outcome": "opened", "ticket_id": "1", "identifier": "SEC-1"}]
    burst = {"actor_key": "bob", "kind": "volume", "disposition": "ticket", "changes": 24}
    for horizon, changes in (("24h", 24), (None, 24), ("active hours", None)):
        flagged = frame(FLAGGED_ACTORS, burst | {"horizon": horizon})
        assert deviations_on_tickets(frame(OPENED_TICKETS, *tickets), flagged)["changes"].to_list() == [changes]


def test_precision_counts_each_ticket_once_in_the_month_that_opened_it() -> None:
    verdicts = ["confirmed", "confirmed", "dismissed", "completed", "contradictory", "open", "unreadable"]
    rows = [(f"t{number}", NINE, verdict) for number, verdict in enumerate(verdicts)]
    rows += [("t0", NINE + timedelta(days=20), "open"), ("later", NINE + timedelta(days=20), "open")]
    known = [
        {"ticket_id": ticket, "actor_key": "bob", "hour": hour, "kind": "volume", "verdict": verdict}
        for ticket, hour, verdict in rows
    ]
    november, december = precision_by_month(pl.DataFrame(known, schema=TICKET_VERDICTS)).items()
    counts = {"opened": 7, "confirmed": 2, "dismissed": 1, "completed": 2, "still_open": 1, "unreadable": 1}
    assert november == ("2026-11", {**counts, "precision": pytest.approx(2 / 3)})
    nothing = dict.fromkeys(counts, 0) | {"opened": 1, "still_open": 1}
    assert december == ("2026-12", {**nothing, "precision": None})
