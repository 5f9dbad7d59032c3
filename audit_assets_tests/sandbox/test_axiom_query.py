"""The sandbox's Axiom answers queries as documented: range, limits, messages (docs/facts/axiom.md, 2.3)."""

import re
from typing import Any

import pytest

from audit_assets.sandbox.axiom.axiom_service import DATASET
from audit_assets_tests.sandbox import axiom_calls
from audit_assets_tests.sandbox.axiom_calls import AxiomCalls, rows_of

door = axiom_calls.door
sandbox = axiom_calls.sandbox
axiom = axiom_calls.axiom


def at(minute: int, **fields: Any) -> dict[str, Any]:
    return {"_time": f"2026-11-20T{10 + minute // 60}:{minute % 60:02}:00Z", "minute": minute, **fields}


@pytest.mark.parametrize("path", ["/v1/query/_apl", "/v1/datasets/_apl"])
def test_a_result_has_the_documented_shape(axiom: AxiomCalls, path: str) -> None:
    axiom.store(at(0, actor="a", ratio=0.5, ok=True), at(1, actor="b", ratio=1.5, ok=False))

    body = {"apl": f"['{DATASET}']", "startTime": "2026-11-20T10:00:00Z", "endTime": "2026-11-20T11:00:00Z"}
    response = axiom.http.post(path, params={"format": "tabular"}, json=body)

    answer = response.json()
    assert set(answer) == {"format", "status", "tables", "datasetNames", "fieldsMetaMap"}
    assert (answer["format"], answer["datasetNames"]) == ("tabular", [DATASET])
    assert type(answer["status"].pop("elapsedTime")) is int
    assert answer["status"] == {
        "minCursor": answer["status"]["minCursor"],
        "maxCursor": answer["status"]["maxCursor"],
        "blocksExamined": 1,
        "blocksCached": 0,
        "blocksMatched": 1,
        "blocksSkipped": 0,
        "rowsExamined": 2,
        "rowsMatched": 2,
        "numGroups": 0,
        "isPartial": False,
        "cacheStatus": 1,
        "minBlockTime": "2026-11-20T10:00:00Z",
        "maxBlockTime": "2026-11-20T10:01:00Z",
    }
    [table] = answer["tables"]
    [ingested] = {*table["columns"][0]}
    assert table == {
        "name": "0",
        "sources": [{"name": DATASET}],
        "fields": [
            {"name": "_sysTime", "type": "datetime"},
            {"name": "_time", "type": "datetime"},
            {"name": "actor", "type": "string"},
            {"name": "minute", "type": "integer"},
            {"name": "ok", "type": "boolean"},
            {"name": "ratio", "type": "float"},
        ],
        "order": [{"field": "_time", "desc": True}],
        "groups": [],
        "range": {"field": "_time", "start": "2026-11-20T10:00:00Z", "end": "2026-11-20T11:00:00Z"},
        "columns": [
            [ingested, ingested],
            ["2026-11-20T10:01:00Z", "2026-11-20T10:00:00Z"],
            ["b", "a"],
            [1, 0],
            [False, True],
            [1.5, 0.5],
        ],
    }
    assert type(table["columns"][3][0]) is int
    assert re.fullmatch(r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?Z", ingested)


def test_the_range_is_half_open_and_applies_besides_the_text(axiom: AxiomCalls) -> None:
    axiom.store(*(at(minute) for minute in range(6)))

    asked = {"startTime": "2026-11-20T10:01:00Z", "endTime": "2026-11-20T10:04:00Z"}
    assert axiom.rows("| sort by minute asc", "minute", **asked) == [(1,), (2,), (3,)]
    text = "| where _time >= datetime(2026-11-20T10:02:00Z) and _time < datetime(2026-11-20T10:05:00Z)"
    assert axiom.rows(f"{text} | sort by minute asc", "minute", **asked) == [(2,), (3,)]


def test_no_range_covers_ten_years_up_to_now(axiom: AxiomCalls) -> None:
    axiom.store({"_time": "2026-11-20T10:00:00Z", "n": 1}, {"_time": "2016-01-01T00:00:00Z", "n": 2})
    axiom.store({"_time": "2100-01-01T00:00:00Z", "n": 3})

    assert axiom.rows("", "n") == [(1,)]
    assert axiom.rows("", "n", startTime="2015-01-01T00:00:00Z", endTime="2101-01-01T00:00:00Z") == [
        (3,),
        (1,),
        (2,),
    ]


@pytest.mark.parametrize(
    "asked",
    [
        {"startTime": "yesterday"},
        {"startTime": 5},
        {"startTime": "0001-01-01T00:00:00+10:00"},
        {"startTime": "now-30m"},
        {"cursor": "c"},
        {"includeCursor": True},
        {"variables": {"actor": "a"}},
        {"queryOptions": {"quickRange": "30d"}},
        {"defaultLimit": 10},
    ],
)
def test_unsupported_options_are_refused_not_ignored(axiom: AxiomCalls, asked: dict[str, Any]) -> None:
    assert axiom.query("| summarize n = count()", **asked).status_code == 400


def test_half_of_a_surrogate_pair_is_refused(axiom: AxiomCalls) -> None:
    broken = b'{"apl": "[\'cloudflare-audit\'] | extend a = \\"\\ud800\\""}'
    headers = {"content-type": "application/json"}
    response = axiom.http.post("/v1/query/_apl", params={"format": "tabular"}, content=broken, headers=headers)
    assert (response.status_code, "half of a surrogate pair" in response.text) == (400, True)


@pytest.mark.parametrize("result_format", ["legacy", "tabular-rows", ""])
def test_other_formats_are_refused(axiom: AxiomCalls, result_format: str) -> None:
    response = axiom.http.post("/v1/query/_apl", params={"format": result_format}, json={"apl": f"['{DATASET}']"})

    assert response.status_code == 400


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"apl": 1}', b"{", b"[" * 100_000])
def test_a_request_that_is_no_query_is_refused(axiom: AxiomCalls, body: bytes) -> None:
    response = axiom.http.post("/v1/query/_apl?format=tabular", content=body)

    assert (response.status_code, response.json()["code"]) == (400, 400)


