"""APL on the sandbox, against answers worked out by hand from twelve events."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from audit_assets.sandbox.server import Sandbox, running
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
    with running(Sandbox(tmp_path_factory.mktemp("apl"))) as sandbox, connected(sandbox) as calls:
        events = [dict(zip(NAMES, row, strict=True)) for row in EVENTS]
        calls.store(*({**event, "_time": day_time(event["_time"])} for event in events))
        yield calls


@pytest.mark.parametrize(
    ("condition", "found"),
    [
        ("actor_key == 'aa'", "e1 e1 e2 e3 e4"),
        ("actor_key != 'aa'", "e5 e6 e7 e8"),
        ("resource_type == 'zone'", "e3"),
        ("resource_type =~ 'zone'", "e3 e5"),
        ("resource_type !~ 'zone'", "e1 e1 e2 e4 e6 e7 e8"),
        ("resource_type != 'dns_record'", "e3 e4 e5 e6 e7"),  # null != value is true
        ("resource_type in ('zone', 'api_token')", "e3 e7"),
        ("resource_type in~ ('zone')", "e3 e5"),
        ("resource_type !in ('dns_record', 'zone')", "e4 e5 e6 e7"),
        ("resource_type !in~ ('dns_record', 'zone')", "e4 e6 e7"),
        ("resource_type startswith 'z'", "e3 e5"),
        ("resource_type startswith_cs 'z'", "e3"),
        ("resource_type !startswith_cs 'dns'", "e3 e4 e5 e6 e7"),
        ("resource_type endswith 'RECORD'", "e1 e1 e2 e8"),
        ("resource_type endswith_cs 'RECORD'", ""),
        ("resource_type contains 'ON'", "e3 e5"),
        ("resource_type contains_cs '_'", "e1 e1 e2 e7 e8"),
        ("resource_type contains_cs '%'", ""),
        ("resource_type !contains 'n'", "e4 e6"),
        ("isnull(resource_type)", "e4"),
        ("isnotnull(resource_type)", "e1 e1 e2 e3 e5 e6 e7 e8"),
        ("isempty(resource_type)", "e4 e6"),
        ("isnotempty(resource_type)", "e1 e1 e2 e3 e5 e7 e8"),
        ("tolower(resource_type) == 'zone'", "e3 e5"),
        ("weight > 5", "e6 e7"),
        ("weight >= 5 and weight < 7", "e5 e6"),
        ("weight == -8", "e8"),
        ("weight < -1.5 or ratio < -1.5", "e4 e8"),
        ("weight % 2 == 0 and weight > 0", "e2 e4 e6"),
        ("weight * 2 - 1 == 9", "e5"),
        ("weight / 2.0 == 3.5", "e7"),
        ("weight between (3 .. 5)", "e3 e4 e5"),
        ("ratio == 1", "e7 e8"),
        ("isnull(ratio)", "e3"),
        ("is_change", "e1 e1 e2 e3 e5 e6 e8"),
        ("is_change == true and weight > 4", "e5 e6"),
        ("not(is_change)", "e4 e7"),
        ("iff(is_change, weight, 100) >= 6", "e4 e6 e7"),
        ("hourofday(_time) == 10", "e3 e4 e5"),
        ("column_ifexists('resource_type', 'zone') == 'zone'", "e3"),
        ("column_ifexists('token_id', '') == ''", "e1 e1 e2 e3 e4 e5 e6 e7 e8"),
        ("column_ifexists('token_id', actor_key) == 'bb'", "e8"),
        ("startofday(_time) == datetime(2026-11-21)", "e8"),
        ("bin(_time, 30m) == datetime(2026-11-20T10:30:00Z)", "e4 e5"),
        ("_time >= datetime(2026-11-20T10:00:00Z) and _time < datetime(2026-11-20T11:00:00Z)", "e3 e4 e5"),
        ("_time >= datetime(2026-11-20 12:00:00+02:00) and _time < datetime(2026-11-20 11:00)", "e3 e4 e5"),
        ("_time between (datetime(2026-11-20T10:30:00Z) .. datetime(2026-11-20T11:00:00Z))", "e4 e5 e6"),
        ("_time - datetime(2026-11-20T09:00:00Z) <= 1h", "e1 e1 e2 e3"),
        ("_time + 1.5h > datetime(2026-11-21)", "e7 e8"),
        ("_time > now() or _time < ago(3650d) or _time > now(-1s)", ""),
        ("not(resource_type in ('zone')) and (actor_key == 'aa' or weight < 0)", "e1 e1 e2 e4 e8"),
    ],
)
def test_where_finds(axiom: AxiomCalls, condition: str, found: str) -> None:
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
            "| summarize n = countif(is_change), changed = sumif(weight, is_change) by actor_key "
            "| sort by actor_key asc",
            [("aa", 4, 7), ("ab", 2, 11), ("bb", 1, -8)],
        ),
        (
            "| summarize low = min(weight), high = max(ratio), since = min(_time), until = max(_time)",
            [(-8, 4.0, "2026-11-20T09:00:00Z", "2026-11-21T00:00:00Z")],
        ),
        ("| where actor_key == 'ab' | summarize mean = avg(weight), part = avg(ratio)", [(6.0, 1.75)]),
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
            "| summarize n = count() by day = bin(_time, 1d), hour = hourofday(_time) | sort by day asc, hour asc",
            [
                ("2026-11-20T00:00:00Z", 9, 3),
                ("2026-11-20T00:00:00Z", 10, 3),
                ("2026-11-20T00:00:00Z", 11, 1),
                ("2026-11-20T00:00:00Z", 23, 1),
                ("2026-11-21T00:00:00Z", 0, 1),
            ],
        ),
        (
            "| where actor_key == 'aa' | distinct resource_type | sort by resource_type asc",
            [(None,), ("dns_record",), ("zone",)],
        ),
        ("| top 2 by weight desc | project entry_id", [("e7",), ("e6",)]),
        ("| sort by weight | limit 1 | project entry_id", [("e7",)]),
        ("| order by ratio asc | take 2 | project entry_id, ratio", [("e3", None), ("e4", -2.0)]),
        ("| where weight == 5 | extend weight = weight + 1 | extend twice = weight * 2 | project twice", [(12,)]),
        ("| where weight == 5 | project w = weight, half = weight * 0.5, odd = weight % 2 == 1", [(5, 2.5, True)]),
        ("| where weight == 5 | project-away _time, _sysTime, is_change, ratio, weight", [("ab", "e5", "Zone")]),
        ("| project weight, ratio | project-rename size = weight | where size == 7", [(7, 1.0)]),
        ("| summarize by actor_key | sort by actor_key desc", [("bb",), ("ab",), ("aa",)]),
        ("| limit 0", []),
    ],
)
def test_stages_give(axiom: AxiomCalls, apl: str, rows: list[tuple]) -> None:
    assert axiom.rows(apl) == rows


def test_the_sum_of_nothing_is_zero(axiom: AxiomCalls) -> None:
    assert axiom.rows("| where weight > 100 | summarize n = count(), s = sum(weight), m = max(weight)") == [
        (0, 0, None)
    ]


def test_parameters_stand_in_let_statements(axiom: AxiomCalls) -> None:
    text = """// Changes by actor and type; entries that were ingested twice count once.
