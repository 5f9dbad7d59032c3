"""Reads and writes tickets in Linear, so that every request may be sent twice without harm.

Ids of what is created are ours, and computed: a conflict on one says that it had been carried out before
(docs/facts/linear.md, 1 and 4). What is read is believed only if it is what was asked for.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol
from uuid import UUID

from audit_assets.config.errors import Incomplete
from audit_assets.linear.graphql_connection import Wire, done
from audit_assets.linear.reply_parser import Rejected, is_conflict
from audit_assets.linear.target_resolver import Place
from audit_assets.linear.uploads import upload
from audit_assets.tickets.lifecycle import KnownTicket
from audit_assets.tickets.ticket import HourComment, HourLink, Ticket
from audit_assets.transport.http import TryAgain


class Upload(Protocol):
    """Stores a file, as `Issues.upload` does."""

    def __call__(self, name: str, content_type: str, content: bytes, *, seconds: float) -> str:
        """Its address for a text. Raises `ServiceError`."""
        ...


@dataclass(frozen=True)
class NewTicket:
    """What Linear says of a ticket that it has just created."""

    id: UUID
    identifier: str
    url: str


class Issues:
    """The tickets of one workspace."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire

    def find(self, generations: Mapping[UUID, int], link: HourLink, comment: UUID) -> list[KnownTicket]:
        """Those of these at most ten tickets that exist, the oldest generation first: also archived and trashed ones.

        `link` and `comment`: the attachment and the comment of the hour that is asked about.
        """
        variables = {
            "ids": [str(each) for each in generations],
            # Of an attachment with that address already on a ticket Linear keeps the id (docs/facts/linear.md, 1)
            "hour": {"or": [{"id": {"eq": str(link.id)}}, {"url": {"eq": link.url}}]},
            "comment": str(comment),
        }

        def take(data: dict[str, Any]) -> list[KnownTicket]:
            found = [_known(node, generations, link, comment) for node in data["issues"]["nodes"]]
            return sorted(found, key=lambda ticket: ticket.generation)

        return self._wire.ask("tickets", variables, take)

    def create(self, ticket: Ticket, place: Place) -> NewTicket | None:
        """The new ticket, or None if its id is taken."""
        values: dict[str, Any] = {
            "id": str(ticket.id),
            "teamId": place.team["id"],
            "title": ticket.title,
            "description": ticket.description,
            "priority": ticket.priority,
        }
        if place.state:
            values["stateId"] = place.state["id"]
        if place.labels:
            values["labelIds"] = [label["id"] for label in place.labels]
        if place.project:
            values["projectId"] = place.project["id"]
        if place.assignee:
            values["assigneeId"] = place.assignee["id"]

        try:
            return self._wire.ask("issue_create", {"input": values}, lambda data: _new(data, ticket.id))
        except Rejected as rejection:
            if is_conflict(rejection, "Issue", ticket.id):
                return None
            raise

    def comment(self, ticket: UUID, comment: HourComment) -> None:
        """Write a comment, unless it is there."""
        values = {
            "id": str(comment.id),
            "issueId": str(ticket),
            "body": comment.body,
            "doNotSubscribeToIssue": True,
        }
        self._add("commentCreate", "comment_create", values, "Comment", comment.id)

    def attach(self, ticket: UUID, link: HourLink) -> None:
        """Put an hour's attachment on a ticket, unless it is there."""
        values = {
            "id": str(link.id),
            "issueId": str(ticket),
            "title": link.title,
            "subtitle": link.subtitle,
            "url": link.url,
            "metadata": link.metadata,
        }
        self._add("attachmentCreate", "attachment_create", values, "Attachment", link.id)

    def relate(self, ticket: UUID, before: UUID, relation: UUID) -> None:
        """Say of a ticket that it is related to an earlier one, unless that is said."""
        values = {"id": str(relation), "issueId": str(ticket), "relatedIssueId": str(before), "type": "related"}
        self._add("issueRelationCreate", "issue_relation_create", values, "IssueRelation", relation)

    def upload(self, name: str, content_type: str, content: bytes, *, seconds: float) -> str:
        """Store a file for the workspace's eyes, in about so many seconds at most, and give its address for a text.
        Repeated, it stores another: one that no text names is never seen."""
        return upload(self._wire, name, content_type, content, seconds=seconds)

    def change(self, ticket: UUID, changes: Mapping[str, Any]) -> None:
        """Set some fields of a ticket. Raises `Forbidden` if the key may not."""
        variables = {"id": str(ticket), "input": dict(changes)}
        self._wire.ask("issue_update", variables, lambda data: done(data["issueUpdate"]))

    def _add(self, field: str, document: str, values: dict[str, Any], entity: str, own_id: UUID) -> None:
        try:
            self._wire.ask(document, {"input": values}, lambda data: done(data[field]))
        except Rejected as rejection:
            if not is_conflict(rejection, entity, own_id):
                raise


def _new(data: dict[str, Any], asked: UUID) -> NewTicket:
    node = done(data["issueCreate"])["issue"]
    if node is None:
        raise TryAgain("it says that it opened a ticket but does not show it")  # another try meets a conflict
    if node["id"] != str(asked):
        raise another_issue()
    return NewTicket(asked, node["identifier"], node["url"])


def _known(node: dict[str, Any], generations: Mapping[UUID, int], link: HourLink, comment: UUID) -> KnownTicket:
    """Linear has once answered a filter with other nodes (docs/facts/linear.md, 4): nothing is believed by position."""
    own_id = UUID(node["id"])
    if own_id not in generations:
        raise another_issue()
    hours, comments = node["hour"]["nodes"], node["comments"]["nodes"]
    if any(each["id"] != str(link.id) and each["url"] != link.url for each in hours):
        raise Incomplete("Linear answered with attachments that were not asked for. Run the hour again.")
    if any(each["id"] != str(comment) for each in comments):
        raise Incomplete("Linear answered with comments that were not asked for. Run the hour again.")
    marks = [mark["metadata"] for mark in node["marks"]["nodes"]]
    return KnownTicket(
        id=own_id,
        generation=generations[own_id],
        identifier=node["identifier"],
        url=node["url"],
        description=node["description"] or "",
        priority=int(node["priority"]),
        team=node["team"]["id"],
        **state_in(node),
        attached=bool(hours),
        commented=bool(comments),
        kinds=frozenset(kind for mark in marks for kind in str(mark.get("kinds", "")).split()),
        lists=frozenset(word for mark in marks for word in str(mark.get("list", "")).split()),
    )


def state_in(node: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of TicketState, from an issue as Linear answers it."""
    return {
        "state": node["state"]["type"],
        "trashed": bool(node["trashed"]),
        "archived_at": _time(node["archivedAt"]),
        "auto_closed_at": _time(node["autoClosedAt"]),
        "canceled_at": _time(node["canceledAt"]),
        "completed_at": _time(node["completedAt"]),
        "updated_at": datetime.fromisoformat(node["updatedAt"]),
    }


def _time(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


def another_issue() -> Incomplete:
    """Linear has once answered a filter with other nodes (docs/facts/linear.md, 4)."""
    return Incomplete("Linear answered with another issue than the one that was asked for. Run the hour again.")