def test_an_error_in_the_text_names_its_place(axiom: AxiomCalls) -> None:
    response = axiom.query("\n| where )")

    assert response.status_code == 400
    answer = response.json()
    assert set(answer) == {"code", "message", "detail"}
    assert (answer["detail"]["line"], answer["detail"]["column"]) == (2, 9)
    assert set(answer["detail"]) == {"message", "line", "column", "errorType", "compileErrorCode"}


def test_an_unknown_dataset_is_not_found(axiom: AxiomCalls) -> None:
    response = axiom.query_text("['other'] | summarize n = count()")

    assert (response.status_code, response.json()["code"]) == (404, 404)


def test_a_query_without_a_limit_is_cut_at_a_thousand_with_a_warning(axiom: AxiomCalls) -> None:
    axiom.store(*({"n": n} for n in range(1_001)))

    plain, summed = axiom.query(""), axiom.query("| summarize c = count() by n")

    for response in (plain, summed):
        assert len(rows_of(response)) == 1_000
        [message] = response.json()["status"]["messages"]
        assert (message["priority"], message["code"]) == ("warn", "default_limit_warning")
        assert message["msg"] == "A default limit of 1000 was applied"
    assert plain.json()["status"]["rowsMatched"] == 1_001


@pytest.mark.parametrize("apl", ["| limit 50000", "| where part in ('most')", "| summarize c = count()"])
def test_a_whole_result_has_no_message(axiom: AxiomCalls, apl: str) -> None:
    axiom.store(*({"n": n, "part": "most" if n else "first"} for n in range(1_001)))

    response = axiom.query(apl)

    assert len(rows_of(response)) in (1_001, 1_000, 1)
    assert "messages" not in response.json()["status"]


def test_no_result_is_longer_than_the_cap(axiom: AxiomCalls) -> None:
    axiom.sandbox.axiom.behaviour.most_rows = 1_500
    axiom.store(*({"n": n} for n in range(2_000)))

    response = axiom.query("| limit 2000")

    assert len(rows_of(response)) == 1_500
    assert "messages" not in response.json()["status"]


def test_a_limit_inside_does_not_lift_the_default(axiom: AxiomCalls) -> None:
    axiom.store(*({"n": n} for n in range(1_200)))

    assert len(axiom.rows("| limit 1100 | summarize c = count() by n")) == 1_000


def test_a_summarize_describes_its_groups_and_aggregates(axiom: AxiomCalls) -> None:
    axiom.store(at(0, actor="a"), at(1, actor="a"), at(61, actor="a"), at(62, actor="b"))

    apl = "| extend hour = bin(_time, 1h) | summarize n = count(), newest = max(_time) by actor, hour"
    response = axiom.query(f"{apl} | sort by actor asc, hour desc")

    assert rows_of(response) == [
        ("a", "2026-11-20T11:00:00Z", 1, "2026-11-20T11:01:00Z"),
        ("a", "2026-11-20T10:00:00Z", 2, "2026-11-20T10:01:00Z"),
        ("b", "2026-11-20T11:00:00Z", 1, "2026-11-20T11:02:00Z"),
    ]
    [table] = response.json()["tables"]
    assert table["groups"] == [{"name": "actor"}, {"name": "hour"}]
    assert table["fields"][2:] == [
        {"name": "n", "type": "integer", "agg": {"name": "count"}},
        {"name": "newest", "type": "datetime", "agg": {"name": "max", "fields": ["_time"]}},
    ]
    assert table["order"] == [{"field": "actor", "desc": False}, {"field": "hour", "desc": True}]
    assert response.json()["status"]["numGroups"] == 3


def test_an_empty_dataset_answers_with_empty_columns(axiom: AxiomCalls) -> None:
    response = axiom.query("| limit 5")

    answer = response.json()
    assert answer["tables"][0]["columns"] == [[], []]
    assert (answer["status"]["rowsExamined"], answer["status"]["rowsMatched"]) == (0, 0)
    assert answer["status"]["minBlockTime"] == "0001-01-01T00:00:00Z"


def test_rows_are_visible_before_new_fields_are(axiom: AxiomCalls) -> None:
    axiom.ingest([{"actor": "a"}])

    assert axiom.count() == 0
    axiom.pass_time(seconds=2)
    assert axiom.count() == 1
    early = axiom.query("| where actor in ('a')")
    assert (early.status_code, early.json()["message"]) == (400, 'invalid field "actor"')
    axiom.pass_time(seconds=1)
    assert axiom.rows("| where actor in ('a')", "actor") == [("a",)]

    axiom.ingest([{"actor": "b"}])
    assert axiom.count("| where actor in ('b')") == 0, "the field is known, the row is not there yet"


def test_visibility_delays_can_be_set(axiom: AxiomCalls) -> None:
    behaviour = axiom.sandbox.axiom.behaviour
    behaviour.row_delay = behaviour.field_delay = behaviour.row_delay * 30

    axiom.ingest([{"actor": "a"}])

    axiom.pass_time(seconds=59)
    assert axiom.count() == 0
    axiom.pass_time(seconds=2)
    assert axiom.count("| where actor in ('a')") == 1
