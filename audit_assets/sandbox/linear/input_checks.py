"""Checks of values that Linear's schema has as String, and of the fields of an issue, which must fit its team."""

import re
import uuid
from typing import Any

from audit_assets.sandbox.linear.entity_store import Entity
from audit_assets.sandbox.linear.linear_errors import LinearError, invalid_input, labels_not_exclusive, mismatch
from audit_assets.sandbox.linear.query_resolvers import require_entity
from audit_assets.sandbox.linear.request_context import Context

_FENCE = re.compile(r"```.*?```", re.DOTALL)


def checked_uuid(context: Context, name: str, value: str) -> str:
    """A UUID of any version, in lower case. Raises INVALID_INPUT."""
    try:
        if len(value) == 36:
            return str(uuid.UUID(value))
    except ValueError:
        pass
    raise invalid_input(f"{name} must be a UUID.", context.behaviour.invalid_input_status())


def checked_id(context: Context, value: str | None) -> str | None:
    """The caller's id for a new entity: v4, as documented (that another version is refused is a guess)."""
    if value is None:
        return None
    own = uuid.UUID(checked_uuid(context, "id", value))
    if own.version != 4 or own.variant != uuid.RFC_4122:
        raise invalid_input("id must be a UUID.", context.behaviour.invalid_input_status())
    return str(own)


def checked_text(context: Context, name: str, value: str | None, longest: int | None = None) -> str:
    """A text that is neither empty nor too long. Raises INVALID_INPUT."""
    if not value:
        raise invalid_input(f"{name} should not be empty.", context.behaviour.invalid_input_status())
    if longest is not None and len(value.encode("utf-16-le")) // 2 > longest:
        shown = f"{name} must be shorter than or equal to {longest} characters."
        raise invalid_input(shown, context.behaviour.invalid_input_status())
    return value


def checked_description(context: Context, value: str | None) -> str | None:
    """The description as it is kept. Raises INVALID_INPUT."""
    behaviour = context.behaviour
    if value is None:
        return None
    if behaviour.longest_text is not None and behaviour.long_descriptions == "cut":
        value = value[: behaviour.longest_text]
    kept = checked_text(context, "description", value, behaviour.longest_text) if value else value
    return _FENCE.sub(lambda fence: fence[0].replace("hxxps", "https"), kept) if behaviour.changes_quoted_text else kept


def check_text(context: Context, value: Any) -> None:
    """Refuse text with a NUL or half of a surrogate pair. Raises INVALID_INPUT."""
    if isinstance(value, dict):
        for inner in value.values():
            check_text(context, inner)
    elif isinstance(value, list):
        for inner in value:
            check_text(context, inner)
    elif isinstance(value, str) and ("\0" in value or any("\ud800" <= letter <= "\udfff" for letter in value)):
        raise invalid_input("The text is not valid Unicode.", context.behaviour.invalid_input_status())


def checked_labels(context: Context, team: str, labels: list[str]) -> list[str]:
    """Their ids, each once. A label is the workspace's or that team's, and no group; of a group there is one."""
    status = context.behaviour.invalid_input_status
    of_group: dict[str, str] = {}
    for label_id in dict.fromkeys(label.lower() for label in labels):
        label = require_entity(context, "IssueLabel", checked_uuid(context, "each value in labelIds", label_id))
        if label["teamId"] not in (None, team):
            why = f"The label '{label['name']}' is not associated with the same team as the issue."
            raise mismatch(f"LabelIds for incorrect team - {why}", status())
        if label["isGroup"] or label.get("retiredById"):  # Linear's message for it is not known
            raise invalid_input(f"The label '{label['name']}' can not be applied.", status())
        group = label.get("parentId")
        if group in of_group:
            raise labels_not_exclusive(label["name"], of_group[group], context.behaviour.missing_status())
        if group:
            of_group[group] = label["name"]
    return list(dict.fromkeys(label.lower() for label in labels))


def checked_project(context: Context, team: str, project_id: str | None) -> str | None:
    """The id of a project of that team."""
    if project_id is None:
        return None
    project = require_entity(context, "Project", checked_uuid(context, "projectId", project_id))
    if team not in project["teamIds"]:
        raise _discrepancy(context)
    return project["id"]


def checked_assignee(context: Context, team: str, user_id: str | None) -> str | None:
    """The id of a user who can be assigned an issue of that team."""
    if user_id is None:
        return None
    user = require_entity(context, "User", checked_uuid(context, "assigneeId", user_id))
    behaviour = context.behaviour
    is_no_member = behaviour.assignee_must_be_member and team not in user["teamIds"]
    is_suspended = behaviour.assignee_must_be_active and not user["active"]
    if is_no_member or is_suspended:
        raise invalid_input("assigneeId is no user who can be assigned.", behaviour.invalid_input_status())
    return user["id"]


def state_of(context: Context, team: str, state_id: str) -> Entity:
    """A state of that team."""
    state = require_entity(context, "WorkflowState", checked_uuid(context, "stateId", state_id))
    if state["teamId"] != team:
        raise _discrepancy(context)
    return state


def _discrepancy(context: Context) -> LinearError:
    message = "Discrepancy between issue team and state, cycle or project."
    return mismatch(message, context.behaviour.invalid_input_status())
