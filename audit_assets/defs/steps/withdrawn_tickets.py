"""Tickets that an hour opened while little of its history was there, and that no longer hold now that more is.

Each gets one comment, and is left to people otherwise. What an hour no longer finds for another reason, such as a
verdict, a policy or a late entry, is not taken back: there people know why.
"""

from collections.abc import Iterator
from datetime import datetime
from uuid import UUID

import polars as pl

from audit_assets.config.errors import ServiceError
from audit_assets.defs.steps.history_coverage import is_worth_judging_again
from audit_assets.defs.steps.ticket_opener import TicketOpener

WITHDRAWN = "withdrawn"
"""The outcome of an actor whose ticket got that comment."""


def find_no_longer_flagged(
    flagged: pl.DataFrame, before: pl.DataFrame | None, *, judged_on: int | None, hours_present: int | None
) -> pl.DataFrame:
    """The OPENED_TICKETS rows of an earlier run (`before`, on `judged_on` hours) whose tickets nobody who is `flagged`
    now (on `hours_present`) is on; none unless there is decidedly more history now."""
    if before is None:
        return pl.DataFrame()
    if hours_present is None or not is_worth_judging_again(judged_on, hours_present):
        return before.filter(pl.col("outcome") == WITHDRAWN).join(flagged, on="actor_key", how="anti")
    on_ticket = before.drop_nulls("identifier")
    still = on_ticket.join(flagged, on="actor_key", how="semi").select("ticket_id")
    return on_ticket.join(still, on="ticket_id", how="anti")


def withdraw(
    rows: pl.DataFrame, opener: TicketOpener, hour: datetime, *, judged_on: int, hours_present: int
) -> Iterator[str]:
    """Comment on the tickets of these rows. A sentence for each that could not be written to."""
    for ticket in rows.filter(pl.col("outcome") != WITHDRAWN)["ticket_id"].unique(maintain_order=True):
        try:
            opener.add_withdrawal(UUID(ticket), hour, judged_on=judged_on, hours_present=hours_present)
        except ServiceError as error:
            yield str(error)
