"""The GraphQL schema that the sandbox's Linear answers, read from the SDL beside this file."""

import re
from datetime import datetime
from pathlib import Path
from typing import Any

from graphql import GraphQLError, GraphQLScalarType, GraphQLSchema, build_schema

SDL = Path(__file__).with_suffix(".graphql")

_DATE_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:?\d\d)")


def schema_from_sdl() -> GraphQLSchema:
    """The schema, with scalars that check what they are given; without resolvers."""
    built = build_schema(SDL.read_text())
    _check_input(built, "DateTime", _date_time)
    _check_input(built, "JSONObject", _json_object)
    return built


def _check_input(built: GraphQLSchema, name: str, check: Any) -> None:
    """graphql-core up to 3.2 asks `parse_value`, 3.3 asks `coerce_input_value` (docs/facts/linear.md, 5)."""
    scalar = built.type_map[name]
    if not isinstance(scalar, GraphQLScalarType):
        raise TypeError(f"{name} is not a scalar")
    for hook in ("parse_value", "coerce_input_value"):
        if hasattr(scalar, hook):
            setattr(scalar, hook, check)


def _date_time(value: Any) -> str:
    if isinstance(value, str) and _DATE_TIME.fullmatch(value):
        try:
            datetime.fromisoformat(value)
        except ValueError:
            pass
        else:
            return value
    raise GraphQLError("DateTime cannot represent what is no ISO 8601 time with an offset")


def _json_object(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise GraphQLError("JSONObject cannot represent what is no object")
    return value
