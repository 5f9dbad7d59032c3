"""Tickets' Markdown as people see it, and what of it must never reach a browser."""

import re
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit_assets.sandbox.linear.ticket_markdown import render_markdown

ALLOWED = re.compile(
    "p|h[1-6]|ul|ol|li|blockquote|hr|br|pre|code|div|span|a|em|strong|s|table|thead|tbody|tr|th|td|details|summary"
)
ATTRIBUTES = {"href", "rel", "title", "class", "start"}


class Tags(HTMLParser):
    """Collects what a browser would make of it."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.opened: list[tuple[str, dict[str, str | None]]] = []
        self.closed: list[str] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.opened.append((tag, dict(attrs)))

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        self.handle_endtag(tag)

    def handle_endtag(self, tag: str) -> None:
        self.closed.append(tag)


def test_what_linear_supports_is_shown() -> None:
    text = "## Why\n\n**bold** *it* ~~gone~~ `code`\n\n- one\n\n1. first\n\n> said\n\n---\n\n```text\nx < y\n```"
    html = render_markdown(text)
    for part in ("<h2>Why</h2>", "<strong>bold</strong>", "<em>it</em>", "<s>gone</s>", "<code>code</code>"):
        assert part in html
    for part in ("<li>one</li>", "<li>first</li>", "<blockquote>", "<hr", '<code class="language-text">x &lt; y\n'):
        assert part in html


def test_a_table_is_a_table_that_scrolls_and_aligns_without_styles() -> None:
    html = render_markdown("| what | usual |\n|---|--:|\n| DNS | 4.2 |")
    assert html.startswith('<div class="scroll"><table>')
    assert '<td>DNS</td>\n<td class="right">4.2</td>' in html
    assert "style" not in html


@pytest.mark.parametrize("text", ["https://axiom.example/q?a=1&b=2", "[Open](https://axiom.example/q?a=1&b=2)"])
def test_links_work_and_send_no_referrer(text: str) -> None:
    assert 'href="https://axiom.example/q?a=1&amp;b=2" rel="noopener noreferrer nofollow"' in render_markdown(text)


def test_a_collapsed_section_has_its_title_as_summary() -> None:
    html = render_markdown("before\n+++ The *entries* (2)\n- a\n- b\n\ntext\n+++\nafter")
    assert html == (
        "<p>before</p>\n<details>\n<summary>The <em>entries</em> (2)</summary>\n"
        "<ul>\n<li>a</li>\n<li>b</li>\n</ul>\n<p>text</p>\n</details>\n<p>after</p>\n"
    )


@pytest.mark.parametrize(
    ("text", "inside"),
    [
        ("+++ A\n```\n+++\n```\nin\n+++\nout", ["+++", "in"]),
        ("+++ A\n````\n```\n+++\n````\nin\n+++\nout", ["+++", "in"]),
        ("+++ A\n+++ B\ndeep\n+++\nin\n+++\nout", ["deep", "in"]),
        ("> +++ A\n> in\n> +++\n\nout", ["in"]),
    ],
)
def test_a_collapsed_section_ends_at_its_own_mark(text: str, inside: list[str]) -> None:
    html = render_markdown(text)
    first, last = html.index("<details>"), html.rindex("</details>")
    assert all(part in html[first:last] for part in inside)
    assert "out" in html[last:]


def test_an_open_collapsed_section_extends_to_the_end() -> None:
    assert render_markdown("+++ A\nin").endswith("<p>in</p>\n</details>\n")
    assert render_markdown("+++ A").endswith("<summary>A</summary>\n</details>\n")


@pytest.mark.parametrize("text", ["+++", "++ A", "+++A", "    +++ A\n    x\n    +++", "`+++ A`"])
def test_text_that_resembles_a_collapsed_section_stays_text(text: str) -> None:
    assert "<details>" not in render_markdown(text)


@pytest.mark.parametrize(
    "text",
    [
        "<script>alert(1)</script>",
        "<img src=x onerror=alert(1)>",
        "![beacon](https://evil.example/p.png)",
        "![beacon][1]\n\n[1]: https://evil.example/p.png",
        "![data](data:image/png;base64,AAAA)",
        "[x](javascript:alert(1))",
        "[x](JaVaScRiPt:alert(1))",
        "[x](vbscript:x) [y](data:text/html,x) [z](file:///etc/passwd)",
        "+++ <img src=x>\n+++",
        "```<script>\n```",
        "| <b> |\n|---|\n| <script> |",
        "<details open><summary>x</summary></details>",
        '[x](https://e.example/"onmouseover="alert(1))',
        "<!-- --><style>*{display:none}</style>",
    ],
)
def test_nothing_runs_and_nothing_is_fetched(text: str) -> None:
    assert_harmless(render_markdown(text))


PIECES = r"""
+++ A
+++
> +++ Q
```
~~~
- x
1. y
>
    code
# h
| a | b |
|---|--:|
| ` | <b> |
<script>
![i](https://e.example/i)
[l](javascript:x)
https://e.example
`
**
\
&lt;
"""


@given(st.lists(st.sampled_from(PIECES.splitlines()) | st.text(max_size=12), max_size=14))
def test_any_text_stays_harmless(lines: list[str]) -> None:
    assert_harmless(render_markdown("\n".join(lines)))


def assert_harmless(html: str) -> None:
    tags = Tags(html)
    for tag, attributes in tags.opened:
        assert ALLOWED.fullmatch(tag)
        assert set(attributes) <= ATTRIBUTES
        assert re.match(r"(?!javascript:|vbscript:|file:|data:)", attributes.get("href") or "", re.IGNORECASE)
    assert sorted(tag for tag, _ in tags.opened) == sorted(tags.closed)


def test_deep_nesting_is_bounded() -> None:
    assert_harmless(render_markdown("\n".join(f"+++ {level}" for level in range(500))))
    assert_harmless(render_markdown(">" * 2_000 + " x"))
