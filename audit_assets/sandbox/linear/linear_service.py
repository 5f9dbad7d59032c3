"""The sandbox's Linear: GraphQL over HTTP on one path, kept in SQLite, and the pages that show its tickets.

Here: credentials, limits, HTTP statuses and planned faults; the resolvers are in query_resolvers.py and
mutation_resolvers.py. In a fault plan and among the recorded calls the service is "linear", and a call has the name of
the first root field of its operation, such as "issueCreate"; a body that is no request is "graphql".
"""

import json
import secrets
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

from graphql import GraphQLError, GraphQLSchema, execute_sync
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from audit_assets.sandbox.fault_plan import Fault, FaultPlan, answer_call
from audit_assets.sandbox.linear import linear_errors
from audit_assets.sandbox.linear.entity_store import LinearStore
from audit_assets.sandbox.linear.file_storage import Storage
from audit_assets.sandbox.linear.graphql_requests import GraphQLRequest, InvalidRequest, read_request
from audit_assets.sandbox.linear.linear_errors import LinearError
from audit_assets.sandbox.linear.linear_schema import schema_from_sdl
from audit_assets.sandbox.linear.manual_actions import ManualActions
from audit_assets.sandbox.linear.mutation_resolvers import MUTATIONS
from audit_assets.sandbox.linear.query_resolvers import QUERIES, attach_resolvers
from audit_assets.sandbox.linear.request_context import Behaviour, Context
from audit_assets.sandbox.linear.request_limits import Meter
from audit_assets.sandbox.linear.seeded_workspace import seed_workspace
from audit_assets.sandbox.linear.ticket_pages import ticket_routes
from audit_assets.sandbox.linear.tickets_file import tickets_file
from audit_assets.sandbox.service_context import ServiceContext

API_KEY = f"lin_api_sandbox{secrets.token_hex(16)}"
"""The API key of this process."""

TEAM_KEY = "SEC"

REFUSALS: Mapping[str, tuple[int, Callable[[int], LinearError]]] = {
    "lock_timeout": (200, linear_errors.lock_timeout),
    "internal_error": (500, linear_errors.internal_error),
    "forbidden": (403, lambda status: linear_errors.forbidden("You do not have access to this.", status)),
    "description_conflict": (400, linear_errors.description_conflict),
}
"""Faults that answer with an error and execute nothing. Option: `status`, the HTTP status, else the one named here."""

OWN_FAULTS = frozenset({*REFUSALS, "rate_limited", "success_false", "no_entity", "wrong_nodes"})
"""Besides the refusals: rate_limited (option `seconds` until the reset, else 60) · success_false: a mutation is not
executed, and its payload has success: false · no_entity: it is executed, and the entity in its payload is null ·
wrong_nodes: a root connection, such as issues, returns other nodes than the right ones."""


