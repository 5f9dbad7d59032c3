"""Raw entries into the typed frame."""

import hashlib
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from audit_assets.cloudflare.entries import ENTRY_SCHEMA, Normalizer, Unreadable, normalize_entries
from audit_assets_tests.cloudflare.samples import ACCOUNT, HOUR, v1_entry, v2_entry

SAMPLES = Path(__file__).parents[1] / "fixtures" / "cloudflare"


def row_of(entry: dict[str, Any], stream: str = "v2") -> dict[str, Any]:
    """The one row that the entry becomes."""
    frame, quarantined = normalize_entries([entry], stream, ACCOUNT)
    assert quarantined == []
    return frame.row(0, named=True)


def key_of(stream: str = "v2", **actor: Any) -> str:
    entry = v2_entry() if stream == "v2" else v1_entry()
    return row_of({**entry, "actor": actor}, stream)["actor_key"]


def test_an_entry_of_v2_is_a_row() -> None:
    entry = v2_entry(after=timedelta(seconds=1.5))
    row = row_of(entry)
    assert json.loads(row.pop("raw")) == entry
    actor_key = row.pop("actor_key")
    assert len(actor_key) == 32
    assert int(actor_key, 16)
    assert row == {
        "entry_id": hashlib.sha256(f"v2\0{ACCOUNT}\0{entry['id']}".encode()).hexdigest(),
        "stream": "v2",
        "account_id": ACCOUNT,
        "native_id": entry["id"],
        "time": HOUR + timedelta(seconds=1.5),
        "actor": "Ann@Example.com",
        "actor_type": "user",
        "actor_email": "Ann@Example.com",
        "actor_id": "f6b5de0326bb5182b8a4840ee01ec774",
        "token_id": None,
        "token_name": None,
        "interface": "dash",
        "ip_address": "198.51.100.7",
        "user_agent": "Mozilla/5.0",
        "action": "update",
        "change_kind": "update",
        "action_description": "Update DNS Record",
        "action_result": "success",
        "is_change": True,
        "resource_type": "dns_record",
        "resource_id": "372e67954025e0ba6aaa6d586b9e0b59",
        "resource_product": "dns_records",
        "zone_id": "9a7806061c88ada191ed06f989cc3dac",
        "zone_name": "example.com",
        "method": "PATCH",
        "uri": entry["raw"]["uri"],
        "status_code": 200,
        "ray_id": "8e9b1c60ef9e1c9a",
    }


def test_an_entry_of_v1_is_a_row() -> None:
    entry = v1_entry(action={"info": "by hand"})
    row = row_of(entry, "v1")
    assert json.loads(row["raw"]) == entry
    known = {name: value for name, value in row.items() if value is not None}
    assert {name: known[name] for name in known.keys() - {"entry_id", "raw", "actor_key"}} == {
        "stream": "v1",
        "account_id": ACCOUNT,
        "native_id": entry["id"],
        "time": HOUR,
        "actor": "ann@example.com",
        "actor_type": "user",
        "actor_email": "ann@example.com",
        "actor_id": "f6b5de0326bb5182b8a4840ee01ec774",
        "interface": "UI",
        "ip_address": "198.51.100.7",
        "action": "rec_add",
        "change_kind": "create",
        "action_description": "by hand",
        "action_result": "success",
        "is_change": True,
        "resource_type": "DNS_record",
        "resource_id": "10715065354",
        "zone_name": "example.com",
    }


def test_no_entries_give_an_empty_frame_of_the_same_schema() -> None:
    frame, quarantined = normalize_entries([], "v2", ACCOUNT)
    assert (frame.schema, frame.height, quarantined) == (ENTRY_SCHEMA, 0, [])


def test_the_least_that_an_entry_needs_is_an_id_and_a_time() -> None:
    row = row_of({"id": "1", "action": {"time": "2026-11-20T10:00:00Z"}})
    assert (row["actor"], row["actor_type"], row["resource_type"]) == ("unknown", "unknown", "unknown")
    assert (row["action_result"], row["change_kind"], row["is_change"]) == ("", "update", True)
    assert row["actor_email"] is row["action"] is row["status_code"] is None


