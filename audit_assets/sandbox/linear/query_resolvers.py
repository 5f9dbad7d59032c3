"""The resolvers of the sandbox's Linear for the Query type and for the relations between entities."""

from collections.abc import Callable
from typing import Any

from graphql import GraphQLResolveInfo, GraphQLSchema

from audit_assets.sandbox.linear.connection_pages import connection_page, matches
from audit_assets.sandbox.linear.entity_store import Entity, Kind, LinearStore
from audit_assets.sandbox.linear.issue_rules import PRIORITIES, find_issue, page_path
from audit_assets.sandbox.linear.linear_errors import not_found
from audit_assets.sandbox.linear.request_context import Context
from audit_assets.sandbox.linear.seeded_workspace import VIEWER

Resolver = Callable[..., Any]


def attach_queries(schema: GraphQLSchema) -> None:
    """Attach the resolvers of queries to the schema."""
    for type_name, fields in _RESOLVERS.items():
        for name, resolver in fields.items():
            schema.type_map[type_name].fields[name].resolve = resolver  # pyright: ignore[reportAttributeAccessIssue] - an object type


def require_issue(context: Context, reference: str) -> Entity:
    """As `find_issue`; raises Linear's error when there is none."""
    issue = find_issue(context.store, reference)
    if issue is None:
        raise not_found("Issue", context.behaviour.missing_status())
    return issue


def require_entity(context: Context, kind: Kind, entity_id: str) -> Entity:
    """The entity with that id; raises Linear's error when there is none."""
    entity = context.store.find(kind, entity_id.lower())
    if entity is None:
        raise not_found(kind, context.behaviour.missing_status())
    return entity


def _issue(_: Any, info: GraphQLResolveInfo, id: str) -> Entity:
    context: Context = info.context
    issue = require_issue(context, id)
    is_now = "trashed" if issue["trashed"] else "archived" if issue["archivedAt"] else ""
    if is_now in context.behaviour.unreadable_by_id:
        raise not_found("Issue", context.behaviour.missing_status())
    if context.has_fault("wrong_nodes"):
        return next((other for other in context.store.all("Issue") if other["id"] != issue["id"]), issue)
    return issue


def _one(kind: Kind) -> Resolver:
    def resolve(_: Any, info: GraphQLResolveInfo, id: str | None = None) -> Entity:
        return require_entity(info.context, kind, id or "")

    return resolve


def _many(entities: Callable[[LinearStore, Any], list[Entity]]) -> Resolver:
    """A connection over the entities that `entities` reads from the store for a parent, filtered."""

    def resolve(parent: Any, info: GraphQLResolveInfo, **arguments: Any) -> dict[str, Any]:
        context: Context = info.context
        conditions = arguments.get("filter") or {}
        # A broken filter once returned issues that did not match it (docs/facts/linear.md, 4)
        expected = not (parent is None and conditions and context.has_fault("wrong_nodes"))
        found = [one for one in entities(context.store, parent) if matches(context.store, one, conditions) == expected]
        return connection_page(context, found, arguments)

    return resolve


def _users(_: Any, info: GraphQLResolveInfo, **arguments: Any) -> dict[str, Any]:
    shown = arguments.pop("includeDisabled", False)
    return _many(lambda store, _: [user for user in store.all("User") if shown or user["active"]])(
        None, info, **arguments
    )


def _attachments_for_url(_: Any, info: GraphQLResolveInfo, url: str, **arguments: Any) -> dict[str, Any]:
    context: Context = info.context
    expected = not context.has_fault("wrong_nodes")
    found = [one for one in context.store.all("Attachment") if (one["url"] == url) == expected]
    if not arguments.get("includeArchived"):
        found = [one for one in found if not context.store.get("Issue", one["issueId"])["archivedAt"]]
    return connection_page(context, found, arguments)


def _related(kind: Kind, key: str) -> Resolver:
    def resolve(entity: Entity, info: GraphQLResolveInfo) -> Entity | None:
        return info.context.store.get(kind, entity[key]) if entity.get(key) else None

    return resolve


def issue_url(context: Context, issue: Entity) -> str:
    """The address of the issue's page in the sandbox."""
    return context.base_url + page_path(issue)


def _comment_url(comment: Entity, info: GraphQLResolveInfo) -> str:
    issue = info.context.store.get("Issue", comment["issueId"])
    return f"{issue_url(info.context, issue)}#comment-{comment['id'][:8]}"


def _labels_of(store: LinearStore, issue: Entity) -> list[Entity]:
    return [store.get("IssueLabel", label) for label in issue["labelIds"]]


def _teams_of(store: LinearStore, entity: Entity) -> list[Entity]:
    return [store.get("Team", team) for team in entity["teamIds"]]


def _relations(store: LinearStore, end: str, issue: Entity) -> list[Entity]:
    return [one for one in store.all("IssueRelation") if one[end] == issue["id"]]


_RESOLVERS: dict[str, dict[str, Resolver]] = {
    "Query": {
        "viewer": lambda _, info: info.context.store.get("User", VIEWER),
        "team": _one("Team"),
        "teams": _many(lambda store, _: store.all("Team")),
        "users": _users,
        "projects": _many(lambda store, _: store.all("Project")),
        "workflowStates": _many(lambda store, _: store.all("WorkflowState")),
        "issueLabels": _many(lambda store, _: store.all("IssueLabel")),
        "issue": _issue,
        "issues": _many(lambda store, _: store.all("Issue")),
        "comment": _one("Comment"),
        "attachment": _one("Attachment"),
        "attachmentsForURL": _attachments_for_url,
    },
    "Team": {
        "defaultIssueState": _related("WorkflowState", "defaultIssueStateId"),
        "triageIssueState": _related("WorkflowState", "triageIssueStateId"),
        "issues": _many(lambda store, team: store.all("Issue", team["id"])),
        "labels": _many(lambda store, team: store.all("IssueLabel", team["id"])),
        "states": _many(lambda store, team: store.all("WorkflowState", team["id"])),
    },
    "WorkflowState": {"team": _related("Team", "teamId")},
    "IssueLabel": {
        "parent": _related("IssueLabel", "parentId"),
        "retiredBy": _related("User", "retiredById"),
        "team": _related("Team", "teamId"),
    },
    "Project": {"teams": _many(_teams_of)},
    "User": {"teams": _many(_teams_of)},
    "Issue": {
        "assignee": _related("User", "assigneeId"),
        "attachments": _many(lambda store, issue: store.all("Attachment", issue["id"])),
        "comments": _many(lambda store, issue: store.all("Comment", issue["id"])),
        "creator": _related("User", "creatorId"),
        "inverseRelations": _many(lambda store, issue: _relations(store, "relatedIssueId", issue)),
        "labels": _many(_labels_of),
        "priorityLabel": lambda issue, _: PRIORITIES[issue["priority"]],
        "project": _related("Project", "projectId"),
        "relations": _many(lambda store, issue: _relations(store, "issueId", issue)),
        "state": _related("WorkflowState", "stateId"),
        "team": _related("Team", "teamId"),
        "url": lambda issue, info: issue_url(info.context, issue),
    },
    "Comment": {
        "issue": _related("Issue", "issueId"),
        "parent": _related("Comment", "parentId"),
        "url": _comment_url,
        "user": _related("User", "userId"),
    },
    "IssueRelation": {
        "issue": _related("Issue", "issueId"),
        "relatedIssue": _related("Issue", "relatedIssueId"),
    },
    "Attachment": {"creator": _related("User", "creatorId"), "issue": _related("Issue", "issueId")},
}
