"""What is read fast comes to the same as what Python reads one by one."""

import json
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audit_assets.cloudflare.entries import Normalizer
from audit_assets.cloudflare.entry_json import PlainEntry, parse_json, read_plain_entry, text_of
from audit_assets.cloudflare.page_parser import parse_page
from audit_assets_tests.cloudflare.samples import ACCOUNT, HOUR, v1_entry, v2_entry
from audit_assets_tests.cloudflare.test_hostile_entries import json_values, twisted_entries

STREAMS = ["v2", "v1", "organization"]

ODD_NUMBERS = [
    *(
        "0",
        "-0",
        "1E5",
        "1e16",
        "0.1",
        "-0.0",
        "1.0",
        "5e-324",
        "1e-999",
        "1e999",
        "1e22",
        "123456789012345678901234.5",
    ),
    *("18446744073709551615", "18446744073709551616", "-9223372036854775809", "9" * 300, "9" * 400, "9" * 1_001),
]
ODD_PIECES = [
    *(b"NaN", b"-Infinity", b'"\xff"', b'"\xed\xa0\x80"', b'"\x01"', b'"\\ud83d\\ude00"', b'"\\ud800"', b'"\\ude00x"'),
    *(b'{"a":1,"a":[2,{"a":3}]}', b'"\\u0000\\/\\u001f\x7f"', '"é\u2028\U0001f600"'.encode(), b" [ ] ", b"[[]]"),
    *(each.encode() for each in ODD_NUMBERS),
]
ODD_TIMES = [
    *("2026-11-20T10:00:00Z", "2026-11-20T10:00:00.123456789Z", "2026-11-20T10:00:60Z", "2026-11-20 10:00:00Z"),
    *(
        "2026-11-20T10:00:00+01:00",
        "2026-11-20T10:00:00z",
        "2026-02-30T10:00:00Z",
        "1795168800",
        "2008-12-31T23:59:59Z",
    ),
]

pieces = st.one_of(st.sampled_from(ODD_PIECES), json_values.map(lambda value: json.dumps(value).encode()))


@st.composite
def written_entries(draw: st.DrawFn) -> bytes:
    """JSON text of an entry, with some of its values replaced by odd text."""
    entry = draw(st.one_of(twisted_entries(), st.builds(v2_entry, st.integers(0, 3))))
    if draw(st.booleans()) and isinstance(entry.get("action"), dict):
        entry["action"] = {**entry["action"], "time": draw(st.sampled_from(ODD_TIMES))}
    text = json.dumps(entry, separators=draw(st.sampled_from([(",", ":"), (" , ", ": ")]))).encode()
    for target in draw(st.lists(st.sampled_from([b'"PATCH"', b'"user"', b'"dns_record"', b'{"ttl": 1}']), max_size=2)):
        text = text.replace(target, draw(pieces), 1)
    return text


members = st.lists(st.one_of(written_entries(), written_entries(), pieces), max_size=8)


def page_of(texts: list[bytes]) -> bytes:
    return b'{"success":true,"result":[' + b" ,\n".join(texts) + b'],"result_info":{}}'


def value_of(item: Any) -> Any:
    return item.value() if isinstance(item, PlainEntry) else item


def outcome(normalizer: Normalizer, items: list[Any]) -> tuple[pl.DataFrame, list[Any]]:
    frame, quarantined = normalizer.normalize(items)
    return frame, [(each.record(), each.after) for each in quarantined]


@settings(max_examples=60, deadline=None)
@given(st.lists(members, max_size=2), st.sampled_from(STREAMS))
def test_pages_come_to_the_same_whoever_reads_them(pages: list[list[bytes]], stream: str) -> None:
    fast, slow = Normalizer(stream, ACCOUNT), Normalizer(stream, ACCOUNT)
    for texts in pages:
        by_python = [parse_json(text_of(text)) for text in texts]
        read = parse_page(page_of(texts), stream, HOUR).entries
        assert repr([value_of(each) for each in read]) == repr(by_python)
        frame, quarantined = outcome(fast, read)
        expected, expected_quarantined = outcome(slow, by_python)
        assert frame.schema == expected.schema
        assert frame.equals(expected)
        assert quarantined == expected_quarantined


@pytest.mark.parametrize("number", ODD_NUMBERS)
def test_a_number_is_written_as_python_writes_it(number: str) -> None:
    text = f'{{"id":"a","b":[{number},{{"c":{number}}}]}}'
    [read] = parse_page(page_of([text.encode()]), "v2", HOUR).entries
    frame, quarantined = Normalizer("v2", ACCOUNT).normalize([{**v2_entry(), "n": parse_json(number)}])
    fast, also = Normalizer("v2", ACCOUNT).normalize(
        parse_page(page_of([json.dumps(v2_entry()).encode()[:-1] + f',"n":{number}}}'.encode()]), "v2", HOUR).entries
    )
    assert repr(value_of(read)) == repr(parse_json(text))
    assert fast.equals(frame)
    assert quarantined == also == []


def test_usual_entries_are_read_the_fast_way() -> None:
    for entry in (v2_entry(), v1_entry()):
        text = json.dumps(entry).encode()
        [read] = parse_page(page_of([text]), "v2", HOUR).entries
        assert type(read) is PlainEntry
        assert read.text == json.dumps(entry, separators=(",", ":"), sort_keys=True)


def test_what_is_nested_too_deeply_is_not_read_the_fast_way() -> None:
    read_plain_entry(b"[" * 500 + b"]" * 500)
    with pytest.raises(RecursionError):
        read_plain_entry(b"[" * 501 + b"]" * 501)