def test_an_empty_string_is_a_missing_value() -> None:
    row = row_of(v2_entry(zone={"id": "", "name": ""}, actor={"email": "", "context": ""}, action={"result": ""}))
    assert row["zone_id"] is row["zone_name"] is row["actor_email"] is row["interface"] is None
    assert row["action_result"] == ""


def test_the_product_replaces_a_missing_resource_type() -> None:
    assert row_of(v2_entry(resource={"type": ""}))["resource_type"] == "dns_records"


def test_a_zone_of_v1_is_the_resource_itself() -> None:
    assert row_of(v1_entry(resource={"id": "z1", "type": "zone"}), "v1")["zone_id"] == "z1"


def test_an_unknown_enum_value_and_an_extra_key_pass() -> None:
    entry = v2_entry(
        action={"type": "teleport", "result": "Partial"}, actor={"context": "moon"}, resource={"value": {"x": 1}}
    )
    row = row_of({**entry, "novelty": True})
    assert (row["action"], row["change_kind"], row["action_result"]) == ("teleport", "update", "partial")
    assert row["interface"] == "moon"


@pytest.mark.parametrize("result", [False, "failure", "FAILURE", "false"])
def test_a_failed_action_is_no_change_but_has_its_kind(result: Any) -> None:
    row = row_of(v2_entry(action={"result": result}))
    assert (row["action_result"], row["change_kind"], row["is_change"]) == ("failure", "update", False)


def test_an_empty_or_unknown_result_is_no_failure() -> None:
    for result in ("", "partial"):
        assert row_of(v2_entry(action={"type": "delete", "result": result}))["is_change"] is True


def test_a_sign_in_is_no_change() -> None:
    assert row_of(v2_entry(action={"type": "update", "description": "LOGIN"}))["is_change"] is False


def test_a_resource_type_of_query_syntax_is_an_ordinary_one() -> None:
    assert row_of(v2_entry(resource={"type": "'] | union ['x"}))["resource_type"] == "'] | union ['x"


def test_a_megabyte_of_user_agent_is_kept_whole() -> None:
    agent = "Mozilla \u00e9\u0000 " * 100_000
    row = row_of(v2_entry(raw={"user_agent": agent}))
    assert row["user_agent"] == agent
    assert json.loads(row["raw"])["raw"]["user_agent"] == agent


@pytest.mark.parametrize(
    ("written", "read"),
    [(200, 200), ("404", 404), (True, None), (200.0, None), ("2\u0660", None), (2**63, None), ("9" * 99, None)],
)
def test_a_status_is_a_number_or_nothing(written: Any, read: int | None) -> None:
    assert row_of(v2_entry(raw={"status_code": written}))["status_code"] == read


def test_the_same_person_has_one_key_in_both_streams() -> None:
    assert row_of(v2_entry())["actor_key"] == row_of(v1_entry(), "v1")["actor_key"]


def test_a_person_keeps_the_key_when_the_email_changes() -> None:
    assert key_of(id="u1", email="ann@example.com") == key_of(id="u1", email="ann@example.org")


def test_two_actors_with_one_label_stay_two() -> None:
    assert key_of(id="u1", email="ann@example.com") != key_of(id="u2", email="ann@example.com")


def test_without_an_id_the_email_in_any_case_identifies_the_actor() -> None:
    assert key_of(email="Ann@Example.com") == key_of("v1", email="ann@example.com")


def test_an_email_that_looks_like_an_id_is_not_that_actor() -> None:
    assert key_of(id="x") != key_of(email="x") != key_of(type="x") != key_of(token_id="x")


def test_an_api_token_is_an_actor_of_its_own() -> None:
    owner = {"id": "u1", "email": "ann@example.com", "type": "user"}
    with_token = {**owner, "token_id": "t1", "token_name": "deploy"}
    row = row_of({**v2_entry(), "actor": with_token})
    assert (row["actor"], row["actor_type"]) == ('token "deploy" of ann@example.com', "token")
    assert row["actor_key"] != key_of(**owner)
    assert row["actor_key"] == key_of(token_id="t1", token_name="renamed")
    assert row_of({**v2_entry(), "actor": {"token_id": "t1"}})["actor"] == "token t1"


