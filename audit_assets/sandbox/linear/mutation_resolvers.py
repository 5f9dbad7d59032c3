"""The resolvers of the sandbox's Linear for the Mutation type.

A mutation is executed whole or not at all; its arguments have the names of the schema. To support one more, write its
resolver, add it to `MUTATIONS`, and add its lines to linear_schema.graphql.
"""

from collections.abc import Callable, Mapping
from typing import Any

from graphql import GraphQLResolveInfo

from audit_assets.sandbox.linear.entity_store import Entity, IdTaken, Kind
from audit_assets.sandbox.linear.file_storage import file_upload
from audit_assets.sandbox.linear.input_checks import (
    check_text,
    checked_assignee,
    checked_description,
    checked_id,
    checked_labels,
    checked_project,
    checked_text,
    checked_uuid,
    state_of,
)
from audit_assets.sandbox.linear.issue_rules import PRIORITIES, next_number, state_changes
from audit_assets.sandbox.linear.linear_errors import conflict, forbidden, invalid_input, not_found
from audit_assets.sandbox.linear.query_resolvers import Resolver, require_entity, require_issue
from audit_assets.sandbox.linear.request_context import Context
from audit_assets.sandbox.linear.seeded_workspace import VIEWER

Write = Callable[..., Entity]


def _mutation(entity_field: str, write: Write) -> Resolver:
    def resolve(_: Any, info: GraphQLResolveInfo, **arguments: Any) -> dict[str, Any]:
        context: Context = info.context
        if context.has_fault("success_false"):
            return {"success": False, entity_field: None}
        check_text(context, arguments)
        with context.store.transaction():
            entity = write(context, **arguments)
        return {"success": True, entity_field: None if context.has_fault("no_entity") else entity}

    return resolve


def _issue_create(context: Context, input: Entity) -> Entity:
    store = context.store
    team = require_entity(context, "Team", checked_uuid(context, "teamId", input["teamId"]))
    start = "defaultIssueStateId" if context.behaviour.key_is_member else "triageIssueStateId"
    state = state_of(context, team["id"], input.get("stateId") or team[start])
    number = next_number(store, team)
    fields = {
        "id": _id_of_new_issue(context, input.get("id")),
        "number": number,
        "identifier": f"{team['key']}-{number}",
        "title": checked_text(context, "title", input.get("title"), context.behaviour.longest_title),
        "description": checked_description(context, input.get("description")),
        "priority": _priority(context, input.get("priority")),
        "labelIds": checked_labels(context, team["id"], input.get("labelIds") or []),
        "assigneeId": checked_assignee(context, team["id"], input.get("assigneeId")),
        "projectId": checked_project(context, team["id"], input.get("projectId")),
        "previousIdentifiers": [],
        "teamId": team["id"],
        "trashed": None,
        **state_changes(store.now(), state, duplicate_sets=context.behaviour.duplicate_sets),
    }
    return _add(context, "Issue", fields, parent=team["id"], alias=fields["identifier"])


def _issue_update(context: Context, id: str, input: Entity) -> Entity:
    _needs_write(context)
    issue = require_issue(context, id)
    changes: Entity = {}
    if "priority" in input:
        changes["priority"] = _priority(context, input["priority"])
    if input.get("stateId"):
        state = state_of(context, issue["teamId"], input["stateId"])
        changes |= state_changes(context.store.now(), state, issue, duplicate_sets=context.behaviour.duplicate_sets)
    return context.store.change("Issue", issue["id"], changes)


def _issue_archive(context: Context, id: str, trash: bool | None = None) -> Entity:
    _needs_write(context)
    now = context.store.now()
    changes: Entity = {"archivedAt": now, **({"trashed": True} if trash else {})}
    issue = require_issue(context, id)
    return context.store.change("Issue", issue["id"], changes, touch=context.behaviour.archiving_is_a_change)


def _id_of_new_issue(context: Context, value: str | None) -> str | None:
    """The id that it gets; None for one of Linear's own."""
    own_id, behaviour = checked_id(context, value), context.behaviour
    if behaviour.own_ids == "refused" and own_id:
        raise invalid_input("id must not be given.", behaviour.invalid_input_status())
    taken = context.store.find("Issue", own_id) if own_id else None
    is_replaced = behaviour.taken_ids == "replaced" or (
        behaviour.taken_ids == "replaced_if_archived" and taken is not None and taken["archivedAt"]
    )
    return None if behaviour.own_ids == "replaced" or (taken and is_replaced) else own_id


