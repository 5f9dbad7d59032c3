"""Linear's limits: the complexity of a query, and buckets for requests and complexity (docs/facts/linear.md, 2)."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from graphql import (
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLObjectType,
    GraphQLSchema,
    InlineFragmentNode,
    OperationDefinitionNode,
    SelectionSetNode,
    get_named_type,
    value_from_ast_untyped,
)

from audit_assets.sandbox.linear.linear_errors import rate_limited
from audit_assets.sandbox.linear.request_context import Behaviour
from audit_assets.sandbox.sandbox_clock import SandboxClock

PERIOD = timedelta(hours=1)
DEFAULT_PAGE = 50
SCALAR_COST = 0.1
OBJECT_COST = 1.0


@dataclass(frozen=True)
class Costs:
    """Computes complexities: a scalar is 0.1, an object 1; a connection's content counts once per item of a page."""

    schema: GraphQLSchema
    fragments: Mapping[str, FragmentDefinitionNode]
    variables: Mapping[str, Any]

    def of(self, operation: OperationDefinitionNode) -> int:
        """The complexity of an operation that is valid, rounded up."""
        root = self.schema.get_root_type(operation.operation)
        exact = self._selected(operation.selection_set, root) if root else 0.0
        return math.ceil(round(exact, 6))

    def _selected(self, selections: SelectionSetNode, parent: GraphQLObjectType) -> float:
        cost = 0.0
        for selection in selections.selections:
            if isinstance(selection, FieldNode):
                cost += self._field(selection, parent)
            elif isinstance(selection, FragmentSpreadNode):
                cost += self._selected(self.fragments[selection.name.value].selection_set, parent)
            elif isinstance(selection, InlineFragmentNode):
                cost += self._selected(selection.selection_set, parent)
        return cost

    def _field(self, node: FieldNode, parent: GraphQLObjectType) -> float:
        definition = parent.fields.get(node.name.value)  # none for __typename and for introspection
        named = get_named_type(definition.type) if definition else None
        if not isinstance(named, GraphQLObjectType) or node.selection_set is None:
            return SCALAR_COST
        inside = self._selected(node.selection_set, named)
        return OBJECT_COST + inside * (self._page(node) if named.name.endswith("Connection") else 1)

    def _page(self, node: FieldNode) -> int:
        for argument in node.arguments:
            if argument.name.value == "first":
                size = value_from_ast_untyped(argument.value, dict(self.variables))
                if isinstance(size, int):
                    return max(size, 0)
        return DEFAULT_PAGE


class LeakyBucket:
    """Admits `limit` an hour, all at once or one by one: the level falls evenly."""

    def __init__(self) -> None:
        self._level = 0.0
        self._at: datetime | None = None

    def add(self, amount: float, limit: float, now: datetime) -> bool:
        """Whether the amount still fits; if not, nothing is added."""
        self._leak(limit, now)
        if self._level + amount > limit:
            return False
        self._level += amount
        return True

    def remaining(self, limit: float, now: datetime) -> int:
        """How much still fits."""
        self._leak(limit, now)
        return max(0, math.floor(limit - self._level))

    def reset(self, limit: float, now: datetime) -> int:
        """When it will be empty again: UTC epoch milliseconds, as the schema documents `reset`."""
        self._leak(limit, now)
        return epoch_ms(now + PERIOD * min(1.0, self._level / max(limit, 1.0)))

    def _leak(self, limit: float, now: datetime) -> None:
        if self._at is not None:
            self._level = max(0.0, self._level - (now - self._at) / PERIOD * limit)
        self._at = now


class Meter:
    """What the API key has used of its two limits."""

    def __init__(self, behaviour: Behaviour, clock: SandboxClock) -> None:
        self._behaviour = behaviour
        self._clock = clock
        self._requests = LeakyBucket()
        self._complexity = LeakyBucket()
        self._now = clock.now()
        """When the request came in: its limits are counted and shown as of then."""

    def take_request(self) -> None:
        """Count one request. Raises RATELIMITED."""
        self._now = self._clock.now()
        if not self._requests.add(1, self._behaviour.requests_per_hour, self._now):
            raise rate_limited()

    def take_complexity(self, complexity: float) -> None:
        """Count a query's complexity. Raises RATELIMITED."""
        if not self._complexity.add(complexity, self._behaviour.complexity_per_hour, self._now):
            raise rate_limited()

    def headers(self) -> dict[str, str]:
        """The headers of both limits, which every answer has."""
        usage = (
            ("Requests", self._requests, self._behaviour.requests_per_hour),
            ("Complexity", self._complexity, self._behaviour.complexity_per_hour),
        )
        return {
            f"X-RateLimit-{name}-{part}": f"{value:.0f}"
            for name, bucket, limit in usage
            for part, value in (
                ("Limit", limit),
                ("Remaining", bucket.remaining(limit, self._now)),
                ("Reset", bucket.reset(limit, self._now)),
            )
        }

    def planned_headers(self, seconds: float) -> dict[str, str]:
        """As `headers`, but with no request left for so many seconds."""
        reset = epoch_ms(self._now + timedelta(seconds=seconds))
        spent = {"X-RateLimit-Requests-Remaining": "0", "X-RateLimit-Requests-Reset": str(reset)}
        return self.headers() | spent


def epoch_ms(time: datetime) -> int:
    """Milliseconds since 1970, rounded up."""
    return math.ceil(time.timestamp() * 1000)
