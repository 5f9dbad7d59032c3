"""What replaces a connection to Linear in a dry run, and what it renders.

Two locks: an API that records writes instead of sending them, and connections that send queries alone, or nothing at
all. A write that the first forgot stops at the second.
"""

import re
from base64 import b64encode
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any, TypeVar
from uuid import UUID

from audit_assets.linear.graphql_connection import GraphqlConnection, document_text
from audit_assets.linear.issue_api import IssueApi
from audit_assets.linear.issues import CommentContent, IssueContent, KnownIssue, LinkContent, NewIssue
from audit_assets.linear.target_resolver import TicketTarget

T = TypeVar("T")

Data = dict[str, Any]

PRIORITY_NAMES = {1: "Urgent", 2: "High", 3: "Medium", 4: "Low"}
"""As Linear shows them (docs/facts/linear.md, 1)."""

NOT_SET = "not-set"
"""In place of a key or a team that is missing: nothing is ever sent with it."""


@dataclass(frozen=True)
class RenderedTicket:
    """What a run would do about a finding, or about so many `findings` that share a ticket.

    `id`, `outcome`, `identifier`, `url`: as OpenedTicket has them, the latter two None for a new ticket; the outcome
    `related` is that of a ticket without a finding of the hour, which would only get to know of related tickets;
    `planned_action` is the outcome in words. `description` is a new ticket's, `comments` are what would be added; if
    nothing would be written, since all of it is on the ticket already or people dismissed it, `written` is False and
    the description is that of a new ticket. `raises_priority`: an existing ticket would get this `priority` (Linear's
    number). `links`: the attachments; `fields`: team, labels and so on of a new ticket; `pictures`: their data, by the
    address that a text has for each.
    """

    id: str
    outcome: str
    planned_action: str
    identifier: str | None
    url: str | None
    title: str
    priority: int
    raises_priority: bool
    written: bool
    description: str | None
    comments: tuple[str, ...]
    links: tuple[dict[str, str], ...]
    fields: dict[str, str]
    pictures: dict[str, str]
    findings: int

    def without_pictures(self, text: str) -> str:
        """A text of it, with each picture replaced by the words for it."""
        for address in self.pictures:
            text = re.sub(rf"!\[([^]]*)\]\({re.escape(address)}\)", r"(Picture: \1)", text)
        return text


@dataclass
class Writes:
    """What would have been written."""

    issue: IssueContent | None = None
    fields: dict[str, str] = field(default_factory=dict)
    comments: list[str] = field(default_factory=list)
    links: list[dict[str, str]] = field(default_factory=list)
    changes: dict[str, Any] = field(default_factory=dict)
    pictures: dict[str, str] = field(default_factory=dict)


class DryRunIssueApi(IssueApi):
    """The issues of a workspace, read but not written."""

    def __init__(self, connection: GraphqlConnection) -> None:
        super().__init__(connection)
        self._writes = Writes()
        self._created: dict[UUID, IssueContent] = {}

    def find(self, ids: Sequence[UUID], link: LinkContent | None, comment: UUID) -> list[KnownIssue]:
        """As if what was created were there."""
        created = [_as_created(self._created[each]) for each in ids if each in self._created]
        return [*super().find(ids, link, comment), *created]

    def take_writes(self) -> Writes:
        """What would have been written since the last call."""
        writes, self._writes = self._writes, Writes()
        return writes

    def create(self, issue: IssueContent, target: TicketTarget) -> NewIssue:
        """As if its id were free: only a real write shows that it is taken."""
        named = {"team": target.team["key"]} if target.team["key"] != NOT_SET else {}
        single = (("state", target.state), ("project", target.project), ("assignee", target.assignee))
        named |= {name: one["name"] for name, one in single if one}
        if target.labels:
            named["labels"] = ", ".join(label["name"] for label in target.labels)
        self._writes.issue, self._writes.fields = issue, named
        self._created[issue.id] = issue
        return NewIssue(issue.id, "", "")

    def comment(self, issue: UUID, comment: CommentContent) -> bool:
        self._writes.comments.append(comment.body)
        return True

    def attach(self, issue: UUID, link: LinkContent) -> None:
        self._writes.links.append({"title": link.title, "subtitle": link.subtitle, "url": link.url})

    def relate(self, issue: UUID, earlier: UUID, relation: UUID) -> None:
        """Not rendered: the texts name related tickets, and which of the actor's came before is not worth a line."""

    def change(self, issue: UUID, changes: Mapping[str, Any]) -> None:
        self._writes.changes |= changes

    def upload(self, name: str, content_type: str, content: bytes, *, seconds: float) -> str:
        """An address that leads nowhere: no host has this name (RFC 2606)."""
        address = f"https://dry-run.invalid/{sha256(content).hexdigest()[:16]}/{name}"
        self._writes.pictures[address] = f"data:{content_type};base64,{b64encode(content).decode()}"
        return address


def _as_created(issue: IssueContent) -> KnownIssue:
    return KnownIssue(
        id=issue.id,
        identifier="",
        url="",
        team="",
        description=issue.description,
        priority=issue.priority,
        state="unstarted",
        trashed=False,
        archived_at=None,
        auto_closed_at=None,
        canceled_at=None,
        completed_at=None,
        updated_at=datetime.min.replace(tzinfo=UTC),
        has_link=False,
        has_comment=False,
        marks=(),
        listed=frozenset(),
    )


class ReadOnlyConnection(GraphqlConnection):
    """A connection that sends queries alone."""

    def ask(self, document: str, variables: Data, parse: Callable[[Data], T], **how: Any) -> T:
        """As `GraphqlConnection.ask`, for a query."""
        if (kind := document_text(document).split(maxsplit=1)[0]) != "query":
            raise RuntimeError(f"{document} is a {kind}: a dry run must not send it.")
        return super().ask(document, variables, parse, **how)


class OfflineConnection(ReadOnlyConnection):
    """No connection, as long as there is no key: every name exists, and no ticket does."""

    def ask(self, document: str, variables: Data, parse: Callable[[Data], T], **_: Any) -> T:
        """The answer of such a workspace. Nothing is sent."""
        if document not in _ANSWERS:
            raise RuntimeError(f"{document} must not be sent: there is no key.")
        return parse(_ANSWERS[document](variables))


def _existing(*names: str, team: str = "") -> Data:
    """What is called so, whether teams, labels of the workspace, or projects and users of a team."""
    unset = dict.fromkeys(("team", "parent", "retiredAt", "retiredBy", "defaultIssueState"))
    flags = {"isGroup": False, "trashed": False, "active": True, "isAssignable": True}
    common = unset | flags | {"teams": {"nodes": [{"id": team}]}, "states": {"nodes": []}}
    return {"nodes": [common | dict.fromkeys(("id", "key", "name", "displayName", "email"), name) for name in names]}


_ANSWERS: dict[str, Callable[[Data], Data]] = {
    "tickets": lambda _: {"issues": {"nodes": []}},
    "team": lambda asked: {"viewer": {"name": ""}, "teams": _existing(asked["key"])},
    "labels": lambda asked: {"issueLabels": _existing(*asked["names"])},
    "projects": lambda asked: {"projects": _existing(asked["name"], team=asked["team"])},
    "users": lambda asked: {"users": _existing(asked["who"], team=asked["team"])},
}
