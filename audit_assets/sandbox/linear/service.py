"""The sandbox's Linear: GraphQL over HTTP on one path, kept in SQLite, and the pages that show its tickets.

This file is the door: credentials, limits, HTTP statuses and planned faults; what queries and mutations mean is in
the `linear_*.py` beside it. In a plan of faults and in the notes of calls the service is "linear", and a call has the
name of the first root field of its operation, such as "issueCreate"; a body that is no request is named "graphql".
"""

import json
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

from graphql import GraphQLError, GraphQLSchema, execute_sync
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from audit_assets.sandbox.faults import Fault, FaultPlan, answer
from audit_assets.sandbox.linear import errors
from audit_assets.sandbox.linear.context import Behaviour, Context
from audit_assets.sandbox.linear.errors import LinearError
from audit_assets.sandbox.linear.limits import Meter
from audit_assets.sandbox.linear.mutations import attach_mutations
from audit_assets.sandbox.linear.people import People
from audit_assets.sandbox.linear.queries import attach_queries
from audit_assets.sandbox.linear.requests import Asked, NotGraphQL, read_request
from audit_assets.sandbox.linear.schema import schema_from_sdl
from audit_assets.sandbox.linear.store import LinearStore
from audit_assets.sandbox.linear.ticket_pages import ticket_routes
from audit_assets.sandbox.linear.uploads import Storage
from audit_assets.sandbox.linear.workspace import furnish
from audit_assets.sandbox.stage import Stage

API_KEY = "lin_api_sandbox"  # opens nothing but a sandbox on this machine
TEAM_KEY = "SEC"

REFUSALS: Mapping[str, tuple[int, Callable[[int], LinearError]]] = {
    "lock_timeout": (200, errors.lock_timeout),
    "internal_error": (500, errors.internal_error),
    "forbidden": (403, lambda status: errors.forbidden("You do not have access to this.", status)),
    "description_conflict": (400, errors.description_conflict),
}
"""Faults that answer an error and carry nothing out. Option: `status`, the HTTP status, else the one named here."""

OWN_FAULTS = frozenset({*REFUSALS, "rate_limited", "success_false", "no_entity", "wrong_nodes"})
"""Besides the refusals: rate_limited (option `seconds` until the reset, else 60) · success_false: a mutation is not
carried out and says so · no_entity: it is, and the entity in its payload is null · wrong_nodes: issue, issues and
attachmentsForURL answer what was not asked for."""


