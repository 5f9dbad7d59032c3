"""Parses a model's answer: a note if it is exactly what was requested, else an error.

Nothing is repaired: an answer that is cut off, refused, too long or of another shape gives no note. The text of a note
is still untrusted, as an entry's values may have dictated it: tickets/model_note.py renders it safely.
"""

from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from audit_assets.config.errors import Incomplete

ASSESSMENT_LENGTH = 400
ITEM_LENGTH = 160
MOST_REASONS = 3
MOST_CHECKS = 4
"""A longer answer is refused; the prompt asks for less. Judgements: a ticket is read on a phone."""


@dataclass(frozen=True)
class ModelNote:
    """A model's note: its assessment, what suggests an ordinary cause, and what to check. Untrusted text."""

    model: str
    assessment: str
    harmless: tuple[str, ...]
    check: tuple[str, ...]


_Assessment = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=ASSESSMENT_LENGTH)]
_Item = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=ITEM_LENGTH)]


class _Answer(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    assessment: _Assessment
    harmless: list[_Item] = Field(max_length=MOST_REASONS)
    check: list[_Item] = Field(max_length=MOST_CHECKS)


class _Message(BaseModel):
    content: str | None = None
    refusal: str | None = None
    tool_calls: list[Any] | None = None


class _Choice(BaseModel):
    finish_reason: str | None = None
    message: _Message


class _Completion(BaseModel):
    """The part of a chat completion that is read."""

    choices: list[_Choice] = Field(min_length=1)


_STRINGS = {"type": "array", "items": {"type": "string"}}

RESPONSE_FORMAT: dict[str, Any] = {
    "type": "json_schema",
    "json_schema": {
        "name": "triage_note",
        "strict": True,
        "schema": {
            "type": "object",
            "properties": {"assessment": {"type": "string"}, "harmless": _STRINGS, "check": _STRINGS},
            "required": ["assessment", "harmless", "check"],
            "additionalProperties": False,
        },
    },
}
"""The requested shape. It has no lengths, because not every endpoint takes those in a schema: the prompt has."""


def parse_note(body: bytes, model: str) -> ModelNote:
    """The note in the body of a chat completion. Raises `Incomplete` with the reason if there is none."""
    try:
        choice = _Completion.model_validate_json(body).choices[0]
    except ValidationError:
        raise _unusable("it is no chat completion") from None
    message = choice.message
    if message.refusal:
        raise _unusable("the model refused")
    if choice.finish_reason != "stop" or message.tool_calls:
        raise _unusable("the model did not finish")
    try:
        answer = _Answer.model_validate_json(message.content or "")
    except ValidationError:
        raise _unusable("it is not the short JSON object that the prompt asks for") from None
    return ModelNote(model, answer.assessment, tuple(answer.harmless), tuple(answer.check))


def _unusable(reason: str) -> Incomplete:
    return Incomplete(f"The answer of the triage model can't be used: {reason}.")
