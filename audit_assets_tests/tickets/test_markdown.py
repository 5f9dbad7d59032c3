"""Whatever a value holds, it stays a value: nothing of it becomes a part of the ticket's structure."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markdown_it.token import Token

from audit_assets.tickets.markdown import address, code, collapsible, fence, link, table, words
from audit_assets.transport.untrusted_text import one_line, visible

PARSER = MarkdownIt("gfm-like", {"html": True, "linkify": True})

PAYLOADS = [
    "https://linear.app/acme/profiles/alice",
    "linear.app/acme/issue/SEC-1",
    "LINEAR。APP/acme",
    "alice@example.com",
    "www.example.com",
    "mailto:alice@example.com",
    "ftp://example.com",
    "![x](https://evil.example/beacon.png)",
    "![x](data:image/png;base64,AAAA)",
    "[click](https://evil.example)",
    "[x]: https://evil.example",
    "<https://evil.example>",
    "<script>alert(1)</script>",
    "<!-- hidden -->",
    "<details>",
    "# heading",
    "+++ section",
    "- item",
    "1. item",
    "> quote",
    "---",
    "```",
    "````\n",
    "`` ` ``",
    "~~~",
    "| a | b |",
    "\\| \\` \\",
    "a | b\n--- | ---",
    "**bold** _em_ ~~gone~~",
    "&lt;b&gt; &#96;",
    "@alice",
    "line\r\nbreak\u2028and\u2029more\x0b\x0c\x85",
    "\u202ereversed\u202c\u200b\u2066",
    "\ud800 lone \udfff",
    "\x00\x1b[31m",
    "\U000e0041\U000e0042",
    "    four spaces",
    "\ttab",
    "🧨" * 10,
    "e\u0301" + "\u0301" * 50,
    "",
    " ",
    "\u3164\u2800",
    "x" * 10_000,
    "]" * 300,
]

hostile = st.one_of(
    st.sampled_from(PAYLOADS),
    st.text(st.characters(), max_size=80),
    st.lists(st.sampled_from([*PAYLOADS, *"`|*_[]()<>!#+-=~\\:@./ \n\t", "linear", ".app", "http", "://"])).map(
        "".join
    ),
)


def kinds(markdown: str) -> list[str]:
    """The kinds of all tokens, inline ones too."""
    return [token.type for token in all_tokens(markdown)]


def all_tokens(markdown: str) -> list[Token]:
    tokens = PARSER.parse(markdown)
    return [inner for token in tokens for inner in [token, *(token.children or [])]]


@settings(max_examples=400, deadline=None)
@given(hostile)
def test_a_value_in_a_sentence_is_one_code_span(value: str) -> None:
    assert kinds(f"before {code(value)} after") == [
        "paragraph_open",
        "inline",
        "text",
        "code_inline",
        "text",
        "paragraph_close",
    ]


@settings(max_examples=400, deadline=None)
@given(hostile, hostile)
def test_a_value_in_a_table_stays_in_its_cell(first: str, second: str) -> None:
    found = all_tokens(table(("one", "two"), [(code(first), code(second))]))
    assert [token.type for token in found].count("td_open") == 2
    assert [token.type for token in found].count("code_inline") == 2
    assert {token.type for token in found if token.type.endswith("_open")} == {
        "table_open",
        "thead_open",
        "tbody_open",
        "tr_open",
        "th_open",
        "td_open",
    }


@settings(max_examples=400, deadline=None)
@given(st.lists(hostile, min_size=1, max_size=4))
def test_values_in_a_fence_do_not_end_it(values: list[str]) -> None:
    found = all_tokens(fence(f"10:00:00  {one_line(value)}" for value in values))
    assert [token.type for token in found] == ["fence"]
    assert len(found[0].content.splitlines()) == len(values)


@settings(max_examples=600, deadline=None)
@given(hostile)
def test_a_value_in_a_title_is_plain_text(value: str) -> None:
    for title in (words(value), f"{words(value) or 'x'}: 214 changes in an hour (10:00 UTC, 22 Nov)"):
        assert set(kinds(title)) <= {"paragraph_open", "inline", "text", "paragraph_close"}, title
        assert "\n" not in title
        assert title.isprintable()


@settings(max_examples=400, deadline=None)
@given(hostile, st.integers(1, 200))
def test_a_line_is_printable_ready_to_send_and_short(value: str, limit: int) -> None:
    line = one_line(value, limit)
    assert line
    assert line.isprintable()
    assert line.encode("utf-8")
    assert len(line) <= limit + 30
    assert "linear.app" not in line.lower()
    assert "://" not in line


@settings(max_examples=300, deadline=None)
@given(hostile)
def test_an_address_of_ours_is_the_only_link_and_goes_where_it_shows(value: str) -> None:
    opens = [
        token for token in all_tokens(link("Open", f"https://app.axiom.co/q?a={value}")) if token.type == "link_open"
    ]
    assert len(opens) == 1
    assert str(opens[0].attrs["href"]).startswith("https://app.axiom.co/q?a=")
    assert "text" not in {token.type for token in PARSER.parse(link("Open", f"https://app.axiom.co/q?a={value}"))}


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("alice@example.com", "alice@example[.]com"),
        ("first.last@a.example.co.uk", "first.last@a.example.co[.]uk"),
        ("https://evil.example/x", "hxxps[:]//evil[.]example/x"),
        ("HTTP://linear.app/acme", "hxxp[:]//linear[.]app/acme"),
        ("linear.app@evil.example", "linear[.]app@evil[.]example"),
        ("203.0.113.7", "203.0.113.7"),
        ("v1.2.3", "v1.2.3"),
        ("dns_records", "dns_records"),
        ("a\nb\tc\u2003d", "a b c d"),
        ("a\u202eb\x00c\ud800d\U000e0041", "a\\u202eb\\u0000c\\ud800d\\U000e0041"),
        ("cafe\u0301", "café"),
        (None, "(none)"),
        ("\n", "(none)"),
        ("x" * 12, "xxxxxxxxxx… (12 characters)"),
    ],
)
def test_a_value_is_defanged_and_still_readable(value: str | None, shown: str) -> None:
    assert one_line(value, 10 if value and value.startswith("xx") else 300) == shown


@pytest.mark.parametrize(
    ("value", "title"),
    [
        ("alice@example.com", "alice@example·com"),
        ('token "deploy bot" of alice@example.com', 'token "deploy bot" of alice@example·com'),
        ("_x_ and api_tokens", "x· and api_tokens"),
        ("@alice", "alice"),
        ("+++ [x](https://evil.example)", "x·https·evil·example"),
        ("Ærøskøbing 李 हिन्दी", "Ærøskøbing 李 हिन्दी"),
        (None, ""),
    ],
)
def test_a_title_keeps_what_people_read_by(value: str | None, title: str) -> None:
    assert words(value) == title


def test_marks_that_paint_over_other_lines_are_written_out() -> None:
    assert visible("z" + "\u0337" * 4) == "z\u0337\u0337\\u0337\\u0337"


def test_a_long_value_is_cut_before_any_work_is_done_on_it() -> None:
    assert one_line("é" * 5_000_000).endswith("… (5,000,000 characters)")


def test_a_section_holds_its_fence() -> None:
    section = collapsible("20 of 214", fence(["+++", "a"]))
    assert re.fullmatch(r"\+\+\+ 20 of 214\n\n```text\n·\+\+\+\na\n```\n\n\+\+\+", section)


def test_an_address_keeps_what_it_had_encoded() -> None:
    assert (
        address('https://a.example/?q=%7B"(x)" <é>`|') == "https://a.example/?q=%7B%22%28x%29%22%20%3C%C3%A9%3E%60%7C"
    )
