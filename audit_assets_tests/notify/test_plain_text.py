"""What is sent to a chat is text: no link, mention, emoji or markup of an attacker's becomes more than that."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit_assets.notify.messages import build_message
from audit_assets.notify.plain_text import plain_text
from audit_assets.tickets.markdown import code

LIVE = re.compile(
    r"https?://|www\.\w|\w\.[a-z]{2,}|[<>&@#*~`|\\{}$^]|(?<!\w):\w+:|\]\(|\[(?![.:]\])|(?<![^\W_])_|_(?![^\W_])"
)
"""What some receiver acts upon."""


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("alice@example.com", "alice(at)example[.]com"),
        ("www.example.co.uk", "www[.]example[.]co[.]uk"),
        ("@channel", "(at)channel"),
        ("<!channel> <@U123> <#C1>", "channel· ·(at)U123· ··C1·"),
        ("<https://e.com|click>", "hxxps[:]//e[.]com·click·"),
        ("[click](https://e.com)", "click·(hxxps[:]//e[.]com)"),
        ("*bold* _slanted_ ~gone~", "bold· ·slanted· ·gone·"),
        (":white_check_mark: resolved", "white_check_mark: resolved"),
        ("dns_records at 09:00 from 203.0.113.9", "dns_records at 09:00 from 203.0.113[.]9"),
        ("2001:db8::1, 6.3 times", "2001:db8::1, 6.3 times"),
        ("one\ntwo\u202e\u200b", "one two·u202e·u200b"),
        ("# heading", "heading"),
        ("/remind me", "remind me"),
    ],
)
def test_a_value_is_shown_as_text(value: str, shown: str) -> None:
    assert plain_text(value, 200) == shown


@given(st.text())
def test_nothing_in_a_value_is_live(value: str) -> None:
    assert not LIVE.search(plain_text(f"In the hour, {code(value)} deleted {code(value)}.", 500))


def test_a_long_text_is_cut() -> None:
    assert plain_text("word " * 50, 20) == "word word word word…"


@pytest.mark.parametrize(
    "url",
    ["javascript:alert(1)", "https://linear.app/a b", "https://linear.app/<!channel>", "http://example.com/x", None],
)
def test_only_a_web_address_of_plain_characters_becomes_the_link(url: str | None) -> None:
    message = build_message("a", "low", "Title", ["One.", "Two."], identifier="SEC-1", url=url)
    assert message.text == "One. Two.\n\nSEC-1"


def test_the_ticket_is_the_last_line() -> None:
    url = "https://linear.app/acme/issue/SEC-1/alice-example-com"
    message = build_message("a", "low", "Title", ["One."], identifier="SEC-1", url=url)
    assert message.text == f"One.\n\nSEC-1 {url}"
