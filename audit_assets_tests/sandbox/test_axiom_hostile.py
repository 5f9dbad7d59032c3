"""Text of an attacker in an event or a query stays a value: no other row, dataset or file is read or changed."""

import itertools
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audit_assets.sandbox.server import Sandbox, serve_sandbox
from audit_assets_tests.sandbox.axiom_calls import AxiomCalls, connected, rows_of

SECRET = "the other dataset's secret"

FRAGMENTS = [
    "'] | union ['other",
    '"] | union ["other',
    "' or true or '",
    '" or true or "',
    "') | limit 5; ['other'] | distinct secret //",
    "\\' | union other //",
    "'; DROP TABLE events_1; --",
    '"; DROP TABLE events_1; --',
    "$$; ATTACH 'x'; $$",
    "let x = 1;",
    "dynamic([",
    "datetime(2026-11-20)",
    "[1, 2]",
    '{"a": 1}',
    "null",
    "true",
    "\x00",
    "\n| limit 5",
    "// ",
    "$1 ? :x %s {0}",
    "information_schema.tables",
    "read_csv('/etc/passwd')",
    "\u202e\ufeff\u2028",
    "@'",
    "```",
]

hostile = st.one_of(st.text(max_size=40), st.lists(st.sampled_from(FRAGMENTS), min_size=1, max_size=3).map("".join))

numbers = itertools.count(1)


@pytest.fixture(scope="module")
def axiom(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AxiomCalls]:
    """Two datasets: a query of one must never return anything of the other."""
    with serve_sandbox(Sandbox(tmp_path_factory.mktemp("hostile"))) as sandbox, connected(sandbox) as calls:
        sandbox.axiom.behaviour.field_limit = 100_000
        sandbox.axiom.store.create("other", "", None, sandbox.shared.clock.now())
        calls.ingest([{"secret": SECRET}], dataset="other")
        calls.store({"run": "0", "resource_type": "canary", "changes": 7})
        yield calls


def check_untouched(axiom: AxiomCalls) -> None:
    assert axiom.rows("| where run in ('0')", "resource_type", "changes") == [("canary", 7)]
    assert axiom.query_text("['other'] | distinct secret").json()["tables"][0]["columns"] == [[SECRET]]


@settings(max_examples=25, deadline=None)
@given(texts=st.lists(hostile, min_size=1, max_size=4, unique=True))
def test_a_hostile_value_comes_back_as_it_was_and_changes_no_other_row(axiom: AxiomCalls, texts: list[str]) -> None:
    run = str(next(numbers))
    axiom.store(*({"run": run, "resource_type": text, "changes": n} for n, text in enumerate(texts)))

    mine = f"| where run in ('{run}')"
    assert dict(axiom.rows(mine, "resource_type", "changes")) == {t: n for n, t in enumerate(texts)}
    assert sorted(axiom.rows(f"{mine} | summarize n = count() by resource_type")) == sorted((t, 1) for t in texts)
    check_untouched(axiom)


@settings(max_examples=25, deadline=None)
@given(name=hostile.filter(lambda name: 0 < len(name.encode()) <= 200 and "." not in name))
def test_a_hostile_field_name_names_that_field_only(axiom: AxiomCalls, name: str) -> None:
    run = str(next(numbers))
    receipt = axiom.ingest([{"run": run, name + f" {run}": "its value"}]).json()
    axiom.pass_time(seconds=10)

    assert receipt["ingested"] + receipt["failed"] == 1
    response = axiom.query(f"| where run in ('{run}') | limit 5")
    if response.status_code == 200 and receipt["ingested"]:
        values = [value for column in response.json()["tables"][0]["columns"] for value in column]
        assert values.count("its value") == 1
    else:
        assert "differ by case" in response.text or receipt["failed"]
    assert SECRET not in response.text


@settings(max_examples=40, deadline=None)
@given(text=hostile, quote=st.sampled_from(["'", '"', ""]))
def test_hostile_text_in_a_query_reads_nothing_of_another_dataset(axiom: AxiomCalls, text: str, quote: str) -> None:
    for apl in (
        f"| where resource_type in ({quote}{text}{quote}) | distinct resource_type",
        f"| summarize n = count() by {text}",
        f"| extend x = {quote}{text}{quote} | limit 3",
        text,
    ):
        response = axiom.query(apl)
        assert response.status_code in (200, 400, 404), response.text
        assert SECRET not in response.text
    check_untouched(axiom)


@settings(max_examples=40, deadline=None)
@given(text=st.text(alphabet=st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="'\\"), max_size=30))
def test_text_without_quotes_and_backslashes_is_found_by_a_query(axiom: AxiomCalls, text: str) -> None:
    run = str(next(numbers))
    axiom.store({"run": run, "resource_type": text}, {"run": run, "resource_type": text + "x"})

    response = axiom.query(f"| where run in ('{run}') and resource_type in ('{text}') | distinct resource_type")

    assert rows_of(response) == [(text,)]
