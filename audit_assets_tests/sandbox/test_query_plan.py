"""The SQL of a query is short where the type of a field is known: DuckDB reads and checks every letter, many times a
run."""

import duckdb
import pytest
from duckdb_kql import ir

from audit_assets.sandbox.axiom.query_plan import sql_for

NAMES = ["entry_id", 'a"b', "END, '')", "a_field", "ärger"]


def condition(name: str, function: str = "isnotempty") -> list[ir.Operator]:
    return [ir.Where(ir.FunctionCall(function, (ir.ColumnRef(name),)))]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(("function", "found"), [("isempty", ["", None]), ("isnotempty", [" ", "x"])])
def test_the_text_of_a_string_is_the_string_itself(name: str, function: str, found: list[str | None]) -> None:
    column = '"' + name.replace('"', '""') + '"'
    source = f"SELECT unnest(['', ' ', 'x', NULL]) AS {column}"
    short, long = (sql_for(condition(name, function), {name: kind}, source) for kind in ("string", "unknown"))
    assert "typeof" in long
    assert "typeof" not in short
    for statement in (short, long):
        assert {each for (each,) in duckdb.connect().execute(statement).fetchall()} == {*found}


def test_a_field_of_another_type_is_translated_as_ever() -> None:
    assert "typeof" in sql_for(condition("weight"), {"weight": "integer", "entry_id": "string"}, "SELECT 1 AS weight")