class LinearService(ManualActions):
    """One workspace with the teams Security (SEC) and Engineering (ENG). `behaviour` may be changed at any time."""

    def __init__(self, shared: ServiceContext, plan: FaultPlan) -> None:
        super().__init__(LinearStore(shared.data_dir / "linear.sqlite", shared.clock), Behaviour())
        self._shared = shared
        self._plan = plan
        self._meter = Meter(self.behaviour, shared.clock)
        self._storage = Storage(self.store, shared, plan, API_KEY)
        seed_workspace(self.store)

    def routes(self) -> list[Route]:
        """The routes of the API, of the file storage, and of the ticket pages."""
        return [
            Route("/graphql", self._graphql, methods=["POST"]),
            *self._storage.routes(),
            *ticket_routes(self.issues, self._storage.picture),
        ]

    def tickets_file(self, base_url: str) -> str:
        """All tickets as they are now, as one HTML file that needs no server."""
        return tickets_file(self.issues(), self._storage.picture, base_url)

    def environment(self, base_url: str) -> dict[str, str]:
        """The settings with which audit_assets uses this service."""
        return {"LINEAR_API_URL": f"{base_url}/graphql", "LINEAR_API_KEY": API_KEY, "LINEAR_TEAM_KEY": TEAM_KEY}

    def close(self) -> None:
        """Close the database."""
        self.store.close()

    async def _graphql(self, request: Request) -> Response:
        try:
            operation: GraphQLRequest | InvalidRequest = read_request(await request.body())
        except InvalidRequest as error:
            operation = error

        async def handle(fault: Fault | None) -> Response:
            with self.store.lock:  # a mutation writes what it has checked
                return self._respond(request, operation, fault)

        call = operation.call if isinstance(operation, GraphQLRequest) else "graphql"
        return await answer_call(self._shared, self._plan, "linear", call, request, handle)

    def _respond(self, request: Request, operation: GraphQLRequest | InvalidRequest, fault: Fault | None) -> Response:
        if fault and fault.kind not in OWN_FAULTS:
            raise ValueError(f"the sandbox's Linear has no fault named {fault.kind}")
        try:
            _check_credential(request.headers.get("authorization"))
        except LinearError as refusal:
            return _response(refusal.status, refusal.body(), {})
        complexity: dict[str, str] = {}
        try:
            self._meter.take_request()
            self._raise_planned_error(fault)
            valid = self._validated(operation)
            cost = valid.complexity(_schema())
            complexity["X-Complexity"] = str(cost)
            if cost > self.behaviour.most_complexity:
                raise linear_errors.too_complex(cost, self.behaviour.most_complexity)
            self._meter.take_complexity(cost)
            status, content = self._execute(request, valid, fault)
        except LinearError as refusal:
            status, content = refusal.status, refusal.body()
        return _response(status, content, self._limits(fault) | complexity)

    def _limits(self, fault: Fault | None) -> dict[str, str]:
        if fault and fault.kind == "rate_limited":
            return self._meter.planned_headers(fault.options.get("seconds", 60))
        return self._meter.headers()

    def _raise_planned_error(self, fault: Fault | None) -> None:
        if fault and fault.kind == "rate_limited":
            raise linear_errors.rate_limited()
        if fault and fault.kind in REFUSALS:
            status, refusal = REFUSALS[fault.kind]
            raise refusal(fault.options.get("status", status))

    def _validated(self, operation: GraphQLRequest | InvalidRequest) -> GraphQLRequest:
        try:
            if isinstance(operation, InvalidRequest):
                raise operation
            operation.check(_schema())
        except InvalidRequest as error:
            raise linear_errors.invalid_document(str(error)) from None
        return operation

    def _execute(self, request: Request, operation: GraphQLRequest, fault: Fault | None) -> tuple[int, dict[str, Any]]:
        context = Context(self.store, self.behaviour, str(request.base_url).rstrip("/"), fault)
        result = execute_sync(
            _schema(),
            operation.document,
            context_value=context,
            variable_values=dict(operation.variables),
            operation_name=operation.name,
        )
        if not result.errors:
            return 200, {"data": result.data}
        shown = [self._shown(error) for error in result.errors]
        status = max(status for status, _ in shown)
        return status, {"errors": [error for _, error in shown], "data": result.data}

    def _shown(self, error: GraphQLError) -> tuple[int, dict[str, Any]]:
        """One error of an operation that was executed: HTTP status, and the error as it is sent."""
        refusal = error.original_error
        if not isinstance(refusal, LinearError):
            if error.path is None:  # variables that do not fit the document
                refusal = linear_errors.invalid_document(error.message)
            elif error.message.startswith("Cannot return null for non-nullable field"):
                refusal = linear_errors.internal_error(200)
            else:
                raise error  # of the sandbox, not of Linear
        where = {"path": error.path} if error.path else {}
        return refusal.status, {"message": refusal.message, **where, "extensions": refusal.extensions()}


def _check_credential(credential: str | None) -> None:
    """Personal keys are sent without a scheme (docs/facts/linear.md, 2)."""
    if credential and credential.lower().startswith("bearer lin_api_"):
        raise linear_errors.key_as_bearer()
    if credential != API_KEY:
        raise linear_errors.not_authenticated()


def _response(status: int, content: dict[str, Any], headers: dict[str, str]) -> Response:
    return Response(json.dumps(content), status, headers, "application/json")


@cache
def _schema() -> GraphQLSchema:
    schema = schema_from_sdl()
    attach_resolvers(schema, QUERIES)
    attach_resolvers(schema, {"Mutation": MUTATIONS})
    return schema
