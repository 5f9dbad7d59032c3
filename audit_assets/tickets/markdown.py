"""Text that an attacker may have written, made safe to stand in a ticket.

A value is cut, its invisible characters are shown as \\uXXXX, its addresses are defanged, and it stands in a code
span, a fence, or as plain words. Linear's own parser is closed, so nothing here relies on escapes that only some
parsers know: what could end a span, a cell or a fence is replaced (docs/facts/linear.md, 3; docs/facts/reliability.md, 4).
"""

import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from urllib.parse import quote

VALUE_LENGTH = 300
"""Characters of a value that are shown; the rest is counted."""

NOTHING = "(none)"
"""Shown for a value that is missing or empty: an empty code span is no code span."""

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

_FOLD = re.compile(r"^(?=\+\+\+)")
_COLLAPSIBLE = re.compile(r"^\+\+\+ ([^\n]+)\n\n(.*?)\n\n\+\+\+$", re.MULTILINE | re.DOTALL)
_LONE_UNDERSCORE = re.compile(r"(?<![^\W_])_|_(?![^\W_])")
_LONE_AT = re.compile(r"(?<![^\W_])@|@(?![^\W_])")
_URL_SAFE = "-._~:/?#@!$&*+,;=%"


def visible(text: str) -> str:
    """The text in NFC, on one line, with all that can't be seen written out as \\uXXXX."""
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


def one_line(text: str | None, limit: int = VALUE_LENGTH) -> str:
    """A value as one visible, defanged line of at most about `limit` characters.

    What is longer is cut, with its whole length said. The result still holds Markdown's characters: it belongs into
    a terminal, `code` or `fence`.
    """
    if text is None:
        return NOTHING
    shown = defanged(visible(text[:limit]))
    if len(text) > limit or len(shown) > limit:
        shown = f"{shown[:limit]}… ({len(text):,} characters)"
    return shown or NOTHING


def code(text: str | None, limit: int = VALUE_LENGTH) -> str:
    """A value as a code span that can neither end itself nor the table cell that it stands in."""
    return f"`{_without_ends(one_line(text, limit)).replace('|', '¦')}`"


def fence(lines: Iterable[str]) -> str:
    """Lines (each already `one_line`) as a fenced block of plain text.

    None begins like a fold: whether Linear would end one inside a fence is not known (docs/facts/linear.md, 3).
    """
    inside = "\n".join(_FOLD.sub("·", _without_ends(line)) for line in lines)
    return f"```text\n{inside}\n```"


def words(text: str | None, limit: int = VALUE_LENGTH) -> str:
    """A value as plain words for a title, where neither spans nor fences exist.

    Letters, digits, spaces, `+`, `-`, `"`, and `_` and `@` inside a word stay; all else becomes a middle dot:
    `alice@example·com`.
    """
    shown = visible((text or "")[:limit])
    kept = "".join(letter if letter in ' +-_@"' or _in_a_word(letter) else "·" for letter in shown)
    kept = _LONE_AT.sub("·", _LONE_UNDERSCORE.sub("·", kept))
    kept = re.sub("·{2,}", "·", kept).strip("+-· ")
    return f"{kept[:limit].rstrip()}…" if len(text or "") > limit or len(kept) > limit else kept


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table; the cells are our own words or `code`."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def collapsible(title: str, inside: str) -> str:
    """A section that is shown closed (docs/facts/linear.md, 3)."""
    return f"+++ {title}\n\n{inside}\n\n+++"


def folds(text: str) -> Iterator[tuple[str | None, str]]:
    """The parts of a text in their order: title and inside of each `collapsible`, and what is between, without a title.

    A value can't look like one: it never stands at the beginning of a line. What is between may be empty.
    """
    between, *parts = _COLLAPSIBLE.split(text)
    yield None, between.strip()
    for title, inside, after in zip(parts[::3], parts[1::3], parts[2::3], strict=True):
        yield title, inside
        yield None, after.strip()


def link(label: str, url: str) -> str:
    """A live link, for addresses that we made ourselves; `label` is our own words."""
    return f"[{label}]({address(url)})"


def picture(shows: str, url: str) -> str:
    """A picture, at an address that Linear made for it; `shows` is our own words. Linear fetches whatever address
    stands so (docs/facts/linear.md, 3): this is the one place that writes one."""
    return f"![{shows}]({address(url)})"


def address(url: str) -> str:
    """An address with everything percent-encoded that could end a link."""
    return quote(url, safe=_URL_SAFE, errors="replace")


def _escaped(character: str) -> str:
    point = ord(character)
    return f"\\u{point:04x}" if point <= 0xFFFF else f"\\U{point:08x}"


def _without_ends(line: str) -> str:
    """Backticks become another accent: no run of them is left that could end a span or a fence."""
    return line.replace("`", "\u02cb")


def _in_a_word(character: str) -> bool:
    return unicodedata.category(character)[0] in "LNM"
