"""Reading a tabular answer, or refusing it."""

from datetime import UTC, datetime
from typing import Any

import polars as pl
import pytest

from audit_assets.axiom.query_runner import ACTIVITY_SCHEMA
from audit_assets.axiom.tabular_results import Unreliable, frame_of
from audit_assets_tests.axiom.made_entries import ANNE

LIMIT = 50


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
    frame = frame_of(answer(), ACTIVITY_SCHEMA, LIMIT)
    assert frame.schema == pl.Schema(ACTIVITY_SCHEMA)
    assert frame.rows() == [
        (ANNE, datetime(2026, 11, 20, 10, tzinfo=UTC), "dns", 1),
        (ANNE, datetime(2026, 11, 20, 11, tzinfo=UTC), "waf", 2),
    ]


def test_a_second_table_of_totals_is_left_alone() -> None:
    good = answer()
    totals = {**good["tables"][0], "name": "_totals"}
    assert len(frame_of(answer(tables=[good["tables"][0], totals]), ACTIVITY_SCHEMA, LIMIT)) == 2


def test_whole_numbers_may_come_as_floats() -> None:
    good = answer()
    good["tables"][0]["columns"][0] = [1.0, 2.0]
    assert frame_of(good, ACTIVITY_SCHEMA, LIMIT)["changes"].to_list() == [1, 2]


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
def test_nothing_is_nothing_in_each_of_its_forms(changes: dict[str, Any]) -> None:
    assert frame_of(answer(**changes, status__rowsMatched=0), ACTIVITY_SCHEMA, LIMIT).is_empty()
    with pytest.raises(Unreliable, match="2 events matched"):
        frame_of(answer(**changes), ACTIVITY_SCHEMA, LIMIT)


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
        ({"table__columns": [["1", "2"], ["a", "b"], [ANNE, ANNE], ["2026-11-20T10:00:00Z"] * 2]}, "another type"),
        ({"table__columns": [[1.5, 2], ["a", "b"], [ANNE, ANNE], ["2026-11-20T10:00:00Z"] * 2]}, "another type"),
        ({"table__columns": [[1, 2], [3, 4], [ANNE, ANNE], ["2026-11-20T10:00:00Z"] * 2]}, "another type"),
        ({"table__columns": [[1, 2], ["a", "b"], [ANNE, ANNE], ["yesterday"] * 2]}, "another type"),
    ],
)
def test_what_may_not_be_the_whole_truth_is_refused(changes: dict[str, Any], reason: str) -> None:
    with pytest.raises(Unreliable, match=reason):
        frame_of(answer(**changes), ACTIVITY_SCHEMA, LIMIT)


def test_a_result_that_reaches_the_limit_is_refused() -> None:
    with pytest.raises(Unreliable, match="limit of 2 rows"):
        frame_of(answer(), ACTIVITY_SCHEMA, 2)


@pytest.mark.parametrize("told", [None, [], "x", {"message": "hello"}])
def test_what_is_no_result_is_refused(told: Any) -> None:
    with pytest.raises(Unreliable, match="not a query result"):
        frame_of(told, ACTIVITY_SCHEMA, LIMIT)


def test_notes_and_the_known_harmless_warning_pass() -> None:
    notes = [message("info", "whatever"), message("warn", "apl_implicitendtimeofnowapplied_1")]
    assert len(frame_of(answer(status__messages=notes), ACTIVITY_SCHEMA, LIMIT)) == 2
