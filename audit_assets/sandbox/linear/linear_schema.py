"""The GraphQL schema that the sandbox's Linear answers, read from the SDL beside this file."""

from pathlib import Path
from typing import Any

from graphql import GraphQLError, GraphQLSchema, build_schema

SDL = Path(__file__).with_suffix(".graphql")


def schema_from_sdl() -> GraphQLSchema:
    """The schema, whose JSONObject checks what it is given; without resolvers."""
    built = build_schema(SDL.read_text())
    scalar = built.type_map["JSONObject"]
    # graphql-core up to 3.2 asks `parse_value`, 3.3 asks `coerce_input_value` (docs/facts/linear.md, 5)
    for hook in ("parse_value", "coerce_input_value"):
        if hasattr(scalar, hook):
            setattr(scalar, hook, _json_object)
    return built


def _json_object(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise GraphQLError("JSONObject cannot represent what is no object")
    return value
