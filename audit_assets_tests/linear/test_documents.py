"""Every document that is sent to Linear, and every variable, is valid against Linear's own schema."""

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

from audit_assets.linear import client as linear
from audit_assets.linear.client import LinearClient
from audit_assets.linear.wire import text_of
from audit_assets.sandbox.server import Sandbox
from audit_assets.transport import Transport
from audit_assets_tests.linear.findings import HOUR, finding, flood, new_type
from audit_assets_tests.linear.workspace import with_chart

QUERIES = Path(linear.__file__).parent / "queries"
DOCUMENTS = sorted(path.stem for path in QUERIES.glob("*.graphql"))
SCHEMA = Path(__file__).parents[3] / "shared" / "linear" / "schema.graphql"

Sent = dict[str, list[dict[str, Any]]]


@pytest.fixture(scope="module")
def schema() -> GraphQLSchema:
    if not SCHEMA.exists():
        pytest.skip(f"Linear's schema is not at {SCHEMA}")
    built = build_schema(SCHEMA.read_text(encoding="utf-8"), assume_valid_sdl=True)
    # The SDL gives scalars no format; of those that are sent, one has a documented one. graphql-core 3.2 asks
    # parse_value, 3.3 coerce_input_value (facts/linear.md, 5).
    scalar: Any = built.type_map["JSONObject"]
    scalar.parse_value = scalar.coerce_input_value = metadata
    return built


def metadata(value: Any) -> Any:
    """An attachment's metadata holds strings and numbers (facts/linear.md, 1)."""
    if not isinstance(value, dict) or not all(isinstance(each, str | int | float) for each in value.values()):
        raise GraphQLError("not an object of strings and numbers")
    return value


@pytest.fixture
def sent(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> Sent:
    """The variables of each document, as a client sends them in the whole life of a ticket, and in a flood."""
    seen: Sent = {document: [] for document in DOCUMENTS}
    by_text = {text_of(document): document for document in DOCUMENTS}
    exchange = Transport.exchange

    def noting(transport: Transport, method: str, path: str, **options: Any) -> Any:
        if body := options.get("json"):
            seen[by_text[body["query"]]].append(body["variables"])
        return exchange(transport, method, path, **options)

    monkeypatch.setattr(Transport, "exchange", noting)
    known = sandbox.linear.environment(sandbox.url)
    with LinearClient(
        api_key=known["LINEAR_API_KEY"],
        team_key=known["LINEAR_TEAM_KEY"],
        label="cloudflare-audit",
        url=known["LINEAR_API_URL"],
    ) as client:
        client.open_ticket(finding(), charted=with_chart)
        client.open_ticket(finding(hour=HOUR.replace(hour=11), severity="urgent"))
        sandbox.linear.cancel("SEC-1")
        client.open_ticket(finding(hour=HOUR.replace(hour=12), deviations=(new_type(),)))
        client.open_roll_up(flood(500))
    return seen


@pytest.mark.parametrize("document", DOCUMENTS)
def test_a_document_is_valid_and_asks_for_nothing_deprecated(schema: GraphQLSchema, document: str) -> None:
    parsed = parse(text_of(document))
    assert validate(schema, parsed, [*specified_rules, NoDeprecatedCustomRule]) == []


def test_all_variables_that_are_sent_are_valid(schema: GraphQLSchema, sent: Sent) -> None:
    for document, each in sent.items():
        (operation,) = parse(text_of(document)).definitions
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
