"""Every document that is sent to Linear, and every variable, is valid against the schema."""

import json
import os
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from graphql import (
    GraphQLError,
    GraphQLSchema,
    NoDeprecatedCustomRule,
    OperationDefinitionNode,
    build_schema,
    parse,
    specified_rules,
    validate,
)
from graphql.execution.values import get_variable_values

from audit_assets.config.errors import Refused
from audit_assets.config.policy_tables import TicketFields
from audit_assets.defs.steps.ticket_opener import TicketOpener
from audit_assets.linear import client as linear
from audit_assets.linear.client import LinearClient
from audit_assets.linear.graphql_connection import document_text
from audit_assets.sandbox.linear.graphql_requests import read_request
from audit_assets.sandbox.linear.linear_schema import SDL
from audit_assets.sandbox.server import Sandbox
from audit_assets.tickets.ticket import ticket_id
from audit_assets.transport.http import BoundedHttpClient
from audit_assets_tests.linear.workspace import with_chart
from audit_assets_tests.tickets.sample_findings import HOUR, finding, new_type, overflow

QUERIES = Path(linear.__file__).parent / "queries"
DOCUMENTS = sorted(path.stem for path in QUERIES.glob("*.graphql"))
MOST_COMPLEXITY = 10_000  # of one query (docs/facts/linear.md, 2)

SCHEMA_SETTING = "AUDIT_ASSETS_TESTS_LINEAR_SCHEMA"
"""Names a file with Linear's own schema: packages/sdk/src/schema.graphql of github.com/linear/linear."""

Sent = dict[str, list[dict[str, Any]]]


@pytest.fixture(scope="module", params=["the sandbox's", "Linear's own"])
def schema(request: pytest.FixtureRequest) -> GraphQLSchema:
    """The sandbox's schema is a part of Linear's own, which is too large to ship."""
    path = SDL if request.param == "the sandbox's" else Path(os.environ.get(SCHEMA_SETTING, ""))
    if not path.is_file():
        pytest.skip(f"{SCHEMA_SETTING} names no file: get packages/sdk/src/schema.graphql of github.com/linear/linear")
    built = build_schema(path.read_text(encoding="utf-8"), assume_valid_sdl=True)
    # The SDL gives scalars no format; of those that are sent, one has a documented one. graphql-core 3.2 asks
    # parse_value, 3.3 coerce_input_value (docs/facts/linear.md, 5).
    scalar: Any = built.type_map["JSONObject"]
    scalar.parse_value = scalar.coerce_input_value = metadata
    return built


def metadata(value: Any) -> Any:
    """An attachment's metadata holds strings and numbers (docs/facts/linear.md, 1)."""
    if not isinstance(value, dict) or not all(isinstance(each, str | int | float) for each in value.values()):
        raise GraphQLError("not an object of strings and numbers")
    return value


@pytest.fixture
def sent(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> Sent:
    """The variables of each document, as a client sends them in the whole life of a ticket that has every field, and
    in an overflow."""
    seen: Sent = {document: [] for document in DOCUMENTS}
    by_text = {document_text(document): document for document in DOCUMENTS}
    exchange = BoundedHttpClient.exchange

    def noting(transport: BoundedHttpClient, method: str, path: str, **options: Any) -> Any:
        if body := options.get("json"):
            seen[by_text[body["query"]]].append(body["variables"])
        return exchange(transport, method, path, **options)

    monkeypatch.setattr(BoundedHttpClient, "exchange", noting)
    known = sandbox.linear.environment(sandbox.url)
    linear = LinearClient(
        api_key=known["LINEAR_API_KEY"],
        team_key=known["LINEAR_TEAM_KEY"],
        label="cloudflare-audit",
        fields=(TicketFields(project="Incident response", labels=("Edge",), assignee="Anne Archer"),),
        url=known["LINEAR_API_URL"],
    )
    with closing(TicketOpener(linear)) as client:
        client.open_ticket(finding(), add_chart=with_chart)
        sandbox.linear.complete("SEC-1")
        client.open_ticket(finding(hour=HOUR.replace(hour=11), severity="urgent"))
        sandbox.linear.cancel("SEC-1")
        client.open_ticket(finding(hour=HOUR.replace(hour=12), deviations=(new_type(),)))
        client.linear.ticket_verdicts([ticket_id(finding().account_id, finding().actor_key)])
        client.linear.verdict_labels()
        client.open_shared_ticket(overflow(500))
        linear.issues.archive(ticket_id(finding().account_id, finding().actor_key))
    unknown = LinearClient(api_key=known["LINEAR_API_KEY"], team_key="NOPE", url=known["LINEAR_API_URL"])
    with closing(unknown), pytest.raises(Refused):
        unknown.check()
    return seen


@pytest.mark.parametrize("document", DOCUMENTS)
def test_a_document_costs_little_of_what_one_may(schema: GraphQLSchema, document: str) -> None:
    asked = read_request(json.dumps({"query": document_text(document)}).encode())
    assert asked.complexity(schema) < MOST_COMPLEXITY / 10


@pytest.mark.parametrize("document", DOCUMENTS)
def test_a_document_is_valid_and_asks_for_nothing_deprecated(schema: GraphQLSchema, document: str) -> None:
    parsed = parse(document_text(document))
    assert validate(schema, parsed, [*specified_rules, NoDeprecatedCustomRule]) == []


def test_all_variables_that_are_sent_are_valid(schema: GraphQLSchema, sent: Sent) -> None:
    for document, each in sent.items():
        operation, *_fragments = parse(document_text(document)).definitions
        assert isinstance(operation, OperationDefinitionNode)
        assert each, f"{document} was never sent"
        for variables in each:
            coerced = get_variable_values(schema, operation.variable_definitions, variables)
            assert not isinstance(coerced, list), coerced


def test_only_documents_that_are_in_the_folder_are_sent_and_all_of_them(sent: Sent) -> None:
    assert {document for document, each in sent.items() if each} == set(DOCUMENTS)


def test_every_id_that_is_made_here_has_the_shape_of_v4(sent: Sent) -> None:
    creations = ("issue_create", "comment_create", "attachment_create", "issue_relation_create")
    ids = [variables["input"]["id"] for name in creations for variables in sent[name]]
    assert len(ids) == len(set(ids)) > 8
    assert all(one[14] == "4" and one[19] in "89ab" for one in ids)


@pytest.mark.parametrize("document", DOCUMENTS)
def test_a_document_begins_with_what_it_is_so_that_a_dry_run_recognises_it(document: str) -> None:
    operation, *_fragments = parse(document_text(document)).definitions
    assert isinstance(operation, OperationDefinitionNode)
    assert document_text(document).split(maxsplit=1)[0] == operation.operation.value
