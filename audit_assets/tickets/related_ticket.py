"""A ticket that a finding is related to, as the finding's ticket names it."""

from dataclasses import dataclass
from typing import Literal
from uuid import UUID

from audit_assets.config.policy_tables import Severity

RelatedBy = Literal["address", "network", "token_creator", "created_token", "resource"]
"""What two findings share, the closest first: `token_creator`, the other's actor created the token of this one;
`created_token`, this one's actor that of the other."""


@dataclass(frozen=True)
class RelatedTicket:
    """The ticket of another actor whose finding of the last day shares something with this one (related.py).

    `reason` and one `value` of so many `values` that they share; `severity` of the other's findings. `identifier` is
    None for a ticket that a dry run would open. `is_new`: they share it since this hour, and did not before.
    """

    id: UUID
    identifier: str | None
    actor: str
    severity: Severity
    reason: RelatedBy
    value: str
    values: int = 1
    is_new: bool = True
