"""The templates of the sandbox's pages escape every value and accept no missing one."""

import re
from pathlib import Path

import pytest
from jinja2 import UndefinedError

import audit_assets.sandbox
from audit_assets.sandbox.sandbox_pages import render_page, style_sheet

FOLDER = Path(audit_assets.sandbox.__file__).parent


def test_a_value_is_escaped() -> None:
    html = render_page("linear/ticket_missing.html.jinja", service="<i>", style="", identifier="<b>'\"&")
    assert "There is no &lt;b&gt;&#39;&#34;&amp; in this sandbox." in html
    assert "<i>" not in html


def test_a_missing_value_is_an_error() -> None:
    with pytest.raises(UndefinedError, match="identifier"):
        render_page("linear/ticket_missing.html.jinja", service="Linear", style="")


def test_only_the_style_and_rendered_markdown_are_exempt_from_escaping() -> None:
    exempt = {
        (template.name, expression)
        for template in FOLDER.rglob("*.jinja")
        for expression in re.findall(r"{{([^}]*\|\s*safe[^}]*)}}", template.read_text(encoding="utf-8"))
    }
    assert {(name, expression.strip()) for name, expression in exempt} == {
        ("sandbox_page.html.jinja", "style | safe"),
        ("ticket_parts.html.jinja", '(markdown(issue.description or "") or "<p>No description.</p>") | safe'),
        ("ticket_parts.html.jinja", "markdown(comment.body) | safe"),
    }


def test_a_style_sheet_loads_nothing() -> None:
    for name in ("axiom/query_page.css", "linear/ticket_pages.css"):
        assert not re.search(r"url\(|@import|<", style_sheet(name))
