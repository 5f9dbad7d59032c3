"""APL on the sandbox, against answers worked out by hand from twelve events."""

from collections.abc import Iterator

import pytest

from audit_assets.sandbox.server import Sandbox, serve_sandbox
from audit_assets_tests.sandbox.axiom_calls import AxiomCalls, connected

EVENTS = [
    # entry_id, time, actor_key, resource_type, weight, ratio, is_change
    ("e1", "09:00:00", "aa", "dns_record", 1, 0.5, True),
    ("e1", "09:00:00", "aa", "dns_record", 1, 0.5, True),  # the same entry, ingested twice
    ("e2", "09:59:59.999999", "aa", "dns_record", 2, 1.5, True),
    ("e3", "10:00:00", "aa", "zone", 3, None, True),
    ("e4", "10:30:00", "aa", None, 4, -2.0, False),
    ("e5", "10:45:00", "ab", "Zone", 5, 4.0, True),
    ("e6", "11:00:00", "ab", "", 6, 0.25, True),
    ("e7", "23:59:59", "ab", "api_token", 7, 1.0, False),
    ("e8", "24:00:00", "bb", "dns_record", -8, 1.0, True),
]
NAMES = ("entry_id", "_time", "actor_key", "resource_type", "weight", "ratio", "is_change")


def day_time(clock: str) -> str:
    return f"2026-11-20T{clock}Z" if clock < "24" else f"2026-11-21T00{clock[2:]}Z"


@pytest.fixture(scope="module")
def axiom(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AxiomCalls]:
    """One dataset for all tests of this file: they only read."""
    with serve_sandbox(Sandbox(tmp_path_factory.mktemp("apl"))) as sandbox, connected(sandbox) as calls:
        events = [dict(zip(NAMES, row, strict=True)) for row in EVENTS]
        calls.store(*({**event, "_time": day_time(event["_time"])} for event in events))
        yield calls


@pytest.mark.parametrize(
    ("condition", "found"),
    [
        ("actor_key in ('aa')", "e1 e1 e2 e3 e4"),
        ("actor_key !in ('aa')", "e5 e6 e7 e8"),
        ("resource_type in ('zone', 'api_token')", "e3 e7"),
        ("resource_type !in ('dns_record', 'zone')", "e4 e5 e6 e7"),  # null is not in a list
        ("resource_type startswith_cs 'z'", "e3"),
        ("isempty(resource_type)", "e4 e6"),
        ("isnotempty(resource_type)", "e1 e1 e2 e3 e5 e7 e8"),
        ("is_change", "e1 e1 e2 e3 e5 e6 e8"),
        ("is_change and isempty(resource_type)", "e6"),
        ("isempty(resource_type) or actor_key in ('bb')", "e4 e6 e8"),
        ("resource_type !in ('zone') and (actor_key in ('aa') or is_change)", "e1 e1 e2 e4 e5 e6 e8"),
        ("column_ifexists('resource_type', 'zone') in ('zone')", "e3"),
        ("column_ifexists('token_id', '') in ('')", "e1 e1 e2 e3 e4 e5 e6 e7 e8"),
        ("column_ifexists('token_id', actor_key) in ('bb')", "e8"),
        ("_time >= datetime(2026-11-20T10:00:00Z) and _time < datetime(2026-11-20T11:00:00Z)", "e3 e4 e5"),
        ("bin(_time, 1d) >= datetime(2026-11-21T00:00:00Z)", "e8"),
    ],
)
def test_a_condition_matches(axiom: AxiomCalls, condition: str, found: str) -> None:
    rows = axiom.rows(f"| where {condition} | sort by _time asc, entry_id asc", "entry_id")

    assert [entry_id for (entry_id,) in rows] == found.split()


@pytest.mark.parametrize(
    ("apl", "rows"),
    [
        ("| summarize n = count()", [(9,)]),
        ("| where actor_key in ('cc') | summarize n = count(), s = sum(weight), m = max(_time)", [(0, 0, None)]),
        ("| where actor_key in ('cc') | summarize n = count() by actor_key", []),
        ("| distinct entry_id, weight | summarize n = count(), total = sum(weight)", [(8, 20)]),
        (
            "| summarize since = min(_time), until = max(_time)",
            [("2026-11-20T09:00:00Z", "2026-11-21T00:00:00Z")],
        ),
        (
            "| summarize n = count() by resource_type | sort by n desc, resource_type asc",
            [("dns_record", 4), (None, 1), ("", 1), ("Zone", 1), ("api_token", 1), ("zone", 1)],
        ),
        (
            "| extend hour = bin(_time, 1h) | summarize n = count() by actor_key, hour | sort by actor_key asc, "
            "hour asc",
            [
                ("aa", "2026-11-20T09:00:00Z", 3),
                ("aa", "2026-11-20T10:00:00Z", 2),
                ("ab", "2026-11-20T10:00:00Z", 1),
                ("ab", "2026-11-20T11:00:00Z", 1),
                ("ab", "2026-11-20T23:00:00Z", 1),
                ("bb", "2026-11-21T00:00:00Z", 1),
            ],
        ),
        (
            "| extend day = bin(_time, 1d) | summarize n = count() by day, actor_key | summarize actors = count(), "
            "changes = sum(n) by day | sort by day asc",
            [("2026-11-20T00:00:00Z", 2, 8), ("2026-11-21T00:00:00Z", 1, 1)],
        ),
        (
            "| where actor_key in ('aa') | distinct resource_type | sort by resource_type asc",
            [(None,), ("dns_record",), ("zone",)],
        ),
        ("| distinct weight | sort by weight | limit 1", [(7,)]),
        ("| distinct entry_id, ratio | sort by ratio asc | limit 2", [("e3", None), ("e4", -2.0)]),
        ("| limit 0", []),
    ],
)
def test_a_pipeline_returns(axiom: AxiomCalls, apl: str, rows: list[tuple]) -> None:
    assert axiom.rows(apl) == rows