class LinearService(People):
    """One workspace with the teams Security (SEC) and Engineering (ENG). `behaviour` may be changed at any time."""

    def __init__(self, stage: Stage, plan: FaultPlan) -> None:
        super().__init__(LinearStore(stage.data_dir / "linear.sqlite", stage.clock), Behaviour())
        self._stage = stage
        self._plan = plan
        self._meter = Meter(self.behaviour, stage.clock)
        self._storage = Storage(self.store, stage, plan, API_KEY)
        furnish(self.store)

    def routes(self) -> list[Route]:
        """What the sandbox serves of it."""
        return [
            Route("/graphql", self._graphql, methods=["POST"]),
            *self._storage.routes(),
            *ticket_routes(self.issues, self._storage.picture),
        ]

    def environment(self, base_url: str) -> dict[str, str]:
        """The settings that make audit_assets speak to it."""
        return {"LINEAR_API_URL": f"{base_url}/graphql", "LINEAR_API_KEY": API_KEY, "LINEAR_TEAM_KEY": TEAM_KEY}

    def close(self) -> None:
        """Close the database."""
        self.store.close()

    async def _graphql(self, request: Request) -> Response:
        try:
            asked: Asked | NotGraphQL = read_request(await request.body())
        except NotGraphQL as trouble:
            asked = trouble

        async def handle(fault: Fault | None) -> Response:
            with self.store.lock:  # a mutation writes what it has checked
                return self._reply(request, asked, fault)

        call = asked.call if isinstance(asked, Asked) else "graphql"
        return await answer(self._stage, self._plan, "linear", call, request, handle)

    def _reply(self, request: Request, asked: Asked | NotGraphQL, fault: Fault | None) -> Response:
        if fault and fault.kind not in OWN_FAULTS:
            raise ValueError(f"the sandbox's Linear has no fault named {fault.kind}")
        try:
            _admit(request.headers.get("authorization"))
        except LinearError as refusal:
            return _response(refusal.status, refusal.body(), {})
        complexity: dict[str, str] = {}
        try:
            self._meter.take_request()
            self._refuse_as_planned(fault)
            valid = self._valid(asked)
            complexity["X-Complexity"] = str(valid.complexity(_schema()))
            self._afford(valid)
            status, content = self._carry_out(request, valid, fault)
        except LinearError as refusal:
            status, content = refusal.status, refusal.body()
        return _response(status, content, self._limits(fault) | complexity)

    def _limits(self, fault: Fault | None) -> dict[str, str]:
        if fault and fault.kind == "rate_limited":
            return self._meter.planned_headers(fault.options.get("seconds", 60))
        return self._meter.headers()

    def _refuse_as_planned(self, fault: Fault | None) -> None:
        if fault and fault.kind == "rate_limited":
            raise errors.rate_limited(self.behaviour.rate_limit_status)
        if fault and fault.kind in REFUSALS:
            status, refusal = REFUSALS[fault.kind]
            raise refusal(fault.options.get("status", status))

    def _valid(self, asked: Asked | NotGraphQL) -> Asked:
        try:
            if isinstance(asked, NotGraphQL):
                raise asked
            asked.check(_schema())
        except NotGraphQL as trouble:
            raise errors.invalid_document(str(trouble), self.behaviour.validation_status) from None
        return asked

    def _afford(self, asked: Asked) -> None:
        complexity, most = asked.complexity(_schema()), self.behaviour.most_complexity
        if complexity > most:
            raise errors.too_complex(complexity, most)
        self._meter.take_complexity(complexity)

    def _carry_out(self, request: Request, asked: Asked, fault: Fault | None) -> tuple[int, dict[str, Any]]:
        context = Context(self.store, self.behaviour, str(request.base_url).rstrip("/"), fault)
        result = execute_sync(
            _schema(),
            asked.document,
            context_value=context,
            variable_values=dict(asked.variables),
            operation_name=asked.name,
        )
        if not result.errors:
            return 200, {"data": result.data}
        shown = [self._shown(error) for error in result.errors]
        status = max(status for status, _ in shown)
        return status, {"errors": [error for _, error in shown], "data": result.data}

    def _shown(self, error: GraphQLError) -> tuple[int, dict[str, Any]]:
        """One error of an operation that was carried out: HTTP status, and the error as it is sent."""
        refusal = error.original_error
        if not isinstance(refusal, LinearError):
            if error.path is None:  # variables that do not fit the document
                refusal = errors.invalid_document(error.message, self.behaviour.validation_status)
            elif error.message.startswith("Cannot return null for non-nullable field"):
                refusal = errors.internal_error(200)
            else:
                raise error  # of the sandbox, not of Linear
        where = {"path": error.path} if error.path else {}
        return refusal.status, {"message": refusal.message, **where, "extensions": refusal.extensions()}


def _admit(credential: str | None) -> None:
    """Personal keys stand bare in the header (facts/linear.md, 2)."""
    if credential and credential.lower().startswith("bearer lin_api_"):
        raise errors.key_as_bearer()
    if credential != API_KEY:
        raise errors.not_authenticated()


def _response(status: int, content: dict[str, Any], headers: dict[str, str]) -> Response:
    return Response(json.dumps(content), status, headers, "application/json")


@cache
def _schema() -> GraphQLSchema:
    schema = schema_from_sdl()
    attach_queries(schema)
    attach_mutations(schema)
    return schema
