"""Files of audit entries as people export, join and pack them: what can be read is, and the rest is named."""

import gzip
import io
import json
import zipfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit_assets.exports.entries_file import EntriesFileError, FileEntries, read_entries
from audit_assets.exports.json_values import UNREADABLE, json_values
from audit_assets_tests.cloudflare.samples import ids_of, v1_entry, v2_entry

ENTRIES = [v2_entry(number) for number in range(4)]
PAGES = [{"success": True, "errors": [], "messages": [], "result": ENTRIES[at : at + 2]} for at in (0, 2)]
REFUSAL = {"success": False, "errors": [{"code": 10000, "message": "Authentication error"}], "result": None}


def pretty(*values: Any, between: str = "\n") -> str:
    """Values as `jq .` prints them."""
    return between.join(json.dumps(value, indent=2) for value in values)


def compact(*values: Any, between: str = "\n") -> str:
    return between.join(json.dumps(value, separators=(",", ":")) for value in values)


def zipped(**members: str | bytes) -> bytes:
    """A zip file of these, and of what macOS adds."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("folder/", "")
        archive.writestr("__MACOSX/._first.json", b"\0")
        for name, content in members.items():
            archive.writestr(".".join(name.rsplit("_", 1)), content)
    return file.getvalue()


def read(folder: Path, content: str | bytes) -> FileEntries:
    path = folder / "entries"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return read_entries(path)


def ids(entries: FileEntries) -> list[str]:
    return [json.loads(entry.body)["id"] for entry in (*entries.v2, *entries.v1) if isinstance(entry.body, str)]


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(pretty(*ENTRIES), id="jq '.result[]'"),
        pytest.param(pretty(*ENTRIES).replace("\n", "\r\n"), id="the same, on Windows"),
        pytest.param(pretty(*PAGES), id="pretty-printed pages"),
        pytest.param(compact(*PAGES, between=""), id="pages without a newline"),
        pytest.param(compact(*ENTRIES, between=""), id="entries without a newline"),
        pytest.param(pretty(PAGES), id="jq -s of pages"),
        pytest.param(pretty([ENTRIES[:2], ENTRIES[2:]]), id="jq -s of lists"),
        pytest.param(compact(*ENTRIES, between=",\n"), id="lines that end in commas"),
        pytest.param(compact(*ENTRIES, between=",\n") + ",\n", id="all of them"),
        pytest.param("[\n" + compact(*ENTRIES, between=",\n") + ",\n]\n", id="a list with a comma too many"),
        pytest.param(compact(*ENTRIES).replace(',"raw"', ',\n"raw"'), id="lines broken within an entry"),
        pytest.param(compact(PAGES[0], PAGES[0] | {"result": []}, PAGES[1]), id="an empty page among others"),
        pytest.param("\x1e" + compact(*ENTRIES, between="\n\x1e") + "\n", id="RFC 7464"),
        pytest.param("\ufeff" + compact(*ENTRIES, between="\n\ufeff"), id="files joined with their byte order marks"),
        pytest.param(compact(*ENTRIES).encode("utf-16"), id="PowerShell's UTF-16"),
        pytest.param(zipped(first_json=pretty(*PAGES)), id="zip"),
        pytest.param(
            zipped(a_json=pretty(PAGES[0]), b_json=gzip.compress(compact(PAGES[1]).encode())), id="zip of gzip"
        ),
    ],
)
def test_what_people_make_of_the_log_is_read(tmp_path: Path, content: str | bytes) -> None:
    entries = read(tmp_path, content)
    assert ids(entries) == ids_of(ENTRIES)
    assert (entries.unrecognized, entries.unreadable, entries.problems) == (0, 0, [])


@pytest.mark.parametrize(
    ("content", "kept", "problems"),
    [
        pytest.param(
            pretty(ENTRIES)[:-400], [0, 1, 2], [f"line {n}: not JSON; not served" for n in (1, 131)], id="a torn list"
        ),
        pytest.param(pretty(*ENTRIES)[:-400], [0, 1, 2], ["line 130: not JSON; not served"], id="a torn stream"),
        pytest.param(
            pretty(*ENTRIES).replace('"id": "' + "0" * 31 + '1"', '"id": NaN'),
            [0, 2, 3],
            ["line 44: not JSON; not served"],
            id="a value that is none, in the middle",
        ),
        pytest.param(
            compact(PAGES[0], REFUSAL, PAGES[1]),
            [0, 1, 2, 3],
            ["line 2: an error reply of Cloudflare's API; not served"],
            id="a page that was refused",
        ),
        pytest.param(
            zipped(a_json=compact(*ENTRIES), notes_txt="see the ticket"),
            [0, 1, 2, 3],
            ["notes.txt, line 1: not JSON; not served"],
            id="a zip with a note",
        ),
    ],
)
def test_damage_costs_nothing_else_and_is_reported(
    tmp_path: Path, content: str | bytes, kept: list[int], problems: list[str]
) -> None:
    entries = read(tmp_path, content)
    assert ids(entries) == ids_of([ENTRIES[number] for number in kept])
    assert entries.problems == problems
    assert entries.unreadable == len(problems)


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (compact(REFUSAL), "is an error reply of Cloudflare's API: 10000 Authentication error"),
        (pretty({**REFUSAL, "errors": [{"message": "\x1b[2J"}]}), r"is an error reply of Cloudflare's API: \\x1b\[2J"),
        (compact({"success": True, "errors": [], "result": []}), "contains no audit entry: give the audit log as JSON"),
        (
            "Date,User,Resource\n2026-11-20,ann@example.com,dns\n",
            "is a CSV file with the columns Date, User, Resource; the dashboard's are not documented, so none is read",
        ),
        ("Date;User\n2026-11-20;ann@example.com\n", "is a CSV file with the columns Date, User;"),
        ("2026-11-20,ann\n2026-11-21,ben\n", "is a CSV file with the columns 2026-11-20, ann;"),
        ("<!DOCTYPE html><title>Log in</title>", "is a page of HTML or XML"),
        ("\n \n", "is empty"),
        (b"PAR1\x15\x04", "is a Parquet file"),
        (
            compact({"_time": "x", "message": "y"}),
            "no audit entry with a time, but objects with the keys _time, message:",
        ),
        (compact([1, 2]), "contains no audit entry, but other values"),
        (zipped(a_csv="a,b\n1,2\n"), "is a CSV file with the columns a, b"),
        (zipped(**{"[Content_Types]_xml": "<x/>"}), "is an Office document"),
        (zipped(), "is an empty zip file"),
        (zipped(a_json=pretty(*ENTRIES))[:-30], "is a damaged zip file"),
        (zipped(a_gz=b"\x1f\x8b damaged"), "a.gz is a damaged gzip file"),
    ],
)
def test_what_can_not_be_read_is_named(tmp_path: Path, content: str | bytes, sentence: str) -> None:
    with pytest.raises(EntriesFileError, match=sentence) as raised:
        read(tmp_path, content)
    assert str(raised.value).startswith(f"{tmp_path / 'entries'}")
    assert str(raised.value).isprintable()


json_value = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=6,
)


@given(
    values=st.lists(json_value.filter(lambda value: isinstance(value, dict | list)), max_size=5),
    indent=st.sampled_from([None, 0, 2]),
    between=st.sampled_from(["", "\n", ",\n", " ", "\n\x1e", "\r\n"]),
)
def test_values_come_back_however_they_are_joined(values: list[Any], indent: int | None, between: str) -> None:
    text = between.join(json.dumps(value, indent=indent) for value in values)
    assert [value for _, value in json_values(text)] == values


@given(text=st.text(alphabet=st.sampled_from('[]{}",:0aN\\ \n\t\x1e\ufeff')))
def test_any_text_ends_and_raises_nothing(text: str) -> None:
    lines = [line for line, _ in json_values(text)]
    assert lines == sorted(lines)


def test_a_list_that_is_nested_without_end_costs_one_line() -> None:
    text = "[" * 50_000 + "\n" + compact(v1_entry())
    assert [value is UNREADABLE for _, value in json_values(text)][-2:] == [True, False]