def test_let_statements_are_the_parameters(axiom: AxiomCalls) -> None:
    text = """// Changes by actor and type; entries that were ingested twice count once.
let start = datetime(2026-11-20T09:00:00Z);
let end = datetime(2026-11-20T11:00:00Z);
let actors = dynamic(["aa", "bb"]);
let prefix = "dns";
['cloudflare-audit']
| where _time >= start and _time < end   // half-open
| where actor_key in (actors) and resource_type startswith_cs prefix
| extend hour = bin(_time, 1h)
| distinct entry_id, actor_key, resource_type, hour
| summarize changes = count() by actor_key, resource_type, hour
| sort by actor_key asc
| limit 50000;
"""

    response = axiom.query_text(text)

    assert response.json()["tables"][0]["columns"] == [["aa"], ["dns_record"], ["2026-11-20T09:00:00Z"], [2]]


@pytest.mark.parametrize(
    ("let", "condition", "found"),
    [
        ("let a = dynamic(['aa', 'bb']);", "actor_key in (a)", 6),
        ("let a = dynamic(['aa', 'bb']);", "actor_key !in (a)", 3),
        ("let a = 'aa'; let b = 'bb';", "actor_key in (a, b)", 6),
        ("let unused = 'bb';", "actor_key in ('aa')", 5),
    ],
)
def test_lists_and_scalars_bind(axiom: AxiomCalls, let: str, condition: str, found: int) -> None:
    response = axiom.query_text(f"{let} ['cloudflare-audit'] | where {condition} | summarize n = count()")

    assert response.json()["tables"][0]["columns"] == [[found]]


@pytest.mark.parametrize("name", ["['cloudflare-audit']", '["cloudflare-audit"]'])
def test_the_dataset_may_be_quoted_either_way(axiom: AxiomCalls, name: str) -> None:
    assert axiom.query_text(f"{name} | summarize n = count()").json()["tables"][0]["columns"] == [[9]]


def test_a_plain_result_is_newest_first(axiom: AxiomCalls) -> None:
    rows = axiom.rows("| where actor_key in ('ab')", "entry_id")

    assert rows == [("e7",), ("e6",), ("e5",)]
    assert axiom.rows("| limit 1", "entry_id") == [("e8",)]


def test_strings_are_read_as_documented(axiom: AxiomCalls) -> None:
    text = r"""| limit 1 | extend a = "it's", b = 'say "x"', c = 'it\'s', d = "tab\tline\nback\\",
        e = 'pipe | union [x] // none'"""

    assert axiom.rows(text, *"abcde") == [("it's", 'say "x"', "it's", "tab\tline\nback\\", "pipe | union [x] // none")]


@pytest.mark.parametrize(
    ("bin_of", "days", "rows"),
    [
        (
            "bin(_time, 1d)",
            30,
            [("aa", "2026-11-20T00:00:00Z", 5), ("ab", "2026-11-20T00:00:00Z", 3), ("bb", "2026-11-21T00:00:00Z", 1)],
        ),
        (
            "bin_auto(_time)",
            30,
            [("aa", "2026-11-20T00:00:00Z", 5), ("ab", "2026-11-20T00:00:00Z", 3), ("bb", "2026-11-21T00:00:00Z", 1)],
        ),
        ("bin_auto(_time)", 1, [("ab", "2026-11-20T23:00:00Z", 1), ("bb", "2026-11-21T00:00:00Z", 1)]),
    ],
)
def test_a_summarize_over_time_has_its_totals_in_a_second_table(
    axiom: AxiomCalls, bin_of: str, days: int, rows: list[tuple]
) -> None:
    start = "2026-11-20T12:00:00Z" if days == 1 else "2026-11-01T00:00:00Z"
    end = "2026-11-21T12:00:00Z" if days == 1 else "2026-12-01T00:00:00Z"
    answer = axiom.query(f"| summarize n = count() by actor_key, {bin_of}", startTime=start, endTime=end).json()
    table, totals = answer["tables"]
    assert sorted(zip(*table["columns"], strict=True)) == rows
    assert [field["name"] for field in table["fields"]] == ["actor_key", "_time", "n"]
    assert totals["name"] == "_totals"
    sums = {actor: sum(n for each, _, n in rows if each == actor) for actor, _, _ in rows}
    assert dict(zip(*totals["columns"], strict=True)) == sums


def test_a_difference_in_hours_counts_hours_of_the_clock(axiom: AxiomCalls) -> None:
    text = "| extend day = bin(_time, 1d) | extend h = datetime_diff('hour', _time, day) | sort by _time asc"
    assert [hours for (hours,) in axiom.rows(f"{text} | limit 5", "h")] == [9, 9, 9, 10, 10]
