"""What a dry run shows of an hour: the tickets that a run would open, and why it might open none."""

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
