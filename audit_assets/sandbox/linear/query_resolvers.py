"""The resolvers of the sandbox's Linear for the Query type and for the relations between entities: filtered, in order,
the first of them."""

from collections.abc import Callable, Mapping
from typing import Any

from graphql import GraphQLResolveInfo, GraphQLSchema

from audit_assets.sandbox.linear.entity_store import Entity, Kind, LinearStore
from audit_assets.sandbox.linear.issue_rules import find_issue, page_path
from audit_assets.sandbox.linear.linear_errors import invalid_input, not_found
from audit_assets.sandbox.linear.request_context import Context
from audit_assets.sandbox.linear.request_limits import DEFAULT_PAGE
from audit_assets.sandbox.linear.seeded_workspace import VIEWER

Resolver = Callable[..., Any]

_COMPARISONS: dict[str, Callable[[Any, Any], bool]] = {
    "eq": lambda value, given: value == given,
    "in": lambda value, given: value in given,
    "eqIgnoreCase": lambda value, given: value.casefold() == given.casefold(),
}


def attach_resolvers(schema: GraphQLSchema, resolvers: Mapping[str, Mapping[str, Resolver]]) -> None:
    """Attach resolvers, by type and field, to the schema."""
    for type_name, fields in resolvers.items():
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


def _matches(store: LinearStore, entity: Entity | None, conditions: Mapping[str, Any]) -> bool:
    """Whether an entity matches all conditions of a filter. A condition that is null is ignored."""
    given = {name: condition for name, condition in conditions.items() if condition is not None}
    return all(_matches_condition(store, entity, name, condition) for name, condition in given.items())


def _matches_condition(store: LinearStore, entity: Entity | None, name: str, given: Any) -> bool:
    if name == "null":
        return (entity is None) == given
    if entity is None:
        return False
    if name == "or":
        return any(_matches(store, entity, one) for one in given)
    if name == "team":
        team = entity["teamId"]
        return _matches(store, store.get("Team", team) if team else None, given)
    return all(
        _COMPARISONS[comparison](entity[name], value) for comparison, value in given.items() if value is not None
    )


def _connection_page(context: Context, entities: list[Entity], arguments: Mapping[str, Any]) -> dict[str, Any]:
    """The first entities of a connection: newest first, without archived ones by default."""
    size = arguments.get("first")
    if size is not None and not 0 < size <= context.behaviour.longest_page:
        message = f"first must be between 1 and {context.behaviour.longest_page}."
        raise invalid_input(message, context.behaviour.invalid_input_status())
    with_archived = arguments.get("includeArchived") and context.behaviour.archived_issues_are_shown
    shown = entities if with_archived else [one for one in entities if not one["archivedAt"]]
    return {"nodes": sorted(shown, key=lambda entity: entity["createdAt"])[::-1][: size or DEFAULT_PAGE]}


def _many(entities: Callable[[LinearStore, Any], list[Entity]]) -> Resolver:
    """A connection over the entities that `entities` reads from the store for a parent, filtered."""

    def resolve(parent: Any, info: GraphQLResolveInfo, **arguments: Any) -> dict[str, Any]:
        context: Context = info.context
        conditions = arguments.get("filter") or {}
        # A broken filter once returned issues that did not match it (docs/facts/linear.md, 4)
        expected = not (parent is None and conditions and context.has_fault("wrong_nodes"))
        found = [one for one in entities(context.store, parent) if _matches(context.store, one, conditions) == expected]
        return _connection_page(context, found, arguments)

    return resolve


def _users(_: Any, info: GraphQLResolveInfo, **arguments: Any) -> dict[str, Any]:
    shown = arguments.pop("includeDisabled", False)
    return _many(lambda store, _: [user for user in store.all("User") if shown or user["active"]])(
        None, info, **arguments
    )


def _related(kind: Kind, key: str) -> Resolver:
    def resolve(entity: Entity, info: GraphQLResolveInfo) -> Entity | None:
        return info.context.store.get(kind, entity[key]) if entity.get(key) else None

    return resolve


def _labels_of(store: LinearStore, issue: Entity) -> list[Entity]:
    return [store.get("IssueLabel", label) for label in issue["labelIds"]]


def _teams_of(store: LinearStore, entity: Entity) -> list[Entity]:
    return [store.get("Team", team) for team in entity["teamIds"]]


QUERIES: Mapping[str, Mapping[str, Resolver]] = {
    "Query": {
        "viewer": lambda _, info: info.context.store.get("User", VIEWER),
        "team": lambda _, info, id: require_entity(info.context, "Team", id),
        "teams": _many(lambda store, _: store.all("Team")),
        "users": _users,
        "projects": _many(lambda store, _: store.all("Project")),
        "issueLabels": _many(lambda store, _: store.all("IssueLabel")),
        "issues": _many(lambda store, _: store.all("Issue")),
    },
    "Team": {
        "defaultIssueState": _related("WorkflowState", "defaultIssueStateId"),
        "states": _many(lambda store, team: store.all("WorkflowState", team["id"])),
    },
    "IssueLabel": {
        "parent": _related("IssueLabel", "parentId"),
        "retiredBy": _related("User", "retiredById"),
        "team": _related("Team", "teamId"),
    },
    "Project": {"teams": _many(_teams_of)},
    "User": {"teams": _many(_teams_of)},
    "Issue": {
        "attachments": _many(lambda store, issue: store.all("Attachment", issue["id"])),
        "comments": _many(lambda store, issue: store.all("Comment", issue["id"])),
        "labels": _many(_labels_of),
        "state": _related("WorkflowState", "stateId"),
        "team": _related("Team", "teamId"),
        "url": lambda issue, info: info.context.base_url + page_path(issue),
    },
}