def _comment_create(context: Context, input: Entity) -> Entity:
    _needs(context.behaviour.key_may_comment)
    if input.get("issueId") is None:
        raise invalid_input("issueId should not be empty.", context.behaviour.invalid_input_status())
    issue = _writable_issue(context, input["issueId"])
    own_id = checked_id(context, input.get("id"))
    if context.behaviour.taken_ids == "replaced" and own_id and context.store.find("Comment", own_id):
        own_id = None
    fields = {
        "id": own_id,
        "body": checked_text(context, "body", input.get("body"), context.behaviour.longest_text),
        "issueId": issue["id"],
        "userId": VIEWER,
        "doNotSubscribeToIssue": bool(input.get("doNotSubscribeToIssue")),
    }
    return _add(context, "Comment", fields, parent=issue["id"])


def _attachment_create(context: Context, input: Entity) -> Entity:
    _needs(context.behaviour.key_may_attach)
    issue = _writable_issue(context, input["issueId"])
    url = checked_text(context, "url", input["url"])
    fields = {
        "title": checked_text(context, "title", input["title"]),
        "subtitle": input.get("subtitle"),
        "metadata": input.get("metadata") or {},
    }
    own_id = checked_id(context, input.get("id"))
    existing = context.store.named("Attachment", url, issue["id"])
    if existing and not context.behaviour.attachments_by_url:
        return _add(
            context, "Attachment", fields | {"id": own_id, "url": url, "issueId": issue["id"]}, parent=issue["id"]
        )
    if existing:  # one per issue and url (docs/facts/linear.md, 1)
        return context.store.change("Attachment", existing["id"], fields)
    own = {"id": own_id, "url": url, "issueId": issue["id"]}
    return _add(context, "Attachment", fields | own, parent=issue["id"], alias=url)


def _issue_relation_create(context: Context, input: Entity) -> Entity:
    _needs_write(context)
    fields = {
        "id": checked_id(context, input.get("id")),
        "type": input["type"],
        "issueId": _writable_issue(context, input["issueId"])["id"],
        "relatedIssueId": _writable_issue(context, input["relatedIssueId"])["id"],
    }
    return _add(context, "IssueRelation", fields, parent=fields["issueId"])


def _file_upload(context: Context, **arguments: Any) -> Entity:
    _needs(context.behaviour.key_may_upload)
    return file_upload(context, **arguments)


def _needs_write(context: Context) -> None:
    _needs(context.behaviour.key_may_write)


def _needs(permission: bool) -> None:
    if not permission:
        raise forbidden("You do not have permission to do this.")


def _add(context: Context, kind: Kind, fields: Entity, *, parent: str, alias: str | None = None) -> Entity:
    try:
        return context.store.add(kind, fields, parent=parent, alias=alias)
    except IdTaken:
        raise conflict(kind, fields["id"], context.behaviour.conflict_status()) from None


def _writable_issue(context: Context, reference: str) -> Entity:
    issue = require_issue(context, reference)
    if issue["archivedAt"] and not context.behaviour.archived_issues_are_writable:
        raise not_found("Issue", context.behaviour.missing_status())
    return issue


def _priority(context: Context, priority: int | None) -> int:
    if priority is not None and not 0 <= priority < len(PRIORITIES):
        shown = f"priority must not be greater than {len(PRIORITIES) - 1} nor less than 0."
        raise invalid_input(shown, context.behaviour.invalid_input_status())
    return priority or 0


MUTATIONS: Mapping[str, Resolver] = {
    "issueCreate": _mutation("issue", _issue_create),
    "issueUpdate": _mutation("issue", _issue_update),
    "issueArchive": _mutation("entity", _issue_archive),
    "commentCreate": _mutation("comment", _comment_create),
    "attachmentCreate": _mutation("attachment", _attachment_create),
    "issueRelationCreate": _mutation("issueRelation", _issue_relation_create),
    "fileUpload": _mutation("uploadFile", _file_upload),
}
