"""Entries that JSON can't hold as they are: whatever is in one field, the others count."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audit_assets.cloudflare.entries import ENTRY_SCHEMA, Unreadable, normalize_entries
from audit_assets.cloudflare.entry_json import DEEPEST_RESCUED, is_deeper, parse_json, shallow_text
from audit_assets_tests.cloudflare.samples import ACCOUNT, v1_entry, v2_entry
from audit_assets_tests.cloudflare.test_entries import row_of
from audit_assets_tests.cloudflare.test_entry_json import levels_of, values


def endless() -> Any:
    deep: Any = 0
    for _ in range(100_000):
        deep = [deep]
    return deep


def looped() -> Any:
    loop: list[Any] = []
    loop.append(loop)
    return loop


DAMAGES: dict[str, Callable[[], Any]] = {
    "half of a surrogate pair": lambda: "\ud800",
    "a broken byte": lambda: "\udcff",
    "not a number": lambda: float("nan"),
    "a number without end": lambda: float("inf"),
    "an integer without end": lambda: 10**5000,
    "a key that is no text": lambda: {1: 1},
    "a set": lambda: {1, 2},
    "endless nesting": endless,
    "a loop": looped,
}


@pytest.mark.parametrize("made", DAMAGES.values(), ids=DAMAGES.keys())
@pytest.mark.parametrize("stream", ["v1", "v2"])
def test_what_json_can_not_hold_hides_no_change(stream: str, made: Callable[[], Any]) -> None:
    damage, whole = made(), v2_entry() if stream == "v2" else v1_entry()
    damaged = {**whole, "new": damage}
    row = row_of(damaged, stream)
    text = row.pop("raw")
    assert row == {name: value for name, value in row_of(whole, stream).items() if name != "raw"}
    assert text.isascii()
    assert json.loads(text)["id"] == whole["id"]
    assert '"new":' in text
    assert row_of({**damaged}, stream)["raw"] == text, "pulled again, it is the same row"
    while isinstance(damage, list) and damage[0] is not damage:  # by hand: letting go at once would exhaust the stack
        damage = damage.pop()


@pytest.mark.parametrize(
    ("damage", "kept"),
    [
        ("a\ud800", "a\ud800"),
        (float("inf"), "(Infinity)"),
        (float("-inf"), "(-Infinity)"),
        (float("nan"), "(NaN)"),
        ({"a": [float("nan"), "NaN", 1.5]}, {"a": ["(NaN)", "NaN", 1.5]}),
        (10**5000, "(an integer without end)"),
    ],
    ids=range(6),
)
def test_the_text_of_a_damaged_entry_marks_what_is_missing(damage: Any, kept: Any) -> None:
    entry = v2_entry(resource={"request": damage})
    resource = entry["resource"] | {"request": kept}
    assert json.loads(row_of(entry)["raw"]) == entry | {"resource": resource}


def test_a_deep_entry_keeps_the_text_of_what_is_nested_too_deeply() -> None:
    deep = "[" * 900 + '{"role": "]\\"\udcff"}' + "]" * 900
    entry = json.dumps(v2_entry(resource={"request": "deep"})).replace('"deep"', deep)
    frame, quarantined = normalize_entries([Unreadable(entry, "it is nested too deeply")] * 2, "v2", ACCOUNT)
    assert quarantined == []
    [row] = frame.to_dicts()
    expected = row_of(v2_entry(resource={"request": "deep"}))
    assert {**row, "raw": ""} == {**expected, "raw": ""}
    assert row["raw"].isascii()
    request = json.loads(row["raw"])["resource"]["request"]
    while isinstance(request, list):
        [request] = request
    assert request == "(nested too deeply) " + "[" * 882 + '{"role": "]\\"\udcff"}' + "]" * 882


def test_a_damaged_field_is_shown_escaped_and_voids_no_other() -> None:
    row = row_of(
        v2_entry(
            actor={"email": "eve\ud800@example.com", "token_name": "\udcff", "ip_address": float("nan")},
            raw={"user_agent": "Mozilla\ud83d", "status_code": float("inf"), "uri": [float("nan")]},
            resource={"type": "secret\ud800", "id": "a\udfff"},
            zone={"name": "\ud800.example"},
        )
    )
    shown = (
        "actor_email",
        "token_name",
        "ip_address",
        "user_agent",
        "status_code",
        "uri",
        "resource_type",
        "zone_name",
    )
    assert [row[name] for name in shown] == [
        "eve\\ud800@example.com",
        "\\udcff",
        None,
        "Mozilla\\ud83d",
        None,
        None,
        "secret\\ud800",
        "\\ud800.example",
    ]
    assert row["is_change"]


def test_no_name_that_somebody_can_choose_changes_an_actors_key() -> None:
    person, token = v2_entry()["actor"], {"token_id": "t1", "token_name": "deploy"}
    for actor in (person, person | token):
        known = row_of(v2_entry(actor=actor))["actor_key"]
        for damage in ("\ud800", float("nan"), looped()):
            names = {"token_name": damage} if "token_id" in actor else {"email": damage}
            assert row_of(v2_entry(actor=actor | names))["actor_key"] == known


def test_two_identities_with_broken_text_are_two_actors() -> None:
    emails = ["\ud800@x", "\udfff@x", "\\ud800@x"]
    keys = {row_of(v2_entry(actor={"id": None, "email": email}))["actor_key"] for email in emails}
    ids = {row_of(v2_entry(id=each))["entry_id"] for each in emails}
    assert (len(keys), len(ids)) == (3, 3)


def test_two_damaged_entries_with_one_id_are_compared_by_what_came() -> None:
    texts = ["(NaN)", float("nan"), float("nan"), float("inf"), "\ud800", "\\ud800"]
    entries = [v2_entry(resource={"request": text}) for text in texts]
    frame, quarantined = normalize_entries(entries, "v2", ACCOUNT)
    assert (frame.height, [json.loads(each["raw"])["resource"]["request"] for each in quarantined]) == (
        1,
        ["nan", "nan", "inf", "\ud800", "\\ud800"],
    )
    again, nothing = normalize_entries([entries[1], entries[2]], "v2", ACCOUNT)
    assert (again.height, nothing) == (1, [])


READ_FROM = {
    ("action", "type"): {"action", "change_kind", "is_change"},
    ("action", "description"): {"action_description", "change_kind", "is_change"},
    ("action", "result"): {"action_result", "is_change"},
    ("actor", "email"): {"actor_email", "actor"},
    ("actor", "type"): {"actor_type"},
    ("actor", "context"): {"interface"},
    ("actor", "ip_address"): {"ip_address"},
    ("raw", "user_agent"): {"user_agent"},
    ("raw", "status_code"): {"status_code"},
    ("raw", "method"): {"method"},
    ("raw", "uri"): {"uri"},
    ("raw", "cf_ray_id"): {"ray_id"},
    ("resource", "type"): {"resource_type"},
    ("resource", "product"): {"resource_product"},
    ("resource", "id"): {"resource_id"},
    ("resource", "request"): set[str](),
    ("zone", "id"): {"zone_id"},
    ("zone", "name"): {"zone_name"},
}
"""What a value that somebody may have chosen is read into; whatever it is, every other column stays."""

damaged_texts = st.text(st.characters(exclude_categories=()), max_size=8).map(lambda text: f"{text}\ud800")
damages = st.recursive(
    damaged_texts | st.sampled_from([float("inf"), float("-inf"), float("nan"), 10**4000]),
    lambda inner: st.lists(inner, min_size=1, max_size=2) | st.dictionaries(damaged_texts, inner, max_size=2),
    max_leaves=4,
)


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(sorted(READ_FROM)), damages)
def test_a_damaged_value_affects_the_columns_that_are_read_from_it_and_no_other(
    path: tuple[str, str], damage: Any
) -> None:
    entry = v2_entry()
    entry[path[0]] = {**entry[path[0]], path[1]: damage}
    row, whole = row_of(entry), row_of(v2_entry())
    changed = {name for name in ENTRY_SCHEMA if row[name] != whole[name]}
    assert changed <= READ_FROM[path] | {"raw"}
    assert row["is_change"] or path[0] == "action"
    assert row["raw"].isascii()
    assert json.loads(row["raw"])["id"] == entry["id"]
    assert row_of(dict(reversed(entry.items()))) == row


@given(values, st.integers(1, 6))
def test_what_is_nested_too_deeply_becomes_its_text(value: Any, levels: int) -> None:
    text = json.dumps(value)
    shallow = parse_json(shallow_text(text, levels))
    assert levels_of(shallow) <= levels
    if levels_of(value) <= levels:
        assert shallow == value


@pytest.mark.parametrize("depth", [DEEPEST_RESCUED, 600, 100_000])
def test_text_of_any_depth_is_made_shallow(depth: int) -> None:
    text = shallow_text('{"a":' * depth + '"\\"]}"' + "}" * depth)
    assert not is_deeper(text, DEEPEST_RESCUED)
    parse_json(text)
