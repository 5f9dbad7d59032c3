"""Files of real entries: every form is read, and nothing is dropped in silence."""

import gzip
import json
import string
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from audit_assets.exports.entries_file import EntriesFileError, FileEntries, read_entries
from audit_assets.exports.timed_entries import TimedEntry
from audit_assets.sandbox.cloudflare.cloudflare_service import CloudflareService
from audit_assets_tests.sandbox.cloudflare_calls import Caller, caller, door, faults, service, v1_entry, v2_entry

__all__ = ["caller", "door", "faults", "service"]

SAMPLES = Path(__file__).parents[1] / "fixtures" / "cloudflare"

LOGPUSH_V2 = {
    "AccountID": "a" * 32,
    "AccountName": "Example",
    "ActionDescription": "Add Member",
    "ActionResult": "success",
    "ActionTimestamp": "2026-05-01T10:00:00Z",
    "ActionType": "create",
    "ActorContext": "api_token",
    "ActorEmail": "alice@example.com",
    "ActorID": "b" * 32,
    "ActorIPAddress": "192.0.2.7",
    "ActorTokenDetails": {"TokenID": "t1", "TokenName": "deploy", "Other": 1},
    "ActorType": "user",
    "AuditLogID": "c" * 32,
    "Raw": {"CfRayID": "8e9b", "Method": "POST", "StatusCode": 200, "URI": "/members", "UserAgent": "curl", "x": 1},
    "ResourceID": "r",
    "ResourceProduct": "members",
    "ResourceRequest": {"q": 1},
    "ResourceResponse": {},
    "ResourceScope": "accounts",
    "ResourceType": "member",
    "ResourceValue": {"v": 1},
    "ZoneID": "",
    "ZoneName": "",
    "NewField": "kept",
}


def read(tmp_path: Path, content: str | bytes) -> FileEntries:
    path = tmp_path / "entries"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return read_entries(path)


def bodies(entries: list[TimedEntry]) -> list[Any]:
    return [json.loads(entry.body) for entry in entries if isinstance(entry.body, str)]


def lines(*records: Any) -> str:
    return "".join(json.dumps(record) + "\n" for record in records)


V2, V1 = v2_entry(1), v1_entry(2, datetime(2026, 11, 22, 10, 30, tzinfo=UTC))


@pytest.mark.parametrize(
    "content",
    [
        lines(V2, V1),
        "\ufeff" + lines(V2, V1).replace("\n", "\r\n\r\n"),
        json.dumps([V2, V1], indent=2),
        json.dumps({"success": True, "errors": [], "result": [V2, V1], "result_info": {"count": 2}}),
        lines({"result": [V2]}, [V1]),
        gzip.compress(lines(V2, V1).encode(), mtime=0),
        gzip.compress(lines(V2).encode(), mtime=0) + gzip.compress(lines(V1).encode(), mtime=0),
        gzip.compress(json.dumps([V2, V1]).encode(), mtime=0),
    ],
)
def test_json_and_ndjson_are_read_gzipped_or_not(tmp_path: Path, content: str | bytes) -> None:
    entries = read(tmp_path, content)
    assert (bodies(entries.v2), bodies(entries.v1)) == ([V2], [V1])
    assert (entries.first, entries.last) == (entries.v2[0].time, entries.v1[0].time)
    assert (entries.unrecognized, entries.unreadable, entries.problems) == (0, 0, [])


def test_a_single_entry_is_a_file_too(tmp_path: Path) -> None:
    assert len(read(tmp_path, json.dumps(V2, indent=1))) == 1


def test_logpush_v2_becomes_the_entry_of_the_api(tmp_path: Path) -> None:
    (entry,) = bodies(read(tmp_path, lines(LOGPUSH_V2)).v2)
    assert entry == {
        "account": {"id": "a" * 32, "name": "Example"},
        "action": {
            "description": "Add Member",
            "result": "success",
            "time": "2026-05-01T10:00:00Z",
            "type": "create",
        },
        "actor": {
            "context": "api_token",
            "email": "alice@example.com",
            "id": "b" * 32,
            "ip_address": "192.0.2.7",
            "token_details": {"TokenID": "t1", "TokenName": "deploy", "Other": 1},
            "token_id": "t1",
            "token_name": "deploy",
            "type": "user",
        },
        "id": "c" * 32,
        "raw": {
            "cf_ray_id": "8e9b",
            "method": "POST",
            "status_code": 200,
            "uri": "/members",
            "user_agent": "curl",
            "x": 1,
        },
        "resource": {
            "id": "r",
            "product": "members",
            "request": {"q": 1},
            "response": {},
            "scope": "accounts",
            "type": "member",
            "value": {"v": 1},
        },
        "NewField": "kept",
    }


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("2026-05-01T10:00:00.123456789Z", "2026-05-01T10:00:00.123456789Z"),
        (1777629600, "2026-05-01T10:00:00Z"),
        ("1777629600", "2026-05-01T10:00:00Z"),
        (1777629600123, "2026-05-01T10:00:00.123Z"),
        (1777629600123456, "2026-05-01T10:00:00.123456Z"),
        ("1777629600123456789", "2026-05-01T10:00:00.123456789Z"),
    ],
)
def test_logpush_has_several_formats_of_time(tmp_path: Path, value: object, expected: str) -> None:
    entries = read(
        tmp_path, lines({**LOGPUSH_V2, "ActionTimestamp": value}, {"ID": "1", "When": value, "OwnerID": "o"})
    )
    assert bodies(entries.v2)[0]["action"]["time"] == expected
    assert bodies(entries.v1)[0] == {"id": "1", "when": expected, "owner": {"id": "o"}}
    assert entries.first == entries.last == datetime.fromisoformat(expected[:26].rstrip("Z") + "+00:00")


