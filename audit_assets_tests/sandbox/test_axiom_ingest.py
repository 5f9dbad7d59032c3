"""Which events the sandbox's Axiom stores, changes and refuses (docs/facts/axiom.md, 2.1 and 6)."""

import gzip
import json

import pytest

from audit_assets.sandbox.axiom.axiom_service import DATASET
from audit_assets_tests.sandbox import axiom_calls
from audit_assets_tests.sandbox.axiom_calls import AxiomCalls, ndjson

door = axiom_calls.door
sandbox = axiom_calls.sandbox
axiom = axiom_calls.axiom

EVENT = {"_time": "2026-11-20T10:00:00Z", "entry_id": "e1", "status": 200}


def test_a_receipt_has_all_six_keys_and_counts_uncompressed_bytes(axiom: AxiomCalls) -> None:
    body = ndjson([EVENT, EVENT])

    response = axiom.ingest_body(gzip.compress(body, mtime=0), headers={"content-encoding": "gzip"})

    assert response.status_code == 200
    assert response.json() == {
        "ingested": 2,
        "failed": 0,
        "failures": [],
        "processedBytes": len(body),
        "blocksCreated": 0,
        "walLength": 2,
    }


@pytest.mark.parametrize("path", [f"/v1/ingest/{DATASET}", f"/v1/datasets/{DATASET}/ingest"])
@pytest.mark.parametrize(
    ("media", "body"),
    [
        ("application/x-ndjson", ndjson([EVENT, EVENT])),
        ("application/x-ndjson; charset=utf-8", ndjson([EVENT, EVENT]) + b"\n"),
        ("application/nd-json", ndjson([EVENT, EVENT])),
        ("application/json", ndjson([EVENT, EVENT])),
        ("application/json", json.dumps([EVENT, EVENT], indent=1).encode()),
    ],
)
def test_both_endpoints_read_lines_and_arrays(axiom: AxiomCalls, path: str, media: str, body: bytes) -> None:
    assert axiom.ingest_body(body, path=path, media=media).json()["ingested"] == 2


def test_the_same_events_sent_again_are_there_twice(axiom: AxiomCalls) -> None:
    axiom.ingest([EVENT])
    again = axiom.ingest([EVENT])

    axiom.pass_time(seconds=10)
    assert again.json()["walLength"] == 2
    assert axiom.rows("| summarize n = count() by entry_id") == [("e1", 2)]


@pytest.mark.parametrize(
    ("media", "encoding", "body"),
    [
        ("application/x-ndjson", "zstd", b"(\xb5/\xfd"),
        ("application/x-ndjson", "1", ndjson([EVENT])),
        ("application/x-ndjson", "gzip", ndjson([EVENT])),
        ("application/x-ndjson", "gzip", gzip.compress(ndjson([EVENT]), mtime=0)[:-4]),
        ("application/x-ndjson", "gzip", gzip.compress(b"", mtime=0) + gzip.compress(ndjson([EVENT]), mtime=0)),
        ("application/x-ndjson", "identity", b'{"a": 1}{"a": 2}'),
        ("application/x-ndjson", "identity", b'{"a": '),
        ("application/x-ndjson", "identity", b'["not an object"]'),
        ("application/json", "identity", b"[1, 2]"),
        ("application/json", "identity", b"[" * 100_000),
        ("text/csv", "identity", b"a,b\n1,2"),
        ("", "identity", ndjson([EVENT])),
    ],
)
def test_an_unreadable_body_is_refused_whole(axiom: AxiomCalls, media: str, encoding: str, body: bytes) -> None:
    response = axiom.ingest_body(body, media=media, headers={"content-encoding": encoding})

    assert (response.status_code, response.json()["code"]) == (400, 400)
    axiom.pass_time(seconds=10)
    assert axiom.count() == 0


