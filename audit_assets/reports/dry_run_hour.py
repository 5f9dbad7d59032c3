"""What a dry run shows of an hour: the tickets that a run would open, and why it might open none."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import polars as pl

from audit_assets.linear.dry_run import RenderedTicket


@dataclass(frozen=True)
class DryRunHour:
    """What a run would do about an hour's flagged actors.

    `skip_reason`: why it would open nothing after all, if so; `remarks` are for people; `rows`: a row for every actor
    as `opened_tickets` has it, with the `problem` of those whose ticket could not be rendered.
    """

    hour: str
    skip_reason: str | None
    remarks: tuple[str, ...]
    tickets: tuple[RenderedTicket, ...]
    rows: pl.DataFrame

    @property
    def problems(self) -> list[str]:
        """Why tickets could not be rendered, one per actor."""
        return self.rows["problem"].drop_nulls().to_list()

    def as_json(self) -> dict[str, Any]:
        """The tickets, for other programs."""
        head = {"hour": self.hour, "skip_reason": self.skip_reason, "remarks": [*self.remarks]}
        return {**head, "tickets": [asdict(ticket) for ticket in self.tickets]}


def join_hours(hours: Sequence[DryRunHour]) -> DryRunHour:
    """Some hours as one, which is named after the first and the last. What is remarked on hours without a ticket is
    left out, if any has one; each remark is there once."""
    with_tickets = [hour for hour in hours if hour.tickets] or hours
    reasons = {hour.skip_reason for hour in with_tickets}
    return DryRunHour(
        hour=hours[0].hour if len(hours) == 1 else f"{hours[0].hour} to {hours[-1].hour}",
        skip_reason=reasons.pop() if len(reasons) == 1 else None,
        remarks=tuple(dict.fromkeys(remark for hour in with_tickets for remark in hour.remarks)),
        tickets=tuple(ticket for hour in with_tickets for ticket in hour.tickets),
        rows=pl.concat([hour.rows for hour in hours]),
    )
