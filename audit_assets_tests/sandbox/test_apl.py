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
        ("actor_key == 'aa'", "e1 e1 e2 e3 e4"),
        ("actor_key != 'aa'", "e5 e6 e7 e8"),
        ("resource_type == 'zone'", "e3"),
        ("resource_type != 'dns_record'", "e3 e4 e5 e6 e7"),  # null != value is true
        ("resource_type in ('zone', 'api_token')", "e3 e7"),
        ("resource_type !in ('dns_record', 'zone')", "e4 e5 e6 e7"),
        ("resource_type startswith_cs 'z'", "e3"),
        ("isempty(resource_type)", "e4 e6"),
        ("isnotempty(resource_type)", "e1 e1 e2 e3 e5 e7 e8"),
        ("weight > 5", "e6 e7"),
        ("weight >= 5 and weight < 7", "e5 e6"),
        ("ratio == 1", "e7 e8"),
        ("weight == -8", "e8"),
        ("weight < 0 or ratio < 0", "e4 e8"),
        ("is_change", "e1 e1 e2 e3 e5 e6 e8"),
        ("is_change == true and weight > 4", "e5 e6"),
        ("column_ifexists('resource_type', 'zone') == 'zone'", "e3"),
        ("column_ifexists('token_id', '') == ''", "e1 e1 e2 e3 e4 e5 e6 e7 e8"),
        ("column_ifexists('token_id', actor_key) == 'bb'", "e8"),
        ("resource_type !in ('zone') and (actor_key == 'aa' or weight < 0)", "e1 e1 e2 e4 e8"),
        ("bin(_time, 30m) == datetime(2026-11-20T10:30:00Z)", "e4 e5"),
        ("_time >= datetime(2026-11-20T10:00:00Z) and _time < datetime(2026-11-20T11:00:00Z)", "e3 e4 e5"),
        ("_time >= datetime(2026-11-20 12:00:00+02:00) and _time < datetime(2026-11-20 11:00)", "e3 e4 e5"),
    ],
)
def test_a_condition_matches(axiom: AxiomCalls, condition: str, found: str) -> None:
    rows = axiom.rows(f"| where {condition} | sort by _time asc, entry_id asc | project entry_id")

    assert [entry_id for (entry_id,) in rows] == found.split()


@pytest.mark.parametrize(
    ("apl", "rows"),
    [
        ("| count", [(9,)]),
        ("| where weight > 100 | count", [(0,)]),
        ("| summarize n = count()", [(9,)]),
        ("| summarize count() by actor_key | sort by actor_key asc", [("aa", 5), ("ab", 3), ("bb", 1)]),
        ("| where weight > 100 | summarize n = count() by actor_key", []),
        ("| distinct entry_id, weight | summarize n = count(), total = sum(weight)", [(8, 20)]),
        (
            "| summarize low = min(weight), high = max(ratio), since = min(_time), until = max(_time)",
            [(-8, 4.0, "2026-11-20T09:00:00Z", "2026-11-21T00:00:00Z")],
        ),
        (
            "| summarize n = count() by resource_type | sort by n desc, resource_type asc",
            [("dns_record", 4), (None, 1), ("", 1), ("Zone", 1), ("api_token", 1), ("zone", 1)],
        ),
        (
            "| summarize n = count() by actor_key, hour = bin(_time, 1h) | sort by actor_key asc, hour asc",
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
            "| summarize n = count() by day = bin(_time, 1d), actor_key | sort by day asc, actor_key asc",
            [
                ("2026-11-20T00:00:00Z", "aa", 5),
                ("2026-11-20T00:00:00Z", "ab", 3),
                ("2026-11-21T00:00:00Z", "bb", 1),
            ],
        ),
        (
            "| where actor_key == 'aa' | distinct resource_type | sort by resource_type asc",
            [(None,), ("dns_record",), ("zone",)],
        ),
        ("| sort by weight | limit 1 | project entry_id", [("e7",)]),
        ("| sort by ratio asc | limit 2 | project entry_id, ratio", [("e3", None), ("e4", -2.0)]),
        ("| where weight == 5 | extend weight = 6 | extend same = weight | project same", [(6,)]),
        ("| where weight == 5 | project w = weight, large = weight > 5, type = resource_type", [(5, False, "Zone")]),
        ("| summarize by actor_key | sort by actor_key desc", [("bb",), ("ab",), ("aa",)]),
        ("| limit 0", []),
    ],
)
def test_a_pipeline_returns(axiom: AxiomCalls, apl: str, rows: list[tuple]) -> None:
    assert axiom.rows(apl) == rows


