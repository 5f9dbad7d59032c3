"""The shape of Linear's answer to each document of queries/, as far as it is read.

An answer is checked here whole, before anything of it is used: what comes later compares, sorts and sends these values
back, where one of another type would end in an error that names nothing.
"""

import math
from datetime import UTC, datetime
from typing import Annotated, Any, Generic, TypeVar

from pydantic import AfterValidator, TypeAdapter
from typing_extensions import TypedDict

from audit_assets.transport.untrusted_text import visible

Item = TypeVar("Item")

EARLIEST, LATEST = datetime(1970, 1, 1, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC)
"""No issue is from before or after: times beyond them can't be reckoned with. A judgement."""


def _check_unicode(text: str) -> str:
    text.encode()  # half a surrogate pair, which JSON can hold, can be sent, shown and stored nowhere
    return text


def _check_time(text: str) -> str:
    time = datetime.fromisoformat(text)
    if time.tzinfo is None or not EARLIEST <= time <= LATEST:
        raise ValueError("not a time of an issue")
    return text


def _check_finite(number: float) -> float:
    if not math.isfinite(number):
        raise ValueError("not a number that is sent back")
    return number


Text = Annotated[str, AfterValidator(_check_unicode)]
Shown = Annotated[Text, AfterValidator(visible)]
"""What is only shown, and sent back nowhere."""

Time = Annotated[str, AfterValidator(_check_time)]
Number = Annotated[float, AfterValidator(_check_finite)]


class _Entity(TypedDict):
    id: Text


class _Nodes(TypedDict, Generic[Item]):
    nodes: list[Item]


class _StateType(TypedDict):
    type: Text


class _State(_Entity):
    name: Shown
    type: Text


class _PlacedState(_State):
    position: Number


class _TeamStates(_Entity):
    defaultIssueState: _State | None
    states: _Nodes[_PlacedState]


class _VisibleTeam(TypedDict):
    key: Shown
    name: Shown


class _Team(_TeamStates):
    key: Text
    name: Shown
    retiredAt: Text | None


class _Viewer(TypedDict):
    name: Shown


class _LabelName(TypedDict):
    name: Text


class _TeamLabel(_LabelName):
    isGroup: bool
    team: _Entity | None


class _Label(_Entity, _TeamLabel):
    parent: _Entity | None
    retiredBy: _Entity | None


class _Project(_Entity):
    name: Text
    trashed: bool | None
    teams: _Nodes[_Entity]


class _User(_Entity):
    name: Text
    displayName: Text
    email: Text
    active: bool
    isAssignable: bool
    teams: _Nodes[_Entity]


class _IssueStage(_Entity):
    trashed: bool | None
    archivedAt: Time | None
    autoClosedAt: Time | None
    canceledAt: Time | None
    completedAt: Time | None
    updatedAt: Time
    state: _StateType


class _JudgedIssue(_IssueStage):
    labels: _Nodes[_LabelName]


class _Link(_Entity):
    url: Text


class _Marks(TypedDict):
    metadata: dict[str, Any]


class _Issue(_IssueStage):
    identifier: Shown
    url: Shown
    description: Text | None
    priority: Number
    team: _Entity
    hour: _Nodes[_Link]
    marks: _Nodes[_Marks]
    comments: _Nodes[_Entity]


class _NewIssue(_Entity):
    identifier: Shown
    url: Shown


class _Payload(TypedDict):
    success: bool


class _IssuePayload(_Payload):
    issue: _NewIssue | None


class _Header(TypedDict):
    key: Text
    value: Text


class _UploadFile(TypedDict):
    uploadUrl: Text
    assetUrl: Text
    headers: list[_Header]


class _UploadPayload(_Payload):
    uploadFile: _UploadFile | None


_DATA: dict[str, dict[str, Any]] = {
    "attachment_create": {"attachmentCreate": _Payload},
    "comment_create": {"commentCreate": _Payload},
    "file_upload": {"fileUpload": _UploadPayload},
    "issue_archive": {"issueArchive": _Payload},
    "issue_create": {"issueCreate": _IssuePayload},
    "issue_relation_create": {"issueRelationCreate": _Payload},
    "issue_update": {"issueUpdate": _Payload},
    "labels": {"issueLabels": _Nodes[_Label]},
    "projects": {"projects": _Nodes[_Project]},
    "team": {"viewer": _Viewer, "teams": _Nodes[_Team]},
    "teams": {"teams": _Nodes[_VisibleTeam]},
    "team_states": {"team": _TeamStates},
    "ticket_verdicts": {"issues": _Nodes[_JudgedIssue]},
    "tickets": {"issues": _Nodes[_Issue]},
    "users": {"users": _Nodes[_User]},
    "verdict_labels": {"issueLabels": _Nodes[_TeamLabel]},
}

_SHAPES = {
    document: {field: TypeAdapter(shape) for field, shape in fields.items()} for document, fields in _DATA.items()
}


def check_shape(document: str, data: dict[str, Any]) -> dict[str, Any]:
    """The part of `data`, the answer to that document, that is read. Raises ValueError or KeyError for another shape,
    and for text that is no Unicode."""
    return {field: shape.validate_python(data[field], strict=True) for field, shape in _SHAPES[document].items()}
