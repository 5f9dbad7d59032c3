"""Checks of an issue's fields: labels, project, assignee and state must fit its team."""

from audit_assets.sandbox.linear.entity_store import Entity
from audit_assets.sandbox.linear.input_checks import checked_uuid
from audit_assets.sandbox.linear.linear_errors import LinearError, invalid_input, labels_not_exclusive, mismatch
from audit_assets.sandbox.linear.query_resolvers import require_entity
from audit_assets.sandbox.linear.request_context import Context


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