def test_a_body_beyond_the_bound_is_too_large(axiom: AxiomCalls) -> None:
    axiom.sandbox.axiom.behaviour.body_bytes = 1_000

    bomb = gzip.compress(b" " * 2_000 + ndjson([EVENT]), mtime=0)

    assert axiom.ingest_body(bomb, headers={"content-encoding": "gzip"}).status_code == 413


@pytest.mark.parametrize("parameter", [{"timestamp-field": "at"}, {"timestamp-format": "2006-01-02"}])
def test_unsupported_parameters_are_refused(axiom: AxiomCalls, parameter: dict[str, str]) -> None:
    response = axiom.http.post(f"/v1/ingest/{DATASET}", params=parameter, content=ndjson([EVENT]))

    assert response.status_code == 400


def test_more_than_ten_thousand_events_are_refused(axiom: AxiomCalls) -> None:
    assert axiom.ingest([{"a": 1}] * 10_001).status_code == 400
    assert axiom.ingest([{"a": 1}] * 10_000).json()["ingested"] == 10_000


def test_nested_objects_become_dotted_fields_and_arrays_stay(axiom: AxiomCalls) -> None:
    axiom.store({"actor": {"id": "a", "token": {"name": "ci"}}, "tags": ["x", {"y": [1]}], "none": {}, "nil": None})

    assert axiom.rows("", "actor.id", "actor.token.name", "tags") == [("a", "ci", ["x", {"y": [1]}])]
    assert axiom.query("| distinct nil").json()["message"] == 'invalid field "nil"'


def test_an_object_too_deep_is_cut(axiom: AxiomCalls) -> None:
    deep: dict = {"leaf": 1}
    for _ in range(150):
        deep = {"n": deep}

    assert axiom.ingest([{"kept": 1, **deep}]).json()["ingested"] == 1


@pytest.mark.parametrize("key", ["a.b", "a"])
def test_a_literal_dot_in_a_key_is_refused(axiom: AxiomCalls, key: str) -> None:
    event = {"a.b": 1} if key == "a.b" else {"a": {"b.c": 1}}

    assert "literal dot" in axiom.ingest([event]).json()["message"]


@pytest.mark.parametrize(
    ("sent", "stored"),
    [
        ("2026-11-20T10:00:00Z", "2026-11-20T10:00:00Z"),
        ("2026-11-20T12:00:00.120+02:00", "2026-11-20T10:00:00.12Z"),
        ("2026-11-20T10:00:00.123456789Z", "2026-11-20T10:00:00.123456Z"),
        (1_795_168_800, "2026-11-20T10:00:00Z"),
        (1_795_168_800_120, "2026-11-20T10:00:00.12Z"),
        (1_795_168_800_120_000, "2026-11-20T10:00:00.12Z"),
        (1_795_168_800_120_000_000, "2026-11-20T10:00:00.12Z"),
    ],
)
def test_times_are_read_in_their_usual_forms(axiom: AxiomCalls, sent: str | int, stored: str) -> None:
    axiom.store({"_time": sent})

    assert axiom.rows("", "_time") == [(stored,)]


def test_an_event_without_a_time_happened_now(axiom: AxiomCalls) -> None:
    before = axiom.sandbox.shared.clock.now()

    axiom.store({"entry_id": "e1"})

    [(time, ingested)] = axiom.rows("", "_time", "_sysTime")
    assert time == ingested
    assert before.strftime("%Y-%m-%dT%H:%M") == time[:16]


def test_only_the_event_with_an_invalid_time_fails(axiom: AxiomCalls) -> None:
    receipt = axiom.ingest([EVENT, {"_time": "yesterday"}, {"_time": True}, {"_time": 1e300}]).json()

    assert (receipt["ingested"], receipt["failed"]) == (1, 3)
    assert set(receipt["failures"][0]) == {"timestamp", "error"}


def test_reserved_names_are_renamed(axiom: AxiomCalls) -> None:
    axiom.store({"_source": "mine", "_sysTime": "late", "_rowID": {"x": 1}})

    assert axiom.rows("", "_user__source", "_user__sysTime") == [("mine", "late")]


