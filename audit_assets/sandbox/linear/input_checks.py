"""Checks of values for which Linear's schema has no more than String."""

import uuid
from datetime import datetime
from typing import Any

from audit_assets.sandbox.linear.entity_store import timestamp
from audit_assets.sandbox.linear.linear_errors import invalid_input
from audit_assets.sandbox.linear.request_context import Context


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


def checked_past(context: Context, time: datetime) -> datetime:
    """A time in the past. Raises INVALID_INPUT."""
    if timestamp(time) > context.store.now():
        raise invalid_input("createdAt must be in the past.", context.behaviour.invalid_input_status())
    return time


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
