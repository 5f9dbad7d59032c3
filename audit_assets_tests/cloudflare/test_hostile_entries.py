"""Whatever an entry contains, nothing raises and nothing is lost."""

import json
from typing import Any

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from audit_assets.cloudflare.entries import ENTRY_SCHEMA, Normalizer, normalize_entries
from audit_assets_tests.cloudflare.samples import ACCOUNT, v1_entry, v2_entry

ODD_TEXTS = ["\ud800", "\udfff\ud83d", "\0", "\u202e", "'] | union ['x", "", " ", "null", "NaN", "x" * 100_000]
ODD_TIMES = ["2026-11-20T10:00:60Z", "0000-00-00T00:00:00Z", "9999-12-31T23:59:59.999999999-23:59", "1638303588"]
PARTS = st.sampled_from(["id", "action", "actor", "raw", "resource", "zone", "when", "metadata", "interface", "new"])
KEYS = st.sampled_from(
    ["id", "type", "email", "token_id", "token_name", "time", "result", "description", "status_code", "product", "ip"]
)

texts = st.one_of(st.sampled_from(ODD_TEXTS + ODD_TIMES), st.text(st.characters(exclude_categories=()), max_size=20))
numbers = st.one_of(st.integers(), st.sampled_from([10**4000, -(2**63) - 1, 2**64, 10**18]), st.floats(allow_nan=True))
json_values = st.recursive(
    st.one_of(texts, numbers, st.none(), st.booleans()),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(texts, inner, max_size=3)),
    max_leaves=8,
)
twists = st.dictionaries(PARTS, st.one_of(json_values, st.dictionaries(KEYS, json_values, max_size=4)), max_size=4)


@st.composite
def twisted_entries(draw: st.DrawFn) -> Any:
    """An entry of either shape, some of its parts replaced, mended or missing."""
    make = draw(st.sampled_from([v1_entry, v2_entry]))
    number = draw(st.integers(0, 3))
    changed: dict[str, Any] = {**draw(twists)}
    entry = make(number) | changed if draw(st.booleans()) else make(number, **changed)
    for name in draw(st.lists(PARTS, max_size=2)):
        entry.pop(name, None)
    return entry


members = st.lists(st.one_of(twisted_entries(), twisted_entries(), json_values), max_size=6)


def same(one: Any, other: Any) -> bool:
    """Whether the two are equal as JSON, where true is not 1."""
    return json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)


@settings(max_examples=250, deadline=None)
@given(members, st.sampled_from(["v1", "v2"]), st.one_of(st.just(ACCOUNT), texts))
def test_every_member_is_in_the_frame_or_quarantined_exactly_once(raw: list[Any], stream: str, account: str) -> None:
    frame, quarantined = normalize_entries(raw, stream, account)
    normalizer = Normalizer(stream, account)
    alone = [normalizer.normalize([member]) for member in raw]
    for at, (rows, records) in enumerate(alone):
        if rows.height + len(records) != 1:
            assert any(same(raw[at], earlier) for earlier in raw[:at]), "only what came before is in neither"
    assert pl.concat([ENTRY_SCHEMA.to_frame(), *(rows for rows, _ in alone)]).equals(frame)
    assert [each.record() for _, records in alone for each in records] == quarantined
    assert all(isinstance(json.loads(text), dict) for text in frame["raw"])
    assert frame.schema == ENTRY_SCHEMA
    assert frame["entry_id"].is_unique().all()
    assert (frame["change_kind"].is_not_null() == frame["is_change"]).all()
    for name in ("entry_id", "native_id", "time", "actor_key", "actor", "resource_type", "action_result", "raw"):
        assert frame[name].null_count() == 0


@settings(max_examples=100, deadline=None)
@given(members, st.sampled_from(["v1", "v2"]))
def test_a_quarantined_member_can_be_written_anywhere(raw: list[Any], stream: str) -> None:
    _, quarantined = normalize_entries(raw, stream, ACCOUNT)
    for record in quarantined:
        assert list(record) == ["stream", "reason", "native_id", "time", "raw"]
        assert record["raw"].isascii()
        assert record["reason"].isascii()
        assert record["native_id"] is None or record["native_id"].encode()
        assert record["time"] is None or record["time"].utcoffset() is not None
        json.loads(record["raw"])


@settings(max_examples=100, deadline=None)
@given(members)
def test_other_entries_are_as_they_would_be_without(raw: list[Any]) -> None:
    good = v2_entry(number=99, zone={"name": "untouched.example"})
    alone, _ = normalize_entries([good], "v2", ACCOUNT)
    among, _ = normalize_entries([*raw, good], "v2", ACCOUNT)
    assert among.filter(pl.col("native_id") == good["id"]).equals(alone)