def test_the_token_in_the_metadata_of_v1_is_not_the_one_that_acted() -> None:
    row = row_of(v1_entry(metadata={"token_name": "deploy", "token_tag": "t1"}), "v1")
    assert (row["actor"], row["token_id"], row["token_name"]) == ("ann@example.com", None, None)


def test_an_actor_without_id_and_email_is_identified_by_type() -> None:
    assert row_of({**v2_entry(), "actor": {"type": "Cloudflare_admin"}})["actor"] == "cloudflare_admin"
    assert key_of(type="Cloudflare_admin") == key_of(type="cloudflare_admin") != key_of(type="system")
    assert row_of(v1_entry(actor={"id": "1", "type": "system", "email": None}), "v1")["actor"] == "system 1"


def test_an_account_has_its_own_actors_and_entries() -> None:
    here, there = (normalize_entries([v2_entry()], "v2", account)[0].row(0, named=True) for account in ("a", "b"))
    assert here["actor_key"] != there["actor_key"]
    assert here["entry_id"] != there["entry_id"]


def test_equal_items_are_one_entry() -> None:
    entry = v2_entry()
    reordered = dict(reversed(entry.items()))
    frame, quarantined = normalize_entries([entry, reordered, v2_entry(2), entry], "v2", ACCOUNT)
    assert frame["native_id"].to_list() == [entry["id"], v2_entry(2)["id"]]
    assert quarantined == []


def test_of_two_entries_with_one_id_the_first_is_kept_and_the_other_quarantined() -> None:
    first, second = v2_entry(), v2_entry(resource={"id": "another"})
    frame, quarantined = normalize_entries([first, second], "v2", ACCOUNT)
    assert [json.loads(raw) for raw in frame["raw"]] == [first]
    assert quarantined == [
        {
            "stream": "v2",
            "reason": "another entry with the same id says something else",
            "native_id": second["id"],
            "time": HOUR,
            "raw": json.dumps(second),
        }
    ]


def test_a_truth_is_not_the_number_one() -> None:
    entries = [v2_entry(resource={"request": {"on": value}}) for value in (1, True, 1.0)]
    frame, quarantined = normalize_entries(entries, "v2", ACCOUNT)
    assert (frame.height, len(quarantined)) == (1, 2)


def test_an_entry_is_known_again_on_a_later_page() -> None:
    normalizer = Normalizer("v2", ACCOUNT)
    first, _ = normalizer.normalize([v2_entry(1), v2_entry(2)])
    second, quarantined = normalizer.normalize([v2_entry(2), v2_entry(3), v2_entry(1, action={"type": "delete"})])
    assert (first.height, second["native_id"].to_list(), len(quarantined)) == (2, [v2_entry(3)["id"]], 1)


@pytest.mark.parametrize(
    ("member", "reason"),
    [
        ("text", "it is not a JSON object"),
        (None, "it is not a JSON object"),
        ({"action": {"time": "2026-11-20T10:00:00Z"}}, "it has no id"),
        ({"id": "", "action": {"time": "2026-11-20T10:00:00Z"}}, "it has no id"),
        ({"id": ["1"], "action": {"time": "2026-11-20T10:00:00Z"}}, "it has no id"),
        ({"id": "1"}, "it has no time that can be read"),
        ({"id": "1", "action": {"time": "yesterday"}}, "it has no time that can be read"),
        ({"id": "1", "action": "2026-11-20T10:00:00Z"}, "it has no time that can be read"),
        (v2_entry(id=None, raw={"user_agent": "\ud800"}), "it holds text that is no Unicode"),
        (v2_entry(action={"time": "\udcff"}), "it holds text that is no Unicode"),
        (v2_entry(id=float("nan")), "it holds what JSON can't"),
        (v2_entry(action={"time": float("inf")}), "it holds what JSON can't"),
        (Unreadable('{"id": ' + "[" * 600 + "]" * 600 + "}", "it is nested too deeply"), "it is nested too deeply"),
        (Unreadable("[" * 600 + "]" * 600, "it is nested too deeply"), "it is nested too deeply"),
        (Unreadable("[[[}", "it is nested too deeply"), "it is nested too deeply"),
    ],
)
def test_an_unusable_item_is_quarantined_with_its_reason(member: Any, reason: str) -> None:
    frame, quarantined = normalize_entries([v2_entry(7), member, v2_entry(8)], "v2", ACCOUNT)
    assert frame["native_id"].to_list() == [v2_entry(7)["id"], v2_entry(8)["id"]]
    [record] = quarantined
    assert record["reason"].startswith(reason)
    assert record["raw"].isascii()
    json.loads(record["raw"])


