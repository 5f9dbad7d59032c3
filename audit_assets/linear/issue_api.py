"""Reads and writes Linear issues so that every request may be sent twice without harm.

The ids of what is created are ours and computed: a conflict on one means that the request had been carried out before
(docs/facts/linear.md, 1 and 4). An answer is used only if it is about what was asked for.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from audit_assets.config.errors import Incomplete
from audit_assets.linear.graphql_connection import GraphqlConnection, succeeded
from audit_assets.linear.issues import CommentContent, IssueContent, KnownIssue, LinkContent, NewIssue
from audit_assets.linear.reply_parser import Rejected, is_conflict
from audit_assets.linear.target_resolver import TicketTarget
from audit_assets.linear.uploads import upload
from audit_assets.transport.http import TryAgain

ISSUES_PER_REQUEST = 10
"""As queries/tickets.graphql asks for."""


class IssueApi:
    """The issues of one workspace."""

    def __init__(self, connection: GraphqlConnection) -> None:
        self._connection = connection

    def find(self, ids: Sequence[UUID], link: LinkContent | None, comment: UUID) -> list[KnownIssue]:
        """Those of at most ISSUES_PER_REQUEST issues that exist, in the order of `ids`: archived and trashed ones too.

        `link`, if any, and `comment`: the attachment and the comment that each is asked about.
        """
        variables = {
            "ids": [str(each) for each in ids],
            # Of an attachment with that address already on an issue Linear keeps the id (docs/facts/linear.md, 1)
            "hour": {"or": [{"id": {"eq": str(link.id)}}, {"url": {"eq": link.url}}]}
            if link
            else {"id": {"eq": str(comment)}},  # no attachment has the id of a comment
            "comment": str(comment),
        }

        def parse(data: dict[str, Any]) -> list[KnownIssue]:
            found = [_known_issue(node, ids, link, comment) for node in data["issues"]["nodes"]]
            return sorted(found, key=lambda issue: ids.index(issue.id))

        return self._connection.ask("tickets", variables, parse)

    def find_generations(
        self, id_of: Callable[[int], UUID], link: LinkContent | None, comment: UUID
    ) -> dict[int, KnownIssue]:
        """All issues that exist of those that follow each other under computed ids, by generation, the oldest first.
        `link` and `comment` as for `find`."""
        known: dict[int, KnownIssue] = {}
        first = 0
        while not first or first - 1 in known:
            generation_of = {id_of(each): each for each in range(first, first + ISSUES_PER_REQUEST)}
            found = self.find([*generation_of], link, comment)
            known |= {generation_of[issue.id]: issue for issue in found}
            first += ISSUES_PER_REQUEST
        return known

    def create(self, issue: IssueContent, target: TicketTarget) -> NewIssue | None:
        """The new issue, or None if its id is taken."""
        try:
            created = self.create_as_answered(issue, target)
        except Rejected as rejection:
            if is_conflict(rejection, "Issue", issue.id):
                return None
            raise
        if created.id != issue.id:
            raise wrong_issue()
        return created

    def create_as_answered(self, issue: IssueContent, target: TicketTarget) -> NewIssue:
        """The new issue, with the id that Linear gave it. Raises `Rejected` for an id that is taken."""
        values: dict[str, Any] = {
            "id": str(issue.id),
            "teamId": target.team["id"],
            "title": issue.title,
            "description": issue.description,
            "priority": issue.priority,
        }
        if target.state:
            values["stateId"] = target.state["id"]
        if target.labels:
            values["labelIds"] = [label["id"] for label in target.labels]
        if target.project:
            values["projectId"] = target.project["id"]
        if target.assignee:
            values["assigneeId"] = target.assignee["id"]
        return self._connection.ask("issue_create", {"input": values}, _new_issue)

    def comment(self, issue: UUID, comment: CommentContent) -> bool:
        """Add a comment, unless it is there: whether it is new."""
        values = {
            "id": str(comment.id),
            "issueId": str(issue),
            "body": comment.body,
            "doNotSubscribeToIssue": True,
        }
        return self._add("commentCreate", "comment_create", values, "Comment", comment.id)

    def attach(self, issue: UUID, link: LinkContent) -> None:
        """Put an attachment on an issue, unless it is there."""
        values = {
            "id": str(link.id),
            "issueId": str(issue),
            "title": link.title,
            "subtitle": link.subtitle,
            "url": link.url,
            "metadata": link.metadata,
        }
        self._add("attachmentCreate", "attachment_create", values, "Attachment", link.id)

    def relate(self, issue: UUID, earlier: UUID, relation: UUID) -> None:
        """Relate an issue to an earlier one, unless it is."""
        values = {"id": str(relation), "issueId": str(issue), "relatedIssueId": str(earlier), "type": "related"}
        self._add("issueRelationCreate", "issue_relation_create", values, "IssueRelation", relation)

    def upload(self, name: str, content_type: str, content: bytes, *, seconds: float) -> str:
        """Store a file that only the workspace can see, in about so many seconds at most, and return its address for a
        text. Repeated, it stores another file: one that no text names is never seen."""
        return upload(self._connection, name, content_type, content, seconds=seconds)

    def change(self, issue: UUID, changes: Mapping[str, Any]) -> None:
        """Set some fields of an issue. Raises `Forbidden` if the key may not."""
        variables = {"id": str(issue), "input": dict(changes)}
        self._connection.ask("issue_update", variables, lambda data: succeeded(data["issueUpdate"]))

    def archive(self, issue: UUID) -> None:
        """Archive an issue. Raises `Forbidden` if the key may not."""
        self._connection.ask("issue_archive", {"id": str(issue)}, lambda data: succeeded(data["issueArchive"]))

    def _add(self, field: str, document: str, values: dict[str, Any], entity: str, own_id: UUID) -> bool:
        """Whether it is new."""
        try:
            self._connection.ask(document, {"input": values}, lambda data: succeeded(data[field]))
        except Rejected as rejection:
            if not is_conflict(rejection, entity, own_id):
                raise
            return False
        return True


def _new_issue(data: dict[str, Any]) -> NewIssue:
    node = succeeded(data["issueCreate"])["issue"]
    if node is None:
        raise TryAgain("it reports a new ticket but does not show it")  # another try meets a conflict
    return NewIssue(UUID(node["id"]), node["identifier"], node["url"])


def _known_issue(node: dict[str, Any], ids: Sequence[UUID], link: LinkContent | None, comment: UUID) -> KnownIssue:
    """Linear has once answered a filter with other nodes (docs/facts/linear.md, 4): each node is compared."""
    own_id = UUID(node["id"])
    if own_id not in ids:
        raise wrong_issue()
    links, comments = node["hour"]["nodes"], node["comments"]["nodes"]
    if any(not link or (each["id"] != str(link.id) and each["url"] != link.url) for each in links):
        raise Incomplete("Linear answered with attachments that were not asked for. Run the hour again.")
    if any(each["id"] != str(comment) for each in comments):
        raise Incomplete("Linear answered with comments that were not asked for. Run the hour again.")
    metadata = tuple(attachment["metadata"] for attachment in node["marks"]["nodes"])
    return KnownIssue(
        id=own_id,
        identifier=node["identifier"],
        url=node["url"],
        description=node["description"] or "",
        priority=int(node["priority"]),
        team=node["team"]["id"],
        **issue_state(node),
        has_link=bool(links),
        has_comment=bool(comments),
        marks=metadata,
        listed=frozenset(word for each in metadata for word in str(each.get("list", "")).split()),
    )


def issue_state(node: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of IssueState, from an issue as Linear answers it."""
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


def wrong_issue() -> Incomplete:
    """Linear has once answered a filter with other nodes (docs/facts/linear.md, 4)."""
    return Incomplete("Linear answered with another issue than the one that was asked for. Run the hour again.")
