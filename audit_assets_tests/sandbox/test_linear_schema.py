"""The sandbox's schema agrees with Linear's own."""

import os
from functools import cache
from pathlib import Path

import pytest
from graphql import (
    GraphQLEnumType,
    GraphQLInputObjectType,
    GraphQLNamedType,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLSchema,
    Undefined,
    assert_valid_schema,
    build_schema,
    is_specified_scalar_type,
)

from audit_assets.sandbox.linear.linear_schema import SDL, schema_from_sdl

REAL_SCHEMA = "AUDIT_ASSETS_TESTS_LINEAR_SCHEMA"


@cache
def real_schema() -> GraphQLSchema:
    path = os.environ.get(REAL_SCHEMA)
    if not path:
        pytest.skip(f"{REAL_SCHEMA} is not set: packages/sdk/src/schema.graphql of github.com/linear/linear")
    return build_schema(Path(path).read_text(encoding="utf-8"), assume_valid=True)


def own_types() -> dict[str, GraphQLNamedType]:
    types = schema_from_sdl().type_map
    return {name: of for name, of in types.items() if not name.startswith("__") and not is_specified_scalar_type(of)}


def test_the_schema_is_valid() -> None:
    assert_valid_schema(schema_from_sdl())
    assert SDL.stat().st_size < 20_000


@pytest.mark.parametrize("name", own_types())
def test_every_type_is_as_linear_has_it(name: str) -> None:
    real = real_schema().type_map[name]
    own = own_types()[name]
    assert type(own) is type(real)
    if isinstance(own, GraphQLEnumType) and isinstance(real, GraphQLEnumType):
        assert list(own.values) == list(real.values)
    if isinstance(own, GraphQLObjectType) and isinstance(real, GraphQLObjectType):
        assert_fields_agree(own, real)
    if isinstance(own, GraphQLInputObjectType) and isinstance(real, GraphQLInputObjectType):
        assert_inputs_agree(own, real)


def assert_fields_agree(own: GraphQLObjectType, real: GraphQLObjectType) -> None:
    for name, field in own.fields.items():
        counterpart = real.fields[name]
        assert str(field.type) == str(counterpart.type), name
        own_arguments = {key: (str(one.type), one.default_value) for key, one in field.args.items()}
        real_arguments = {key: (str(one.type), one.default_value) for key, one in counterpart.args.items()}
        assert own_arguments.items() <= real_arguments.items(), name
        assert required(counterpart.args) <= set(own_arguments), name


def assert_inputs_agree(own: GraphQLInputObjectType, real: GraphQLInputObjectType) -> None:
    for name, field in own.fields.items():
        assert str(field.type) == str(real.fields[name].type), name
    assert required(real.fields) <= set(own.fields)


def required(given: dict) -> set[str]:
    """Those without which a call is not valid."""
    missing = Undefined
    return {key for key, one in given.items() if isinstance(one.type, GraphQLNonNull) and one.default_value is missing}