def test_the_sum_of_nothing_is_zero(axiom: AxiomCalls) -> None:
    assert axiom.rows("| where weight > 100 | summarize n = count(), s = sum(weight), m = max(weight)") == [
        (0, 0, None)
    ]


def test_let_statements_are_the_parameters(axiom: AxiomCalls) -> None:
    text = """// Changes by actor and type; entries that were ingested twice count once.
let start = datetime(2026-11-20T09:00:00Z);
let end = datetime(2026-11-20T11:00:00Z);
let actors = dynamic(["aa", "bb"]);
let least = 1;
let prefix = "dns";
['cloudflare-audit']
| where _time >= start and _time < end   // half-open
| where actor_key in (actors) and resource_type startswith_cs prefix
| distinct entry_id, actor_key, resource_type, _time
| summarize changes = count() by actor_key, resource_type, hour = bin(_time, 1h)
| where changes >= least
| sort by actor_key asc
| limit 50000;
"""

    response = axiom.query_text(text)

    assert response.json()["tables"][0]["columns"] == [["aa"], ["dns_record"], ["2026-11-20T09:00:00Z"], [2]]


@pytest.mark.parametrize(
    ("let", "condition", "found"),
    [
        ("let a = dynamic(['aa', ['bb']]);", "actor_key in (a)", 6),
        ("let a = dynamic(['aa', 'bb']);", "actor_key !in (a)", 3),
        ("let a = dynamic([]);", "actor_key in (a)", 0),
        ("let a = dynamic([]);", "actor_key !in (a)", 9),
        ("let a = dynamic([1, 2, -8]);", "weight in (a)", 4),
        ("let a = dynamic([true]);", "is_change in (a)", 7),
        ("let a = 'aa'; let b = 'bb';", "actor_key in (a, b)", 6),
        ("let unused = 1;", "actor_key == 'aa'", 5),
        ("let span = 1h;", "bin(_time, span) == datetime(2026-11-20T09:00:00Z)", 3),
    ],
)
def test_lists_and_scalars_bind(axiom: AxiomCalls, let: str, condition: str, found: int) -> None:
    response = axiom.query_text(f"{let} ['cloudflare-audit'] | where {condition} | count")

    assert response.json()["tables"][0]["columns"] == [[found]]


@pytest.mark.parametrize("name", ["['cloudflare-audit']", '["cloudflare-audit"]'])
def test_the_dataset_may_be_quoted_either_way(axiom: AxiomCalls, name: str) -> None:
    assert axiom.query_text(f"{name} | count").json()["tables"][0]["columns"] == [[9]]


def test_a_plain_result_is_newest_first(axiom: AxiomCalls) -> None:
    rows = axiom.rows("| where actor_key == 'ab' | project entry_id")

    assert rows == [("e7",), ("e6",), ("e5",)]
    assert axiom.rows("| limit 1 | project entry_id") == [("e8",)]


def test_strings_are_read_as_documented(axiom: AxiomCalls) -> None:
    text = r"""['cloudflare-audit'] | limit 1 | project a = "it's", b = 'say "x"', c = 'it\'s', d = "tab\tline\nback\\",
        e = @"raw\d", f = 'pipe | union [x] // none'"""

    columns = axiom.query_text(text).json()["tables"][0]["columns"]

    assert [value for (value,) in columns] == [
        "it's",
        'say "x"',
        "it's",
        "tab\tline\nback\\",
        "raw\\d",
        "pipe | union [x] // none",
    ]
