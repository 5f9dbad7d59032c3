"""Text that somebody else has written, shown on one line: what is invisible is written out, addresses are defanged.

Every string of an audit entry, and whatever a service answers, may be an attacker's (docs/facts/linear.md, 3;
docs/facts/reliability.md, 4). The result still holds Markdown's characters: `tickets/markdown.py` quotes those.
"""

import re
import unicodedata

VALUE_LENGTH = 300
"""Characters of a value that are shown; the rest is counted."""

LONGEST_ADDRESS = 2_000
"""Characters. A judgement."""

_WEB_ADDRESS = re.compile(
    r"(?:https://[A-Za-z0-9.-]+|http://(?:127\.0\.0\.1|localhost|\[::1\]))(?::[0-9]{1,5})?(?:[/?#][\w./:?&=%+,;~#-]*)?",
    re.ASCII,
)

NOTHING = "(none)"
"""Shown for a value that is missing or empty: an empty code span is not one."""

_UNSEEN_CATEGORIES = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
"""Controls, format characters (bidi, zero-width, tags), surrogates, private and unassigned ones, line separators."""

_UNSEEN_LETTERS = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef]"
)
"""Characters that other categories hold although nothing is seen of them: fillers, blanks, variation selectors."""

_MARKS_IN_A_ROW = 2
"""Combining marks on one letter; more of them paint over the neighbouring lines."""

_DOT = r"[.\u3002\uff0e\uff61]"
"""The full stop, and those that browsers take for one in a host name."""

_LINEAR_HOST = re.compile(rf"linear{_DOT}app", re.IGNORECASE)
_HTTP = re.compile(r"http(?=s?://)", re.IGNORECASE)
_DOMAIN_DOT = re.compile(rf"(?<=[^\W_]){_DOT}(?=[^\W\d_][\w-]*(?!\.?[\w@-]))")
"""The last dot of what looks like a host name, also behind an @."""


def visible_lines(text: str) -> str:
    """The text as it is laid out, with all invisible characters but spaces and ends of lines written out: what a
    terminal would take for a command moves no cursor, colours nothing and hides nothing."""
    return "".join(
        _escaped(letter) if letter != "\n" and unicodedata.category(letter) in _UNSEEN_CATEGORIES else letter
        for letter in text
    )


def visible(text: str) -> str:
    """The text in NFC, on one line, with all invisible characters written out as \\uXXXX."""
    shown: list[str] = []
    marks = 0
    for character in unicodedata.normalize("NFC", text):
        category = unicodedata.category(character)
        marks = marks + 1 if category in ("Mn", "Me") else 0
        if character in "\t\n\r" or category == "Zs":
            shown.append(" ")
        elif category in _UNSEEN_CATEGORIES or marks > _MARKS_IN_A_ROW or _UNSEEN_LETTERS.match(character):
            shown.append(_escaped(character))
        else:
            shown.append(character)
    return " ".join("".join(shown).split())


def defanged(text: str) -> str:
    """The text without anything that a reader's program could take for an address, yet readable for people:
    `hxxps[:]//example[.]com`, `alice@example[.]com`."""
    text = _LINEAR_HOST.sub(lambda host: f"{host[0][:6]}[.]{host[0][7:]}", text)
    text = _HTTP.sub("hxxp", text).replace("://", "[:]//")
    return _DOMAIN_DOT.sub("[.]", text)


def web_address(url: str | None) -> str | None:
    """The address if it is a web page's, over TLS or on this machine, in characters that can end no link and no line;
    else None."""
    found = _WEB_ADDRESS.fullmatch(url or "")
    return url if found and len(found[0]) <= LONGEST_ADDRESS else None


def one_line(text: str | None, limit: int = VALUE_LENGTH) -> str:
    """A value as one visible, defanged line of at most about `limit` characters.

    What is longer is cut, and its whole length is appended. The result still holds Markdown's characters: use it in
    a terminal, `code` or `fence`.
    """
    if text is None:
        return NOTHING
    shown = defanged(visible(text[:limit]))
    if len(text) > limit or len(shown) > limit:
        shown = f"{shown[:limit]}… ({len(text):,} characters)"
    return shown or NOTHING


def _escaped(character: str) -> str:
    point = ord(character)
    return f"\\u{point:04x}" if point <= 0xFFFF else f"\\U{point:08x}"