let start = datetime(2026-11-20T09:00:00Z);
let end = start + 2h;
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
        ("let a = dynamic(['AA']);", "actor_key in~ (a)", 5),
        ("let a = dynamic(['aa', 'bb']);", "actor_key !in (a)", 3),
        ("let a = dynamic([]);", "actor_key in (a)", 0),
        ("let a = dynamic([]);", "actor_key !in (a)", 9),
        ("let a = dynamic([1, 2, -8]);", "weight in (a)", 4),
        ("let a = dynamic([true]);", "is_change in (a)", 7),
        ("let a = 'aa'; let b = 'bb';", "actor_key in (a, b)", 6),
        ("let unused = 1;", "actor_key == 'aa'", 5),
        ("let span = 1h;", "_time < datetime(2026-11-20T09:00:00Z) + span", 3),
    ],
)
def test_lists_and_scalars_bind(axiom: AxiomCalls, let: str, condition: str, found: int) -> None:
    response = axiom.query_text(f"{let} ['cloudflare-audit'] | where {condition} | count")

    assert response.json()["tables"][0]["columns"] == [[found]]


@pytest.mark.parametrize("name", ["['cloudflare-audit']", '["cloudflare-audit"]'])
def test_the_dataset_may_be_quoted_either_way(axiom: AxiomCalls, name: str) -> None:
    assert axiom.query_text(f"{name} | count").json()["tables"][0]["columns"] == [[9]]


