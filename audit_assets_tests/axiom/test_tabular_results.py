"""Parsing a tabular result, or refusing it."""

from datetime import UTC, datetime
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit_assets.axiom.query_runner import UTC_TIME
from audit_assets.axiom.tabular_results import UnreliableResult, parse_result
from audit_assets_tests.axiom.made_entries import ANNE

CHANGES_SCHEMA = {"actor_key": pl.String, "hour": UTC_TIME, "resource_type": pl.String, "changes": pl.Int64}

LIMIT = 50

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=8,
)
PARTS = (
    "status",
    "tables",
    "status__isPartial",
    "status__messages",
    "status__rowsMatched",
    "table__fields",
    "table__columns",
)


def answer(**changes: Any) -> dict[str, Any]:
    """A good answer of two rows. `status__x` changes its status, `table__x` its first table."""
    status = {"elapsedTime": 1, "isPartial": False, "rowsMatched": 2}
    table = {
        "name": "0",
        "fields": [{"name": name, "type": "string"} for name in ("changes", "resource_type", "actor_key", "hour")],
        "columns": [[1, 2], ["dns", "waf"], [ANNE, ANNE], ["2026-11-20T10:00:00Z", "2026-11-20T11:00:00.000000000Z"]],
    }
    whole = {"format": "tabular", "status": status, "tables": [table]}
    for name, value in changes.items():
        part, _, key = name.partition("__")
        changed = {"status": status, "table": table}[part] if key else whole
        changed[key or part] = value
    return whole


def message(priority: str, code: str) -> dict[str, Any]:
    return {"priority": priority, "count": 1, "code": code, "msg": "words"}


def test_rows_are_read_by_the_names_of_the_columns() -> None:
    frame = parse_result(answer(), CHANGES_SCHEMA, LIMIT)
    assert frame.schema == pl.Schema(CHANGES_SCHEMA)
    assert frame.rows() == [
        (ANNE, datetime(2026, 11, 20, 10, tzinfo=UTC), "dns", 1),
        (ANNE, datetime(2026, 11, 20, 11, tzinfo=UTC), "waf", 2),
    ]


def test_a_second_table_of_totals_is_ignored() -> None:
    good = answer()
    totals = {**good["tables"][0], "name": "_totals"}
    assert len(parse_result(answer(tables=[good["tables"][0], totals]), CHANGES_SCHEMA, LIMIT)) == 2


def test_whole_numbers_may_come_as_floats() -> None:
    good = answer()
    good["tables"][0]["columns"][0] = [1.0, 2.0]
    assert parse_result(good, CHANGES_SCHEMA, LIMIT)["changes"].to_list() == [1, 2]


@pytest.mark.parametrize(
    "changes",
    [
        {"tables": None},
        {"tables": []},
        {"table__columns": None},
        {"table__columns": []},
        {"table__columns": [[], [], [], []]},
    ],
)
def test_an_empty_result_is_recognised_in_each_of_its_forms(changes: dict[str, Any]) -> None:
    assert parse_result(answer(**changes, status__rowsMatched=0), CHANGES_SCHEMA, LIMIT).is_empty()
    with pytest.raises(UnreliableResult, match="2 events matched"):
        parse_result(answer(**changes), CHANGES_SCHEMA, LIMIT)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"status__isPartial": True}, "partial"),
        ({"status__isPartial": None}, "partial"),
        ({"status__continuationToken": "x"}, "continued"),
        ({"status__isEstimate": True}, "estimate"),
        ({"status__messages": [message("warn", "missing_column")]}, "missing_column"),
        ({"status__messages": [message("info", "default_limit_warning")]}, "default_limit_warning"),
        ({"status__messages": [message("notice", "new")]}, "new"),
        ({"status__messages": ["?"]}, "message"),
        ({"status": None}, "not a query result"),
        ({"table__fields": None}, "can't be read"),
        ({"table__columns": [[1], ["dns", "waf"], [ANNE, ANNE], ["2026-11-20T10:00:00Z"] * 2]}, "different lengths"),
        ({"table__columns": [[1, 2]]}, "can't be read"),
        ({"table__fields": [{"name": "hour"}] * 4}, "of one name"),
        ({"table__fields": [{"name": name} for name in "abcd"]}, "lacks the column"),
        (
            {"table__columns": [["1", "2"], ["a", "b"], [ANNE, ANNE], ["2026-11-20T10:00:00Z"] * 2]},
            "another type than requested",
        ),
        (
            {"table__columns": [[1.5, 2], ["a", "b"], [ANNE, ANNE], ["2026-11-20T10:00:00Z"] * 2]},
            "another type than requested",
        ),
        (
            {"table__columns": [[1, 2], [3, 4], [ANNE, ANNE], ["2026-11-20T10:00:00Z"] * 2]},
            "another type than requested",
        ),
        ({"table__columns": [[1, 2], ["a", "b"], [ANNE, ANNE], ["yesterday"] * 2]}, "another type than requested"),
    ],
)
def test_a_result_that_may_not_be_whole_is_refused(changes: dict[str, Any], reason: str) -> None:
    with pytest.raises(UnreliableResult, match=reason):
        parse_result(answer(**changes), CHANGES_SCHEMA, LIMIT)


def test_a_result_that_reaches_the_limit_is_refused() -> None:
    with pytest.raises(UnreliableResult, match="limit of 2 rows"):
        parse_result(answer(), CHANGES_SCHEMA, 2)


@pytest.mark.parametrize("body", [None, [], "x", {"message": "hello"}])
def test_a_body_that_is_no_result_is_refused(body: Any) -> None:
    with pytest.raises(UnreliableResult, match="not a query result"):
        parse_result(body, CHANGES_SCHEMA, LIMIT)


def test_notes_and_the_known_harmless_warning_pass() -> None:
    notes = [message("info", "whatever"), message("warn", "apl_implicitendtimeofnowapplied_1")]
    assert len(parse_result(answer(status__messages=notes), CHANGES_SCHEMA, LIMIT)) == 2


@given(json_values)
def test_any_json_is_a_result_or_refused(body: Any) -> None:
    with pytest.raises(UnreliableResult):
        parse_result(body, CHANGES_SCHEMA, LIMIT)


@given(st.dictionaries(st.sampled_from(PARTS), json_values, min_size=1))
def test_any_json_in_any_part_of_a_result_is_read_or_refused(changes: dict[str, Any]) -> None:
    try:
        frame = parse_result(answer(**changes), CHANGES_SCHEMA, LIMIT)
    except UnreliableResult:
        return
    assert frame.schema == pl.Schema(CHANGES_SCHEMA)


@given(st.integers(0, 3), st.lists(json_values, min_size=2, max_size=2))
def test_any_json_in_a_column_is_read_or_refused(column: int, values: list[Any]) -> None:
    changed = answer()
    changed["tables"][0]["columns"][column] = values
    try:
        frame = parse_result(changed, CHANGES_SCHEMA, LIMIT)
    except UnreliableResult:
        return
    assert frame.schema == pl.Schema(CHANGES_SCHEMA)
