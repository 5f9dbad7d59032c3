"""Connections for a dry_run: one that reads and sends no write, and one that sends nothing at all.

They are the second lock of a dry run, whose Issues write nothing anyway: a write of which those know nothing stops.
"""

from collections.abc import Callable
from typing import Any, TypeVar

from audit_assets.linear.graphql_connection import Wire, text_of

T = TypeVar("T")

Data = dict[str, Any]


class ReadOnlyConnection(Wire):
    """A connection that sends queries alone."""

    def ask(self, document: str, variables: Data, take: Callable[[Data], T], **how: Any) -> T:
        """As `Wire.ask`, for a query."""
        if (kind := text_of(document).split(maxsplit=1)[0]) != "query":
            raise RuntimeError(f"{document} is a {kind}: a dry run must not send it.")
        return super().ask(document, variables, take, **how)


class OfflineConnection(ReadOnlyConnection):
    """No connection: as long as there is no key. Whatever is named is there, and no ticket is."""

    def ask(self, document: str, variables: Data, take: Callable[[Data], T], **_: Any) -> T:
        """The answer of a workspace like that. Nothing is sent."""
        if document not in _ANSWERS:
            raise RuntimeError(f"{document} must not be sent: there is no key.")
        return take(_ANSWERS[document](variables))


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