def test_keys_that_are_not_logpushs_are_kept(tmp_path: Path) -> None:
    entries = read(tmp_path, lines({"AuditLogID": "1", "ActionTimestamp": 1777629600, "action": "x", "zone": 3}))
    assert bodies(entries.v2) == [
        {"id": "1", "action": {"time": "2026-05-01T10:00:00Z"}, "zone": 3, "extra": {"action": "x"}}
    ]


def test_logpush_v1_is_what_the_api_samples_look_like(tmp_path: Path) -> None:
    record = {
        "ActionResult": True,
        "ActionType": "rec_add",
        "ActorIP": "::ffff:192.0.2.1",
        "ID": "1",
        "When": 1777629600,
    }
    values = {"NewValue": {"k": 1}, "OldValue": None, "Metadata": {}, "Interface": "UI", "ResourceType": "DNS_record"}
    assert bodies(read(tmp_path, lines({**record, **values})).v1) == [
        {
            "action": {"result": True, "type": "rec_add"},
            "actor": {"ip": "::ffff:192.0.2.1"},
            "id": "1",
            "when": "2026-05-01T10:00:00Z",
            "newValueJson": {"k": 1},
            "metadata": {},
            "interface": "UI",
            "resource": {"type": "DNS_record"},
        }
    ]


def test_an_unrecognized_record_is_served_unchanged(tmp_path: Path) -> None:
    odd = [{"note": "?"}, "text", 7, None, {"id": "x", "action": {"time": "soon"}}, {"When": 10**30, "ID": "y"}]
    entries = read(tmp_path, lines(odd[0], V2, *odd[1:]))
    assert entries.unrecognized == len(odd)
    assert len(entries) == len(odd) + 1
    assert {entry.time for entry in (*entries.v2, *entries.v1)} == {entries.first}
    assert len(entries.problems) == len(odd)
    assert entries.problems[0] == "line 1: no audit entry with a time; served unchanged"


def test_lines_that_are_not_json_are_counted_and_reported(tmp_path: Path) -> None:
    torn = json.dumps(V1)[:-5]
    entries = read(tmp_path, "\n".join([json.dumps(V2), torn, '{"id": NaN}', "[" * 100_000, json.dumps(V1)]))
    assert (len(entries), entries.unreadable) == (2, 3)
    assert entries.problems == [f"line {number}: not JSON; not served" for number in (2, 3, 4)]


def test_problems_are_described_up_to_a_limit_and_all_counted(tmp_path: Path) -> None:
    entries = read(tmp_path, json.dumps(V2) + "\n" + "torn\n" * 1000)
    assert (entries.unreadable, len(entries.problems)) == (1000, 20)


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "is empty"),
        (b"hello\nworld", "neither JSON nor NDJSON"),
        (b"[]", "contains no audit entry"),
        (b'{"errors":[],"messages":[],"result":[],"success":true}', "contains no audit entry"),
        (b'{"a": 1}\n{"b": 2}', "contains no audit entry"),
        (b"\x1f\x8b damaged", "damaged gzip"),
        (gzip.compress(b"{}" * 100, mtime=0)[:-9], "damaged gzip"),
        (b"\xfa\xfb{}", "not text in UTF-8"),
    ],
)
def test_a_file_without_entries_is_an_error_of_one_sentence(tmp_path: Path, content: bytes, why: str) -> None:
    with pytest.raises(EntriesFileError, match=why) as raised:
        read(tmp_path, content)
    assert str(tmp_path / "entries") in str(raised.value)


def test_a_missing_file_or_a_folder_has_an_error_of_its_own(tmp_path: Path) -> None:
    for path in (tmp_path / "missing", tmp_path):
        with pytest.raises(EntriesFileError, match="can't be read"):
            read_entries(path)


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["id", "action", "time", "when", "When", "ActionTimestamp", "AuditLogID", "Raw", "ActorTokenDetails"]
            )
            | st.text(string.ascii_letters, max_size=5),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(records=st.lists(anything, max_size=8))
@example(records=[{"action": "x", "ActionTimestamp": 1, "zone": 3, "actor": [1], "ActorTokenDetails": {}}])
@example(records=[{"when": 5, "When": 1, "owner": "o", "OwnerID": {}, "resource": 1}])
def test_no_record_is_lost_whatever_it_is(tmp_path: Path, records: list[Any]) -> None:
    kept = [record for record in records if not isinstance(record, list)]
    kept = [record for record in kept if not (isinstance(record, dict) and isinstance(record.get("result"), list))]
    entries = read(tmp_path, lines(V2, *kept))
    assert len(entries) == len(kept) + 1
    assert len(bodies(entries.v2) + bodies(entries.v1)) == len(kept) + 1


def test_the_service_serves_a_file_however_old(tmp_path: Path, service: CloudflareService, caller: Caller) -> None:
    old = datetime(2021, 11, 30, 20, tzinfo=UTC)
    service.load_entries(read(tmp_path, lines(*(v1_entry(n, old + timedelta(minutes=n)) for n in range(3)), "odd")))
    page = caller.v1(since="2021-11-30T00:00:00Z", before="2021-12-01T00:00:00Z").json()
    assert [entry if isinstance(entry, str) else int(entry["id"]) for entry in page["result"]] == [0, 1, 2, "odd"]


@pytest.mark.parametrize(
    ("name", "v2", "v1"),
    [("v1_entries.jsonl", 0, 8), ("logpush_v1.jsonl", 0, 2), ("v2_response.json", 1, 0)],
)
def test_the_samples_are_read(name: str, v2: int, v1: int) -> None:
    entries = read_entries(SAMPLES / name)
    assert (len(entries.v2), len(entries.v1), entries.unrecognized, entries.unreadable) == (v2, v1, 0, 0)
