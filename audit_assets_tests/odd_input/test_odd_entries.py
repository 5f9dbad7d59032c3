"""Entries of shapes that are documented nowhere, and were seen: as columns of the entry frame."""

from ipaddress import IPv4Address, IPv6Address
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit_assets.cloudflare.entries import normalize_entries
from audit_assets.exports.logpush_records import from_v1, from_v2
from audit_assets_tests.cloudflare.samples import ACCOUNT, v1_entry, v2_entry

ZONE = "9a7806061c88ada191ed06f989cc3dac"


def row_of(entry: dict[str, Any], stream: str = "v1") -> dict[str, Any]:
    """The one row of an entry."""
    frame, quarantined = normalize_entries([entry], stream, ACCOUNT)
    assert not quarantined
    return frame.row(0, named=True)


@pytest.mark.parametrize(
    ("parts", "zone"),
    [
        ({"metadata": {"zone_name": "example.com"}}, (None, "example.com")),
        ({"metadata": {"zone_name": "example.com", "zone_tag": ZONE}}, (ZONE, "example.com")),
        ({"metadata": {"zone_name": "example.com", "zone_id": ZONE}}, (ZONE, "example.com")),
        ({"metadata": {"zone_tag": "", "zone_id": ZONE, "zone_name": 7}}, (ZONE, "7")),
        ({"metadata": {"zone_tag": ["x"], "zone_id": {}}}, (None, "example.com")),
        ({"metadata": "zone_tag"}, (None, None)),
        ({"resource": {"type": "zone", "id": ZONE}, "metadata": {"zone_tag": "f" * 32}}, (ZONE, "example.com")),
        ({"resource": {"type": "zone", "id": ""}, "metadata": {"zone_tag": ZONE}}, (ZONE, "example.com")),
    ],
)
def test_the_zone_of_v1_is_read_where_it_is(parts: dict[str, Any], zone: tuple[str | None, str | None]) -> None:
    row = row_of(v1_entry(**parts))
    assert (row["zone_id"], row["zone_name"]) == zone


def test_the_zone_of_logpush_is_read_too() -> None:
    pushed = {
        "ID": "1",
        "When": 1777629600,
        "ActionType": "rec_add",
        "Metadata": {"zone_tag": ZONE, "zone_name": "a.b"},
    }
    row = row_of(from_v1(pushed))
    assert (row["zone_id"], row["zone_name"]) == (ZONE, "a.b")


EMPTY_ACTOR = {"id": "", "email": "", "type": "", "context": "", "ip_address": "", "token_id": "", "token_name": ""}


def actor_of(actor: Any, stream: str = "v2") -> tuple[str, str]:
    """The key and the type of the actor of an entry that has this in its place."""
    entry = (v2_entry() if stream == "v2" else v1_entry()) | {"actor": actor}
    row = row_of(entry, stream)
    assert row["is_change"]
    return row["actor_key"], row["actor_type"]


@pytest.mark.parametrize("stream", ["v2", "v1"])
def test_an_actor_without_any_name_is_an_actor_of_its_own(stream: str) -> None:
    unnamed = {actor_of(actor, stream) for actor in (EMPTY_ACTOR, {}, {"id": None, "token_details": {}, "type": ""})}
    unreadable = {
        actor_of(actor, stream)
        for actor in ("ann", None, ["ann"], {"type": 1.5}, {"id": True}, {"id": "", "type": 0.0})
    }
    system = {actor_of(EMPTY_ACTOR | {"type": "system"}, stream)}
    assert [{kind for _, kind in actors} for actors in (unnamed, unreadable, system)] == [
        {"unnamed"},
        {"unknown"},
        {"system"},
    ]
    assert len(unnamed | unreadable | system) == len({key for key, _ in unnamed | unreadable | system}) == 3


@pytest.mark.parametrize(
    ("named", "actor"),
    [
        ({"ActorType": "system", "ActorID": "", "ActorEmail": "", "ActorTokenDetails": {}}, "system"),
        ({"ActorType": "", "ActorID": "", "ActorEmail": "", "ActorTokenDetails": {}}, "unnamed"),
        ({"ActorID": "", "ActorEmail": ""}, "unnamed"),
        ({}, "unknown"),
    ],
)
def test_an_actor_of_logpush_may_have_empty_fields(named: dict[str, Any], actor: str) -> None:
    row = row_of(from_v2({"AuditLogID": "1", "ActionTimestamp": 1777629600, **named}), "v2")
    assert (row["actor"], row["actor_type"]) == (actor, actor)


def test_a_time_in_another_zone_and_an_actor_without_address_are_read() -> None:
    row = row_of(
        v1_entry(when="2026-11-20T21:23:56+05:30", actor={"email": "", "id": "", "ip": "", "type": "Cloudflare"})
    )
    assert (row["time"].isoformat(), row["actor"]) == ("2026-11-20T15:53:56+00:00", "cloudflare")


ADDRESSES = [
    ("203.0.113.9", "203.0.113.9"),
    ("::ffff:203.0.113.9", "203.0.113.9"),
    ("::FFFF:cb00:7109", "203.0.113.9"),
    ("203.0.113.9:51234", "203.0.113.9"),
    ("[::ffff:203.0.113.9]:443", "203.0.113.9"),
    (" 203.0.113.9\n", "203.0.113.9"),
    ("2001:DB8:0:0:0:0:0:1", "2001:db8::1"),
    ("2001:0db8::0001", "2001:db8::1"),
    ("[2001:db8::1]", "2001:db8::1"),
    ("[2001:db8::1%eth0]:8443", "2001:db8::1"),
    ("fe80::1%25eth0", "fe80::1"),
    ("203.0.113.0/24", "203.0.113.0/24"),
    ("203.0.113.9, 198.51.100.7", "203.0.113.9, 198.51.100.7"),
    ("203.0.113.009", "203.0.113.009"),
    ("not an address", "not an address"),
    ("\ud800", "\\ud800"),
    ("1" * 5_000, "1" * 5_000),
]


@pytest.mark.parametrize(("written", "address"), ADDRESSES)
def test_an_address_has_one_spelling(written: str, address: str) -> None:
    assert row_of(v1_entry(actor={"ip": written}))["ip_address"] == address
    assert row_of(v2_entry(actor={"ip_address": written}), "v2")["ip_address"] == address


@given(st.ip_addresses())
def test_every_address_is_recognised_in_its_longest_spelling(address: IPv4Address | IPv6Address) -> None:
    plain = row_of(v1_entry(actor={"ip": f"{address}"}))["ip_address"]
    assert row_of(v1_entry(actor={"ip": f"{address.exploded}".upper()}))["ip_address"] == plain


@given(st.text())
def test_no_text_in_place_of_an_address_loses_an_entry(written: str) -> None:
    assert row_of(v1_entry(actor={"ip": written}))["native_id"] == v1_entry()["id"]


@pytest.mark.parametrize("kind", ["logpush job", "gateway.rule", "gateway.config", "dns.record", "DNS_record"])
def test_a_resource_type_of_v1_is_taken_as_it_is(kind: str) -> None:
    assert row_of(v1_entry(resource={"type": kind}))["resource_type"] == kind
