"""Parsing a reply's bytes to a page, or refusing them."""

import json
from typing import Any

import pytest

from audit_assets.cloudflare.entries import Unreadable
from audit_assets.cloudflare.entry_json import DEEPEST, PlainEntry
from audit_assets.cloudflare.page_parser import parse_page
from audit_assets.config.errors import Incomplete
from audit_assets.transport.http import TryAgain
from audit_assets_tests.cloudflare.samples import HOUR, v2_entry
from audit_assets_tests.support import more_stack


def body(**parts: Any) -> bytes:
    """A reply of v2 with two entries and no further page; `parts` replace its own."""
    entries = [v2_entry(1), v2_entry(2)]
    return json.dumps({"success": True, "errors": [], "result": entries, "result_info": {"count": 2}} | parts).encode()


def values_of(entries: list[Any]) -> list[Any]:
    """What the entries of a page are, however they were read."""
    return [each.value() if isinstance(each, PlainEntry) else each for each in entries]


def test_a_page_is_its_entries_and_its_cursor() -> None:
    page = parse_page(body(result_info={"count": 2, "cursor": "next"}), "v2", HOUR)
    assert (values_of(page.entries), page.cursor) == ([v2_entry(1), v2_entry(2)], "next")


@pytest.mark.parametrize(
    ("info", "cursor"),
    [
        ({"cursor": None}, None),
        ({"cursor": ""}, None),
        ({}, None),
        ({"cursors": None}, None),
        ({"cursors": {"after": "b"}}, "b"),
        ({"cursor": "a", "cursors": {"after": "b"}}, "a"),
        ({"cursor": "", "cursors": {"after": "b"}}, "b"),
        ({"cursors": {"after": ""}}, None),
    ],
)
def test_both_places_of_a_cursor_are_read(info: dict[str, Any], cursor: str | None) -> None:
    assert parse_page(body(result_info={"count": 2, **info}), "v2", HOUR).cursor == cursor


@pytest.mark.parametrize("info", [{"count": 2}, {"count": "2"}, {"count": None}, {}])
def test_a_count_may_be_a_number_a_text_or_missing(info: dict[str, Any]) -> None:
    assert len(parse_page(body(result_info=info), "v2", HOUR).entries) == 2


@pytest.mark.parametrize(
    ("parts", "reason"),
    [
        ({"success": False, "errors": [{"code": 1, "message": "no"}]}, "'success' is not true: 1 no"),
        ({"success": "true"}, "'success' is not true: no reason given"),
        ({"success": 1}, "'success' is not true"),
        ({"errors": [{"message": "half of it"}]}, "errors beside its entries: half of it"),
        ({"result": None}, "'result' is not a list"),
        ({"result": {}}, "'result' is not a list"),
        ({"result_info": []}, "'result_info' is not an object"),
        ({"result_info": None}, "'result_info' is missing"),
        ({"result_info": {"count": 3}}, "counts 3 entries and holds 2"),
        ({"result_info": {"count": "x"}}, "counts x entries and holds 2"),
        ({"result_info": {"count": True}}, "counts True entries"),
        ({"result_info": {"count": 2, "cursor": 7}}, "its cursor can't be sent back"),
        ({"result_info": {"count": 2, "cursor": "x" * 100_000}}, "its cursor can't be sent back"),
        ({"result_info": {"count": 2, "cursor": "\ud800"}}, "its cursor can't be sent back"),
    ],
)
def test_an_envelope_that_contradicts_itself_is_no_page(parts: dict[str, Any], reason: str) -> None:
    with pytest.raises(Incomplete, match=reason):
        parse_page(body(**parts), "v2", HOUR)


def test_an_empty_list_needs_no_result_info_and_v1_has_none_at_all() -> None:
    assert parse_page(b'{"errors":[],"messages":[],"result":[],"success":true}', "v2", HOUR).entries == []
    assert len(parse_page(body(result_info=None), "v1", HOUR).entries) == 2


@pytest.mark.parametrize("errors", [None, []])
def test_missing_errors_are_none(errors: Any) -> None:
    assert len(parse_page(body(errors=errors), "v2", HOUR).entries) == 2


@pytest.mark.parametrize("bytes_", [b"", b"<html>", body()[:-9], b"[]", b"null", b"[" * 100_000, b"{" * 9, b"\xff\xfe"])
def test_anything_but_a_json_object_is_worth_another_try(bytes_: bytes) -> None:
    with pytest.raises(TryAgain):
        parse_page(bytes_, "v2", HOUR)


def test_a_broken_byte_stays_with_its_entry() -> None:
    broken = body().replace(b"Harbourline", b"Harbour\xffline", 1)
    entries = parse_page(broken, "v2", HOUR).entries
    assert entries[0]["account"]["name"] == "Harbour\udcffline"
    assert values_of(entries)[1] == v2_entry(2)


def test_control_characters_and_endless_integers_do_not_stop_a_page() -> None:
    odd = body().replace(b"Harbourline", b"Harbour\x00line", 1).replace(b'"ttl": 1', b'"ttl": ' + b"9" * 5000, 1)
    entries = parse_page(odd, "v2", HOUR).entries
    assert entries[0]["account"]["name"] == "Harbour\0line"
    assert entries[0]["resource"]["request"]["ttl"] == "9" * 5000
    assert values_of(entries)[1] == v2_entry(2)


@pytest.mark.parametrize("number", [1, 2])
def test_an_endlessly_nested_entry_affects_no_other(number: int) -> None:
    depth = 100_000
    deep = b"[" * depth + b'"],]{\\""' + b"]" * depth
    parts = [json.dumps(v2_entry(each)).encode() for each in (1, 2)]
    parts[number - 1] = parts[number - 1].replace(b'"ttl": 1', b'"ttl": ' + deep)
    head = b'{"messages":[{"result":[1,2]}],"success":true,"result": ['
    entries = parse_page(head + b" , ".join(parts) + b'],"result_info":{"count":2}}', "v2", HOUR).entries
    unreadable = entries.pop(number - 1)
    assert isinstance(unreadable, Unreadable)
    assert unreadable.reason == "it is nested too deeply"
    assert unreadable.text.encode() == parts[number - 1]
    assert values_of(entries) == [v2_entry(3 - number)]


@pytest.mark.parametrize("levels", [DEEPEST - 2, DEEPEST - 1, 900, 990, 1_500])
@pytest.mark.parametrize(("opening", "closing"), [("[", "]"), ('{"]}":', "}")])
@pytest.mark.parametrize("beside", [1, 100_000])
@pytest.mark.parametrize("number", ["1", "1" * 5_000, "1e400"], ids=["usual", "endless", "infinite"])
def test_how_deep_an_entry_may_be_does_not_hang_on_the_stack(
    levels: int, opening: str, closing: str, beside: int, number: str
) -> None:
    deep = f'{{"id":{number},"resource":{{"request":' + opening * levels + "0" + closing * levels + "}}"
    neighbour = '{"id":2,"new":' + "[" * beside + "]" * beside + "}"
    page = f'{{"success":true,"result":[{deep} , {neighbour}\n],"result_info":{{}}}}'.encode()
    entries = parse_page(page, "v2", HOUR).entries
    with more_stack():
        assert values_of(parse_page(page, "v2", HOUR).entries) == values_of(entries)
    assert (entries[0] == Unreadable(deep, "it is nested too deeply")) == (levels + 2 > DEEPEST)
    assert (entries[1] == Unreadable(neighbour, "it is nested too deeply")) == (beside + 1 > DEEPEST)