def test_a_string_over_a_megabyte_is_replaced(axiom: AxiomCalls) -> None:
    axiom.store({"entry_id": "a", "raw": "x" * 1_000_001}, {"entry_id": "b", "raw": "é" * 499_999})

    rows = dict(axiom.rows("", "entry_id", "raw"))
    assert rows["a"] == "<invalid string: too long>"
    assert len(rows["b"]) == 499_999


def test_invalid_unicode_is_replaced(axiom: AxiomCalls) -> None:
    axiom.ingest_body(
        b'{"entry_id": "a", "s": "\\ud800"}\n{"entry_id": "b", "s": "\xff"}\n{"entry_id": "c", "s": "ok"}'
    )

    axiom.pass_time(seconds=10)
    rows = axiom.rows("| sort by entry_id asc", "entry_id", "s")
    assert rows == [("a", "<invalid data>"), ("b", "<invalid data>"), ("c", "ok")]


def test_numbers_that_are_not_finite_become_null(axiom: AxiomCalls) -> None:
    axiom.ingest_body(b'{"id": 1, "x": NaN}\n{"id": 2, "x": 1e999}\n{"id": 3, "x": -Infinity}\n{"id": 4, "x": 0.5}')

    axiom.pass_time(seconds=10)
    assert axiom.rows("| sort by id asc", "id", "x") == [(1, None), (2, None), (3, None), (4, 0.5)]


def test_integers_in_a_field_with_fractions_become_floats(axiom: AxiomCalls) -> None:
    axiom.store({"id": 1, "x": 2})
    axiom.store({"id": 2, "x": 0.5})
    axiom.store({"id": 3, "x": 7})

    assert axiom.rows("| sort by id asc", "id", "x") == [(1, 2.0), (2, 0.5), (3, 7.0)]


@pytest.mark.parametrize("second", ["1", True, ["x"], {"y": 1}])
def test_a_field_of_two_types_is_refused(axiom: AxiomCalls, second: object) -> None:
    axiom.store({"entry_id": "a", "x": 1})

    response = axiom.ingest([{"entry_id": "b", "x": second}, EVENT])

    if second == {"y": 1}:
        assert response.status_code == 200, "another field: x.y"
    else:
        assert "several types" in response.json()["message"]
        axiom.pass_time(seconds=10)
        assert axiom.rows("", "entry_id") == [("a",)], "nothing of the batch is stored"


def test_an_integer_beyond_64_bits_is_refused(axiom: AxiomCalls) -> None:
    assert "64 bits" in axiom.ingest([{"x": 2**63}]).json()["message"]
    assert axiom.ingest([{"x": 2**63 - 1}, {"x": -(2**63)}]).json()["ingested"] == 2


def test_only_the_event_with_too_many_fields_fails(axiom: AxiomCalls) -> None:
    axiom.sandbox.axiom.behaviour.field_limit = 3

    receipt = axiom.ingest([{"a": 1, "b": 1}, {"c": 1, "d": 1}, {"c": 1}, {"a": 1, "d": 1}, {"a": 2}]).json()

    assert (receipt["ingested"], receipt["failed"]) == (3, 2)
    axiom.pass_time(seconds=10)
    assert axiom.rows("| summarize n = count() by a, b, c | sort by a desc, b desc, c desc | limit 9") == [
        (2, None, None, 1),
        (1, 1, None, 1),
        (None, None, 1, 1),
    ]


@pytest.mark.parametrize("name", ["x" * 201, "é" * 101, ""])
def test_a_field_name_has_1_to_200_bytes(axiom: AxiomCalls, name: str) -> None:
    receipt = axiom.ingest([{name: 1}, EVENT]).json()

    assert (receipt["ingested"], receipt["failed"]) == (1, 1)


def test_no_events_are_no_failure(axiom: AxiomCalls) -> None:
    assert axiom.ingest([]).json()["ingested"] == 0
