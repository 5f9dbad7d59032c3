"""The plain data that is sent to Linear and read from it: what an issue contains, and what became of it.

Values only: nothing here sends anything, and nothing knows what a ticket is about. `tickets` builds these values and
decides on them.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal, Protocol
from uuid import UUID

from audit_assets.config.policy_tables import SEVERITIES

PRIORITY: dict[str, int] = {severity: number for number, severity in enumerate(reversed(SEVERITIES), start=1)}
NO_PRIORITY = 0
"""Linear's numbers: 1 is urgent, 4 is low (docs/facts/linear.md, 1)."""

DISMISSED_STATES = frozenset({"canceled", "duplicate"})
CLOSED_STATES = DISMISSED_STATES | {"completed"}

AUTO_CLOSE_TOLERANCE = timedelta(minutes=1)
"""Linear's own closing of stale issues sets two times: no further apart than this (judgement)."""


@dataclass(frozen=True)
class IssueContent:
    """An issue to create: plain-text title, Markdown description, Linear's number of the priority."""

    id: UUID
    title: str
    description: str
    priority: int


@dataclass(frozen=True)
class CommentContent:
    """A comment to add to an issue."""

    id: UUID
    body: str


@dataclass(frozen=True)
class LinkContent:
    """An attachment to put on an issue. Linear keeps strings and numbers in `metadata` (docs/facts/linear.md, 1)."""

    id: UUID
    title: str
    subtitle: str
    url: str
    metadata: dict[str, str | int]


@dataclass(frozen=True)
class NewIssue:
    """What Linear answers about an issue that it has just created."""

    id: UUID
    identifier: str
    url: str


@dataclass(frozen=True, kw_only=True)
class IssueState:
    """What became of an issue in Linear. `state`: the type of its state."""

    state: str
    trashed: bool
    archived_at: datetime | None
    auto_closed_at: datetime | None
    canceled_at: datetime | None
    completed_at: datetime | None
    updated_at: datetime

    @property
    def is_closed(self) -> bool:
        """Whether its state is a closed one."""
        return self.state in CLOSED_STATES

    @property
    def closed_at(self) -> datetime:
        """When it was closed or moved to the trash. Which time a duplicate sets is not known, nor which the trash:
        where Linear names none, the last change is used (docs/facts/linear.md, 1)."""
        if self.trashed:
            return self.archived_at or self.updated_at
        return max((time for time in (self.canceled_at, self.completed_at) if time), default=self.updated_at)

    @property
    def is_dismissed(self) -> bool:
        """Whether a person canceled it, marked it as a duplicate or moved it to the trash. Linear can cancel by itself
        what nobody touched for months: that is nobody's verdict."""
        by_linear = self.auto_closed_at is not None and self.auto_closed_at >= self.closed_at - AUTO_CLOSE_TOLERANCE
        return self.trashed or (self.state in DISMISSED_STATES and not by_linear)


@dataclass(frozen=True, kw_only=True)
class KnownIssue(IssueState):
    """An issue as Linear shows it, asked about one attachment and one comment.

    `team`: the id of its current team, which may not be the one where it was opened. `has_link`, `has_comment`: whether
    it has these two. `marks`: the metadata of each of its attachments, `listed`: the words under `list` in all of them.
    """

    id: UUID
    identifier: str
    url: str
    team: str
    description: str
    priority: int
    has_link: bool
    has_comment: bool
    marks: tuple[Mapping[str, Any], ...]
    listed: frozenset[str]


@dataclass(frozen=True)
class TicketVerdict:
    """People's verdict on a ticket, or None. The label of an `open` ticket may be about earlier hours than its last."""

    verdict: Literal["confirmed", "dismissed", "contradictory"] | None
    open: bool


class Upload(Protocol):
    """Stores a file in Linear, as `IssueApi.upload` does."""

    def __call__(self, name: str, content_type: str, content: bytes, *, seconds: float) -> str:
        """Its address for a text. Raises `ServiceError`."""
        ...
