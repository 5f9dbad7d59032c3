"""Filters of a query, the order of its entities, and one page of a connection."""

from collections.abc import Callable, Mapping
from typing import Any

from audit_assets.sandbox.linear.entity_store import Entity, LinearStore
from audit_assets.sandbox.linear.linear_errors import invalid_input
from audit_assets.sandbox.linear.request_context import Context
from audit_assets.sandbox.linear.request_limits import DEFAULT_PAGE

_COMPARISONS: dict[str, Callable[[Any, Any], bool]] = {
    "eq": lambda value, given: value == given,
    "neq": lambda value, given: value != given,
    "in": lambda value, given: value in given,
    "nin": lambda value, given: value not in given,
    "null": lambda value, given: (value is None) == given,
    "gt": lambda value, given: value is not None and value > given,
    "gte": lambda value, given: value is not None and value >= given,
    "lt": lambda value, given: value is not None and value < given,
    "lte": lambda value, given: value is not None and value <= given,
    "contains": lambda value, given: given in (value or ""),
    "notContains": lambda value, given: given not in (value or ""),
    "startsWith": lambda value, given: (value or "").startswith(given),
    "notStartsWith": lambda value, given: not (value or "").startswith(given),
    "endsWith": lambda value, given: (value or "").endswith(given),
    "notEndsWith": lambda value, given: not (value or "").endswith(given),
    "eqIgnoreCase": lambda value, given: (value or "").casefold() == given.casefold(),
    "neqIgnoreCase": lambda value, given: (value or "").casefold() != given.casefold(),
    "containsIgnoreCase": lambda value, given: given.casefold() in (value or "").casefold(),
    "notContainsIgnoreCase": lambda value, given: given.casefold() not in (value or "").casefold(),
    "startsWithIgnoreCase": lambda value, given: (value or "").casefold().startswith(given.casefold()),
}


def matches(store: LinearStore, entity: Entity | None, conditions: Mapping[str, Any]) -> bool:
    """Whether an entity matches all conditions of a filter. A condition that is null is ignored."""
    given = {name: condition for name, condition in conditions.items() if condition is not None}
    return all(_matches_condition(store, entity, name, condition) for name, condition in given.items())


def _matches_condition(store: LinearStore, entity: Entity | None, name: str, given: Any) -> bool:
    if name == "null":
        return (entity is None) == given
    if entity is None:
        return False
    if name == "and":
        return all(matches(store, entity, one) for one in given)
    if name == "or":
        return any(matches(store, entity, one) for one in given)
    if name == "team":
        team = entity["teamId"]
        return matches(store, store.get("Team", team) if team else None, given)
    if name == "state":
        return matches(store, store.get("WorkflowState", entity["stateId"]), given)
    if name == "attachments":
        return _some_and_every(store, store.all("Attachment", entity["id"]), given)
    if name == "labels":
        return _some_and_every(store, [store.get("IssueLabel", label) for label in entity["labelIds"]], given)
    return all(
        _COMPARISONS[comparison](entity.get(name), value) for comparison, value in given.items() if value is not None
    )


def _some_and_every(store: LinearStore, entities: list[Entity], given: Mapping[str, Any]) -> bool:
    some, every = given.get("some"), given.get("every")
    some_do = some is None or any(matches(store, one, some) for one in entities)
    return some_do and (every is None or all(matches(store, one, every) for one in entities))


def connection_page(context: Context, entities: list[Entity], arguments: Mapping[str, Any]) -> dict[str, Any]:
    """One page of a connection by first, last, after and before: newest first, without archived ones by default."""
    shown = entities if arguments.get("includeArchived") else [one for one in entities if not one["archivedAt"]]
    by = arguments.get("orderBy") or "createdAt"
    ordered = sorted(shown, key=lambda entity: entity[by])[::-1]
    start = _position(context, ordered, arguments.get("after"), -1) + 1
    end = _position(context, ordered, arguments.get("before"), len(ordered))
    first, last = _size(context, arguments, "first"), _size(context, arguments, "last")
    if last is not None and first is None:
        start = max(start, end - last)
    else:
        end = min(end, start + (DEFAULT_PAGE if first is None else first))
    nodes = ordered[start:end]
    return {
        "nodes": nodes,
        "edges": [{"cursor": node["id"], "node": node} for node in nodes],
        "pageInfo": {
            "startCursor": nodes[0]["id"] if nodes else None,
            "endCursor": nodes[-1]["id"] if nodes else None,
            "hasPreviousPage": start > 0,
            "hasNextPage": end < len(ordered),
        },
    }


def _position(context: Context, ordered: list[Entity], cursor: str | None, otherwise: int) -> int:
    if cursor is None:
        return otherwise
    for position, entity in enumerate(ordered):
        if entity["id"] == cursor:
            return position
    raise invalid_input("The cursor is not known.", context.behaviour.invalid_input_status())


def _size(context: Context, arguments: Mapping[str, Any], name: str) -> int | None:
    size = arguments.get(name)
    if size is not None and not 0 < size <= context.behaviour.longest_page:
        shown = f"{name} must be between 1 and {context.behaviour.longest_page}."
        raise invalid_input(shown, context.behaviour.invalid_input_status())
    return size
