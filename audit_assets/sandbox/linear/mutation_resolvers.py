"""The resolvers of the sandbox's Linear for the Mutation type.

A mutation is executed whole or not at all; its arguments have the names of the schema. To support one more, write its
resolver, add it to `_MUTATIONS`, and add its lines to linear_schema.graphql.
"""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from graphql import GraphQLResolveInfo, GraphQLSchema

from audit_assets.sandbox.linear.entity_store import Entity, IdTaken, Kind, timestamp
from audit_assets.sandbox.linear.file_storage import file_upload
from audit_assets.sandbox.linear.input_checks import check_text, checked_id, checked_past, checked_text, checked_uuid
from audit_assets.sandbox.linear.issue_fields import checked_assignee, checked_labels, checked_project, state_of
from audit_assets.sandbox.linear.issue_rules import PRIORITIES, next_number, state_changes
from audit_assets.sandbox.linear.linear_errors import conflict, forbidden, invalid_input, not_found
from audit_assets.sandbox.linear.query_resolvers import require_entity, require_issue
from audit_assets.sandbox.linear.request_context import Context
from audit_assets.sandbox.linear.seeded_workspace import VIEWER

Write = Callable[..., Entity]


def attach_mutations(schema: GraphQLSchema) -> None:
    """Attach the resolvers of mutations to the schema."""
    mutations = schema.mutation_type
    if mutations is None:
        raise TypeError("the schema has no mutations")
    for name, (entity_field, write) in _MUTATIONS.items():
        mutations.fields[name].resolve = _mutation(entity_field, write)


def _mutation(entity_field: str, write: Write) -> Callable[..., dict[str, Any]]:
    def resolve(_: Any, info: GraphQLResolveInfo, **arguments: Any) -> dict[str, Any]:
        context: Context = info.context
        store = context.store
        if context.has_fault("success_false"):
            return {"success": False, entity_field: None, "lastSyncId": store.last_sync_id()}
        check_text(context, arguments)
        with store.transaction():
            entity = write(context, **arguments)
        shown = None if context.has_fault("no_entity") else entity
        return {"success": True, entity_field: shown, "lastSyncId": store.last_sync_id()}

    return resolve


def _issue_create(context: Context, input: Entity) -> Entity:
    store = context.store
    team = require_entity(context, "Team", checked_uuid(context, "teamId", input["teamId"]))
    start = "defaultIssueStateId" if context.behaviour.key_is_member else "triageIssueStateId"
    state = state_of(context, team["id"], input.get("stateId") or team[start])
    number = next_number(store, team)
    fields = {
        "id": checked_id(context, input.get("id")),
        "number": number,
        "identifier": f"{team['key']}-{number}",
        "title": _title(context, input.get("title")),
        "description": input.get("description"),
        "priority": _priority(context, input.get("priority")),
        "labelIds": checked_labels(context, team["id"], input.get("labelIds") or []),
        "assigneeId": checked_assignee(context, team["id"], input.get("assigneeId")),
        "projectId": checked_project(context, team["id"], input.get("projectId")),
        "previousIdentifiers": [],
        "teamId": team["id"],
        "creatorId": VIEWER,
        "trashed": None,
        **_times(context, input),
        **state_changes(store.now(), state, duplicate_sets=context.behaviour.duplicate_sets),
    }
    return _add(context, "Issue", fields, parent=team["id"], alias=fields["identifier"])


def _issue_update(context: Context, id: str, input: Entity) -> Entity:
    _needs_write(context)
    issue = require_issue(context, id)
    changes: Entity = {}
    if "title" in input:
        changes["title"] = _title(context, input["title"])
    if "description" in input:
        changes["description"] = input["description"]
    if "priority" in input:
        changes["priority"] = _priority(context, input["priority"])
    if input.get("stateId"):
        changes |= _moved(context, input["stateId"], issue)
    labels = issue["labelIds"] if input.get("labelIds") is None else input["labelIds"]
    labels = [*labels, *(input.get("addedLabelIds") or [])]
    labels = [label for label in labels if label not in (input.get("removedLabelIds") or [])]
    changes["labelIds"] = checked_labels(context, issue["teamId"], labels)
    if "trashed" in input:
        changes |= _trashed(context, input["trashed"])
    return context.store.change("Issue", issue["id"], changes)


def _moved(context: Context, state_id: str, issue: Entity) -> Entity:
    state = state_of(context, issue["teamId"], state_id)
    return state_changes(context.store.now(), state, issue, duplicate_sets=context.behaviour.duplicate_sets)


