"""What a body that was posted to the sandbox's Linear asks for, if anything."""

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

from audit_assets.sandbox.linear.limits import Costs


class NotGraphQL(Exception):
    """The body is no GraphQL request, or none that the schema allows. The text says why."""


@dataclass(frozen=True)
class Asked:
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
        """The first root field: what plans of faults and notes of calls name it by."""
        first = self.operation.selection_set.selections[0]
        return first.name.value if isinstance(first, FieldNode) else "graphql"

    def check(self, schema: GraphQLSchema) -> None:
        """Raises `NotGraphQL` when the schema does not allow the document."""
        objection = _objection(schema, self.text)
        if objection:
            raise NotGraphQL(objection)

    def complexity(self, schema: GraphQLSchema) -> int:
        """What it costs, valid as it is."""
        definitions = self.document.definitions
        fragments = {node.name.value: node for node in definitions if isinstance(node, FragmentDefinitionNode)}
        defaults = {
            node.variable.name.value: value_from_ast_untyped(node.default_value)
            for node in self.operation.variable_definitions
            if node.default_value
        }
        return Costs(schema, fragments, defaults | dict(self.variables)).of(self.operation)


@lru_cache
def _parsed(text: str) -> DocumentNode:
    """A client sends few documents, each many times."""
    return parse(text)


@lru_cache
def _objection(schema: GraphQLSchema, text: str) -> str | None:
    found = validate(schema, _parsed(text))
    return found[0].message if found else None


def read_request(body: bytes) -> Asked:
    """Raises `NotGraphQL`."""
    try:
        request = json.loads(body)
        text = request["query"]
        document = _parsed(text)
        variables = request.get("variables") or {}
        operation = get_operation_ast(document, request.get("operationName"))
    except GraphQLError as error:
        raise NotGraphQL(error.message) from None
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise NotGraphQL("POST body is not a GraphQL request: JSON with a query is expected") from None
    if operation is None or not isinstance(variables, dict):
        raise NotGraphQL("the document has no such operation, or the variables are no object")
    return Asked(text, document, operation, variables)
