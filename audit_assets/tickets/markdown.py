"""Text that an attacker may have written, quoted so that it can't become a part of a ticket's Markdown.

A value is cut, made visible and defanged (`untrusted_text.py`), and put into a code span, a fence, or plain words.
Linear's own parser is closed, so nothing here relies on escapes that only some parsers know: what could end a span, a
cell or a fence is replaced (docs/facts/linear.md, 3; docs/facts/reliability.md, 4). What is safe has a type of its own,
`SafeMarkdown`, and templates insert nothing else.
"""

import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from urllib.parse import quote

from audit_assets.transport.untrusted_text import VALUE_LENGTH, defanged, one_line, visible, web_address


class SafeMarkdown(str):
    """Markdown whose untrusted values are all quoted by the functions of this module."""

    __slots__ = ()


_FOLD = re.compile(r"^(?=\+\+\+)")
_COLLAPSIBLE = re.compile(r"^\+\+\+ ([^\n]+)\n\n(.*?)\n\n\+\+\+$", re.MULTILINE | re.DOTALL)
_LONE_UNDERSCORE = re.compile(r"(?<![^\W_])_|_(?![^\W_])")
_NOT_PROSE = re.compile(r"[^\w .,;:()'\"/!?%&+\[\]=-]|\](?=[(\[:])")
"""What a sentence does without: marks of Markdown, and brackets that end as those of a link do."""

_SLASHES = re.compile("//+")
"""Programs that look for addresses find one without its scheme, too."""

_INNER_DOT = re.compile(r"(?<=[^\W_])\.(?=[^\W\d_])")
"""Every dot of a name: `a.al[.]a` would still be taken for one."""

_NUMBERED = re.compile(r"^(\d+)[.)]")
"""How an item of a numbered list begins."""

_LONE_AT = re.compile(r"(?<![^\W_])@|@(?![^\W_])")

IDENTIFIER_LENGTH = 40
"""Characters of a ticket's name."""

_URL_SAFE = "-._~:/?#@!$&*+,;=%"


def code(text: str | None, limit: int = VALUE_LENGTH) -> SafeMarkdown:
    """A value as a code span that can end neither itself nor the table cell around it."""
    return SafeMarkdown(f"`{_without_ends(one_line(text, limit)).replace('|', '¦')}`")


def fence(lines: Iterable[str]) -> SafeMarkdown:
    """Lines (each already `one_line`) as a fenced block of plain text.

    None begins like a fold: whether Linear would end one inside a fence is not known (docs/facts/linear.md, 3).
    """
    inside = "\n".join(_FOLD.sub("·", _without_ends(line)) for line in lines)
    return SafeMarkdown(f"```text\n{inside}\n```")


def words(text: str | None, limit: int = VALUE_LENGTH) -> SafeMarkdown:
    """A value as plain words for a title, where neither spans nor fences exist.

    Letters, digits, spaces, `+`, `-`, `"`, and `_` and `@` inside a word stay; all else becomes a middle dot:
    `alice@example·com`.
    """
    shown = visible((text or "")[:limit])
    kept = "".join(letter if letter in ' +-_@"' or _in_a_word(letter) else "·" for letter in shown)
    kept = _LONE_AT.sub("·", _LONE_UNDERSCORE.sub("·", kept))
    kept = re.sub("·{2,}", "·", kept).strip("+-· ")
    is_cut = len(text or "") > limit or len(kept) > limit
    return SafeMarkdown(f"{kept[:limit].rstrip()}…" if is_cut else kept)


def prose(text: str, limit: int = VALUE_LENGTH) -> SafeMarkdown:
    """A sentence of a team's own, such as a watch rule's: its letters and punctuation, and nothing that Markdown, or a
    reader's program that looks for addresses, could take for more."""
    kept = _NUMBERED.sub(r"\1·", _harmless(visible(text[:limit])).lstrip("+-= "))
    is_cut = len(text) > limit or len(kept) > limit
    return SafeMarkdown(f"{kept[:limit].rstrip()}…" if is_cut else kept)


def remark(text: str) -> SafeMarkdown:
    """A sentence of ours that may repeat somebody else's words: as `prose`, with its code spans."""
    parts = visible(text).split("`")
    if len(parts) % 2 == 0:
        return prose(text, len(text))
    spans = (f"`{defanged(part)}`" if number % 2 else _harmless(part) for number, part in enumerate(parts))
    return SafeMarkdown(_NUMBERED.sub(r"\1·", "".join(spans).lstrip("+-= ")))


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> SafeMarkdown:
    """A table; the cells are our own words or `code`."""
    lines = [header, ["---"] * len(header), *rows]
    return SafeMarkdown("\n".join(f"| {' | '.join(line)} |" for line in lines))


def collapsible(title: str, inside: str) -> SafeMarkdown:
    """A section that is shown closed (docs/facts/linear.md, 3)."""
    return SafeMarkdown(f"+++ {title}\n\n{inside}\n\n+++")


def folds(text: str) -> Iterator[tuple[str | None, str]]:
    """The parts of a text in their order: title and inside of each `collapsible`, and what is between, without a title.

    A value can't look like one: it is never at the beginning of a line. What is between may be empty.
    """
    between, *parts = _COLLAPSIBLE.split(text)
    yield None, between.strip()
    for title, inside, after in zip(parts[::3], parts[1::3], parts[2::3], strict=True):
        yield title, inside
        yield None, after.strip()


def link(label: str, url: str) -> SafeMarkdown:
    """A live link, for addresses that we made ourselves; `label` is our own words."""
    return SafeMarkdown(f"[{label}]({address(url)})")


def ticket_link(identifier: str | None, url: str | None) -> SafeMarkdown:
    """A link to a ticket, both as Linear gave them; only its name where the address is no web page's."""
    name = words(identifier, IDENTIFIER_LENGTH) or "the ticket"
    return link(name, url) if url and web_address(url) else SafeMarkdown(name)


def picture(shows: str, url: str) -> SafeMarkdown:
    """A picture, at an address that Linear made for it; `shows` is our own words. Linear fetches the address of
    any picture (docs/facts/linear.md, 3): this is the one place that writes one."""
    return SafeMarkdown(f"![{shows}]({address(url)})")


def address(url: str) -> str:
    """An address with everything percent-encoded that could end a link."""
    return quote(url, safe=_URL_SAFE, errors="replace")


def _harmless(text: str) -> str:
    """Visible text without marks of Markdown and without addresses."""
    plain = _NOT_PROSE.sub("·", text)
    kept = _LONE_UNDERSCORE.sub("·", _NOT_PROSE.sub("·", defanged(plain)))
    return _INNER_DOT.sub("[.]", _SLASHES.sub("/", kept))


def _without_ends(line: str) -> str:
    """Backticks become another accent: no run of them is left that could end a span or a fence."""
    return line.replace("`", "\u02cb")


def _in_a_word(character: str) -> bool:
    return unicodedata.category(character)[0] in "LNM"