def test_arg_max_takes_a_whole_row(axiom: AxiomCalls) -> None:
    apl = "| summarize arg_max(weight, resource_type, entry_id), n = count() by actor_key | sort by actor_key asc"

    assert axiom.rows(apl) == [
        ("aa", 4, None, "e4", 5),  # the row with the greatest weight has no type: no other row's is put in
        ("ab", 7, "api_token", "e7", 3),
        ("bb", -8, "dns_record", "e8", 1),
    ]


def test_arg_min_with_ties_takes_one_row(tmp_path: Path) -> None:
    with running(Sandbox(tmp_path)) as sandbox, connected(sandbox) as axiom:
        axiom.store(
            {"id": "x", "t": 1, "a": None, "b": "only b"},
            {"id": "x", "t": 1, "a": "only a", "b": None},
            {"id": "x", "t": 2, "a": "later", "b": "later"},
        )

        [(_, a, b)] = axiom.rows("| summarize arg_min(t, a, b)")

    assert (a, b) in [(None, "only b"), ("only a", None)]


def test_duplicates_fold_with_arg_max_of_everything(axiom: AxiomCalls) -> None:
    apl = "| summarize arg_max(_time, *) by entry_id | where entry_id in ('e1', 'e4') | sort by entry_id asc"
    response = axiom.query(apl)

    table = response.json()["tables"][0]
    names = [field["name"] for field in table["fields"]]
    assert names == ["entry_id", "_time", "_sysTime", "actor_key", "is_change", "ratio", "resource_type", "weight"]
    assert table["columns"][0] == ["e1", "e4"]
    assert table["columns"][6] == ["dns_record", None]
    assert axiom.rows("| summarize arg_max(_time, *) by entry_id | count") == [(8,)]


def test_a_set_holds_each_value_once_and_no_null(axiom: AxiomCalls) -> None:
    [(types, weights)] = axiom.rows("| summarize t = make_set(resource_type), w = make_set(weight)")

    assert sorted(types) == ["", "Zone", "api_token", "dns_record", "zone"]
    assert sorted(weights) == [-8, 1, 2, 3, 4, 5, 6, 7]


def test_a_set_stops_at_128_or_where_it_is_told(tmp_path: Path) -> None:
    with running(Sandbox(tmp_path)) as sandbox, connected(sandbox) as axiom:
        axiom.store(*({"n": n % 200, "text": f"[{n}]"} for n in range(400)))

        [(usual, some, all_, texts)] = axiom.rows(
            "| summarize a = make_set(n), b = make_set(n, 5), c = make_set(n, 1000), d = make_set(text, 1000)"
        )

    assert len(usual) == len(set(usual)) == 128
    assert len(some) == len(set(some)) == 5
    assert sorted(all_) == list(range(200))
    assert sorted(texts) == sorted(f"[{n}]" for n in range(400)), "text that looks like a list stays text"


def test_a_list_holds_every_value(axiom: AxiomCalls) -> None:
    [(types, times)] = axiom.rows(
        "| where actor_key == 'aa' | summarize t = make_list(resource_type), l = make_list(_time)"
    )

    assert sorted(types) == ["dns_record", "dns_record", "dns_record", "zone"]
    assert len(times) == 5
    assert "2026-11-20T09:59:59.999999Z" in times


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
