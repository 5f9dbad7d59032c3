"""Parses the body of a request to the sandbox's Linear into one GraphQL operation."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    GraphQLError,
    GraphQLSchema,
    OperationDefinitionNode,
    get_operation_ast,
    parse,
    validate,
    value_from_ast_untyped,
)

from audit_assets.sandbox.linear.request_limits import Costs


class InvalidRequest(Exception):
    """The body is no GraphQL request, or the schema does not allow it; the message is the reason."""


@dataclass(frozen=True)
class GraphQLRequest:
    """One operation: its document may hold others."""

    text: str
    document: DocumentNode
    operation: OperationDefinitionNode
    variables: Mapping[str, Any]

    @property
    def name(self) -> str | None:
        """The operation's name in the document."""
        return self.operation.name.value if self.operation.name else None

    @property
    def call(self) -> str:
        """The first root field: its name in fault plans and among the recorded calls."""
        first = self.operation.selection_set.selections[0]
        return first.name.value if isinstance(first, FieldNode) else "graphql"

    def check(self, schema: GraphQLSchema) -> None:
        """Raises `InvalidRequest` when the schema does not allow the document."""
        error = _validation_error(schema, self.text)
        if error:
            raise InvalidRequest(error)

    def complexity(self, schema: GraphQLSchema) -> int:
        """The complexity of the operation, which must be valid."""
        definitions = self.document.definitions
        fragments = {node.name.value: node for node in definitions if isinstance(node, FragmentDefinitionNode)}
        defaults = {
            node.variable.name.value: value_from_ast_untyped(node.default_value)
            for node in self.operation.variable_definitions
            if node.default_value
        }
        return Costs(schema, fragments, defaults | dict(self.variables)).of(self.operation)


@lru_cache
def _parse(text: str) -> DocumentNode:
    """Cached: a client sends few documents, each many times."""
    return parse(text)


@lru_cache
def _validation_error(schema: GraphQLSchema, text: str) -> str | None:
    found = validate(schema, _parse(text))
    return found[0].message if found else None


def read_request(body: bytes) -> GraphQLRequest:
    """Raises `InvalidRequest`."""
    try:
        request = json.loads(body)
        text = request["query"]
        document = _parse(text)
        variables = request.get("variables") or {}
        operation = get_operation_ast(document, request.get("operationName"))
    except GraphQLError as error:
        raise InvalidRequest(error.message) from None
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise InvalidRequest("POST body is not a GraphQL request: JSON with a query is expected") from None
    if operation is None or not isinstance(variables, dict):
        raise InvalidRequest("the document has no such operation, or the variables are no object")
    return GraphQLRequest(text, document, operation, variables)