def test_a_quarantined_entry_has_what_could_be_read_of_it() -> None:
    first, second = v2_entry(id="a\udcff"), v2_entry(id="a\udcff", actor={"email": "\ud800"})
    _, [surrogate] = normalize_entries([first, second], "v2", ACCOUNT)
    assert (surrogate["stream"], surrogate["native_id"], surrogate["time"]) == ("v2", "a\\udcff", HOUR)
    _, [undated] = normalize_entries([v1_entry(when="soon")], "v1", ACCOUNT)
    assert (undated["native_id"], undated["time"]) == (v1_entry()["id"], None)


def test_an_integer_beyond_64_bits_is_kept_as_text() -> None:
    entry = v2_entry(actor={"id": 2**80}, resource={"request": 10**40})
    row = row_of(entry)
    assert row["actor_id"] == str(2**80)
    assert json.loads(row["raw"]) == entry


def test_a_value_of_the_wrong_type_is_missing() -> None:
    entry = v2_entry(actor={"email": True, "type": ["user"]}, zone="example.com", resource={"type": 1.5}, raw=[])
    row = row_of(entry)
    assert row["actor_email"] is row["zone_name"] is row["uri"] is None
    assert (row["actor_type"], row["resource_type"]) == ("unknown", "dns_records")


def test_a_key_that_comes_late_is_not_lost() -> None:
    """polars forgets a key that first appears after row 100 (docs/facts/reliability.md, 0.7)."""
    entries = [v2_entry(number, zone={}) for number in range(150)]
    for entry in entries[:149]:
        del entry["zone"]
    frame, _ = normalize_entries(entries, "v2", ACCOUNT)
    assert frame["zone_name"].drop_nulls().to_list() == ["example.com"]


def test_the_published_samples_are_normalized() -> None:
    old = [json.loads(line) for line in (SAMPLES / "v1_entries.jsonl").read_text().splitlines()]
    new = json.loads((SAMPLES / "v2_response.json").read_text())["result"]
    frames = [normalize_entries(entries, stream, ACCOUNT) for entries, stream in ((old, "v1"), (new, "v2"))]
    assert [(frame.height, quarantined) for frame, quarantined in frames] == [(len(old), []), (1, [])]
    assert pl.concat(frame for frame, _ in frames)["time"].min() == datetime(2021, 10, 10, 10, 13, 46, 214209, UTC)


def test_a_stream_that_does_not_exist_is_the_callers_mistake() -> None:
    with pytest.raises(ValueError, match="the streams are v2, v1, organization, not 'v3'"):
        normalize_entries([], "v3", ACCOUNT)


def test_the_label_of_an_actor_is_bounded_and_its_key_follows_from_the_whole_text() -> None:
    long = "x" * 1_000_000
    frame, _ = normalize_entries(
        [v2_entry(n, actor={"id": f"{long}{n}", "email": long}) for n in (1, 2)], "v2", ACCOUNT
    )
    assert frame["actor"].to_list() == ["x" * 1_000 + "…"] * 2
    assert frame["actor_key"].n_unique() == 2
    assert frame["actor_email"].to_list() == [long] * 2
