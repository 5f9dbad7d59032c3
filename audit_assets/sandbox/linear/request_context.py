"""The context of a request to the sandbox's Linear, which every resolver gets: store, behaviour and planned fault."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Literal

from audit_assets.sandbox.fault_plan import Fault
from audit_assets.sandbox.linear.entity_store import LinearStore


@dataclass
class Behaviour:
    """How this Linear behaves where the real one was seen both ways, changed, or is not known (docs/facts/linear.md).

    Of several statuses, each is used in turn: a client that understands only one of them fails.
    """

    conflict_statuses: tuple[int, ...] = (200, 400)
    missing_statuses: tuple[int, ...] = (200, 400)
    invalid_input_statuses: tuple[int, ...] = (400, 200)
    requests_per_hour: int = 2_500
    complexity_per_hour: int = 3_000_000
    most_complexity: int = 10_000
    longest_page: int = 250
    """Reported by third parties, like the next."""
    longest_title: int = 255
    upload_seconds: float = 60.0
    """How long an upload address is valid: not known."""
    key_is_member: bool = True
    """Whether an issue without stateId starts in the team's default state; a non-member's goes to triage."""
    key_may_write: bool = True
    """Whether the key has the permission Write, which changing an issue needs; that relating two needs it too is a
    guess."""
    assignee_must_be_member: bool = True
    """Whether a user who is no member of the issue's team can't be assigned: not known."""
    assignee_must_be_active: bool = True
    """Whether a suspended user can't be assigned: not known."""
    duplicate_sets: str = ""
    """Which time moving to a state of type `duplicate` sets, such as canceledAt: not known."""
    archived_issues_are_writable: bool = False
    """Whether an archived or trashed issue takes comments, attachments and relations: attachmentLinkURL was seen to
    answer `Entity not found: Issue`, the others are not known."""
    archived_issues_are_shown: bool = True
    """Whether includeArchived shows archived issues: documented, and not seen."""
    archiving_is_a_change: bool = False
    """Whether archiving changes updatedAt: it was seen not to."""
    own_ids: Literal["kept", "replaced", "refused"] = "kept"
    """What becomes of the id that a caller gives a new issue."""
    taken_ids: Literal["refused", "replaced", "replaced_if_archived"] = "refused"
    """What becomes of an issue or a comment whose id is taken: refused in each report."""
    longest_text: int | None = None
    """Characters of a description or comment that are kept or taken: the limit is not known."""
    long_descriptions: Literal["refused", "cut"] = "refused"
    changes_quoted_text: bool = False
    """Whether what stands in a fence comes back otherwise: how text is converted is not known."""
    attachments_by_url: bool = True
    """Whether an issue has one attachment of an address."""
    key_may_comment: bool = True
    key_may_attach: bool = True
    key_may_upload: bool = True
    """What a restricted key may do: which permission each needs is not known."""
    _turns: Counter[str] = field(default_factory=Counter)

    def conflict_status(self) -> int:
        """The HTTP status of this answer to a taken id."""
        return self._next("conflict", self.conflict_statuses)

    def missing_status(self) -> int:
        """The HTTP status of this answer to an id that does not exist."""
        return self._next("missing", self.missing_statuses)

    def invalid_input_status(self) -> int:
        """The HTTP status of this answer to a bad value."""
        return self._next("invalid input", self.invalid_input_statuses)

    def _next(self, error: str, statuses: tuple[int, ...]) -> int:
        self._turns[error] += 1
        return statuses[(self._turns[error] - 1) % len(statuses)]


@dataclass
class Context:
    """One request. `base_url` is where the caller reached the sandbox."""

    store: LinearStore
    behaviour: Behaviour
    base_url: str
    fault: Fault | None = None

    def has_fault(self, kind: str) -> bool:
        """Whether that fault is planned for this request."""
        return self.fault is not None and self.fault.kind == kind
