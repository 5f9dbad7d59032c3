"""Connections for a dry run: one that sends queries alone, and one that sends nothing at all.

They are the second lock of a dry run, whose `DryRunIssueApi` writes nothing anyway: a write that it forgot stops here.
"""

from collections.abc import Callable
from typing import Any, TypeVar

from audit_assets.linear.graphql_connection import GraphqlConnection, document_text

T = TypeVar("T")

Data = dict[str, Any]


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


def _team(asked: Data) -> Data:
    team = {"id": asked["key"], "key": asked["key"], "name": asked["key"], "retiredAt": None}
    return {"viewer": {"name": ""}, "teams": {"nodes": [team | {"defaultIssueState": None, "states": {"nodes": []}}]}}


def _labels(asked: Data) -> Data:
    known = {"isGroup": False, "team": None, "parent": None, "retiredBy": None}
    return {"issueLabels": {"nodes": [{"id": name, "name": name, **known} for name in asked["names"]]}}


def _project(asked: Data) -> Data:
    project = {"id": asked["name"], "name": asked["name"], "trashed": False}
    return {"projects": {"nodes": [project | _in_team(asked)]}}


def _user(asked: Data) -> Data:
    user = {"id": asked["who"], "name": asked["who"], "displayName": asked["who"], "email": asked["who"]}
    return {"users": {"nodes": [user | {"active": True, "isAssignable": True} | _in_team(asked)]}}


def _in_team(asked: Data) -> Data:
    return {"teams": {"nodes": [{"id": asked["team"]}]}}


_ANSWERS: dict[str, Callable[[Data], Data]] = {
    "tickets": lambda _: {"issues": {"nodes": []}},
    "team": _team,
    "labels": _labels,
    "projects": _project,
    "users": _user,
}