def _issue_archive(context: Context, id: str, trash: bool | None = None) -> Entity:
    changes = _trashed(context, True) if trash else {"archivedAt": context.store.now()}
    # archiving does not count as an update (docs/facts/linear.md, 1)
    return context.store.change("Issue", require_issue(context, id)["id"], changes, touch=False)


def _issue_unarchive(context: Context, id: str) -> Entity:
    return context.store.change("Issue", require_issue(context, id)["id"], {"archivedAt": None, "trashed": None})


def _issue_delete(context: Context, id: str, permanentlyDelete: bool | None = None) -> Entity:
    if permanentlyDelete:
        raise forbidden("Only admins can delete issues permanently.")
    return context.store.change("Issue", require_issue(context, id)["id"], _trashed(context, True))


def _comment_create(context: Context, input: Entity) -> Entity:
    if input.get("issueId") is None:
        raise invalid_input("issueId should not be empty.", context.behaviour.invalid_input_status())
    issue = _writable_issue(context, input["issueId"])
    if input.get("parentId") is not None:
        require_entity(context, "Comment", input["parentId"])
    return _add_comment(context, issue, input)


def _add_comment(context: Context, issue: Entity, input: Entity) -> Entity:
    fields = {
        "id": checked_id(context, input.get("id")),
        "body": checked_text(context, "body", input.get("body")),
        "issueId": issue["id"],
        "parentId": input.get("parentId"),
        "userId": VIEWER,
        "editedAt": None,
        "doNotSubscribeToIssue": bool(input.get("doNotSubscribeToIssue")),
        **_times(context, input),
    }
    return _add(context, "Comment", fields, parent=issue["id"])


def _comment_update(context: Context, id: str, input: Entity) -> Entity:
    comment = require_entity(context, "Comment", id)
    changes = {"body": checked_text(context, "body", input["body"])} if "body" in input else {}
    return context.store.change("Comment", comment["id"], changes | {"editedAt": context.store.now()})


def _attachment_create(context: Context, input: Entity) -> Entity:
    issue = _writable_issue(context, input["issueId"])
    url = checked_text(context, "url", input["url"])
    fields = {
        "title": checked_text(context, "title", input["title"]),
        "subtitle": input.get("subtitle"),
        "metadata": input.get("metadata") or {},
        "iconUrl": input.get("iconUrl"),
        "groupBySource": bool(input.get("groupBySource")),
    }
    if input.get("commentBody"):
        _add_comment(context, issue, {"body": input["commentBody"]})
    own_id = checked_id(context, input.get("id"))
    existing = context.store.named("Attachment", url, issue["id"])
    if existing:  # one per issue and url (docs/facts/linear.md, 1)
        return context.store.change("Attachment", existing["id"], fields)
    own = {"id": own_id, "url": url, "issueId": issue["id"], "creatorId": VIEWER}
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


def _needs_write(context: Context) -> None:
    if not context.behaviour.key_may_write:
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


def _title(context: Context, title: str | None) -> str:
    return checked_text(context, "title", title, context.behaviour.longest_title)


def _priority(context: Context, priority: int | None) -> int:
    if priority is not None and not 0 <= priority < len(PRIORITIES):
        shown = f"priority must not be greater than {len(PRIORITIES) - 1} nor less than 0."
        raise invalid_input(shown, context.behaviour.invalid_input_status())
    return priority or 0


def _trashed(context: Context, trashed: bool | None) -> Entity:
    """Move into the trash, which archives too, or (null) out of it."""
    if trashed is False:
        raise invalid_input("trashed must be true or null.", context.behaviour.invalid_input_status())
    return {"trashed": trashed, "archivedAt": context.store.now() if trashed else None}


def _times(context: Context, input: Entity) -> Entity:
    if input.get("createdAt") is None:
        return {}
    created = timestamp(checked_past(context, datetime.fromisoformat(input["createdAt"])))
    return {"createdAt": created, "updatedAt": created}


_MUTATIONS: dict[str, tuple[str, Write]] = {
    "issueCreate": ("issue", _issue_create),
    "issueUpdate": ("issue", _issue_update),
    "issueArchive": ("entity", _issue_archive),
    "issueUnarchive": ("entity", _issue_unarchive),
    "issueDelete": ("entity", _issue_delete),
    "commentCreate": ("comment", _comment_create),
    "commentUpdate": ("comment", _comment_update),
    "attachmentCreate": ("attachment", _attachment_create),
    "issueRelationCreate": ("issueRelation", _issue_relation_create),
    "fileUpload": ("uploadFile", file_upload),
}
