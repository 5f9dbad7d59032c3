"""What somebody else has written is text wherever it is shown: on a terminal, in an error, in a page of Dagster's."""

import io
import unicodedata

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from rich.table import Table
from rich.text import Text

from audit_assets.cli.console import SafeConsole
from audit_assets.config.errors import AuditAssetsError, Refused
from audit_assets.defs.steps.dry_runs import in_markdown
from audit_assets.reports.dry_run_hour import DryRunHour
from audit_assets.tickets.markdown import ticket_link
from audit_assets.transport.untrusted_text import visible_lines, web_address

UNSEEN = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
HOSTILE = "a\x1b[2J\x1b]0;owned\x07b\u202ec\u200bd\u2028e\x9b31mf"
SHOWN = "a\\u001b[2J\\u001b]0;owned\\u0007b\\u202ec\\u200bd\\u2028e\\u009b31mf"


def printed(*renderables: object) -> str:
    """What a terminal gets, without the colours that are ours."""
    written = io.StringIO()
    console = SafeConsole(file=written, width=300, force_terminal=True, color_system=None, legacy_windows=False)
    for each in renderables:
        console.print(each, markup=False)
    return written.getvalue()


def test_a_terminal_gets_no_command_that_somebody_else_wrote() -> None:
    table = Table("team", show_header=False)
    table.add_row(HOSTILE)
    shown = printed(HOSTILE, Text(HOSTILE), table)
    assert shown.count("\x1b") == 0
    assert shown.count("owned") == 2  # in a column it is cut: what is in tables is made visible before
    assert "\\u001b]0;owned" in shown


@given(st.text())
def test_no_control_or_format_character_reaches_a_terminal(text: str) -> None:
    assert {unicodedata.category(letter) for letter in visible_lines(text) if letter != "\n"}.isdisjoint(UNSEEN)


@pytest.mark.parametrize("kind", [AuditAssetsError, Refused])
def test_an_error_is_one_visible_line(kind: type[AuditAssetsError]) -> None:
    assert str(kind(f"Linear has no team {HOSTILE}\nERROR forged")) == f"Linear has no team {SHOWN} ERROR forged"


@pytest.mark.parametrize(
    "url",
    [
        *(
            "javascript:alert(1)",
            "http://linear.example/SEC-1",
            "https://",
            "https://u:p@evil.example/",
            "//evil.example",
        ),
        *(
            "https://evil.example/a)[b](https://other.example",
            "https://evil.example/\x1b[2J",
            "https://evil.example/a b",
        ),
        *("https://evil.example/" + "a" * 3_000, "data:text/html,x", "", None),
    ],
)
def test_what_is_no_web_address_is_no_link(url: str | None) -> None:
    assert web_address(url) is None
    assert ticket_link("SEC-1", url) == "SEC-1"


@pytest.mark.parametrize("url", ["https://linear.app/acme/issue/SEC-1/deleted-337", "http://127.0.0.1:8641/x?y=1#z"])
def test_a_ticket_is_a_link_to_its_address(url: str) -> None:
    assert ticket_link("SEC-1", url) == f"[SEC-1]({url})"


@given(st.text(max_size=30), st.text(max_size=30))
def test_a_name_or_an_address_of_a_ticket_is_never_markup(name: str, rest: str) -> None:
    html = MarkdownIt().render(f"{ticket_link(name, 'https://linear.app/' + rest)} · x")
    assert html.count("<a ") <= 1
    assert html.count("<") <= 4
    assert 'href="https://linear.app/' in html or "<a " not in html


def test_a_remark_of_a_dry_run_is_never_markup() -> None:
    remarks = ("Linear: ![x](https://evil.example/a.png) <img src=x>", "has `LINEAR_LABEL` ``<img>` ![x](http://e.co)")
    html = MarkdownIt().render(in_markdown(DryRunHour("2026-11-22-10:00", None, remarks, (), pl.DataFrame())))
    assert "<img" not in html
    assert "evil.example" not in html
