"""Text for chats, pagers and mail: a ticket's words without markup, and nothing in them that a program acts upon.

What a receiver turns into links, mentions, emoji or markup differs (Slack, Teams, Discord, Telegram, mail programs), so
nothing relies on one receiver's escapes: what any of them could take for more than text is replaced.
"""

import re
import unicodedata

from audit_assets.transport.untrusted_text import defanged, visible

MIDDLE_DOT = "·"

_CODE = re.compile(r"`([^`]*)`")
_AT = re.compile(r"\s*@\s*")
_ADDRESS = re.compile(r"\b(\d{1,3}\.\d{1,3}\.\d{1,3})\.(?=\d{1,3}\b)")
_DOT_IN_A_NAME = re.compile(r"(?<=[^\s\[])\.(?=[^\W\d_])")
"""Every one, not the last alone: `www.example` and `example.co` are links to some."""

_DEFANGED = re.compile(r"\[([.:])\]")
_EMOJI = re.compile(r"(?<!\w):(?=[\w+-]+:)")
_LONE_UNDERSCORE = re.compile(r"(?<![^\W_])_|_(?![^\W_])")

_DOT, _COLON = "\ue000", "\ue001"
"""In place of defanged dots and colons while other brackets are replaced: `visible` has written out any that a text
held itself."""

_PUNCTUATION = frozenset(" _.,;:()'\"“”/!?%+=…·→\u00d7-") | {_DOT, _COLON}


def plain_text(markdown: str, limit: int) -> str:
    """A sentence of a ticket as at most about `limit` characters of plain text on one line.

    Values keep their letters, digits and most punctuation. There are no live addresses (`example[.]com`), no mentions
    (`alice(at)example[.]com`), no emoji and no markup; whatever else there was is a middle dot.
    """
    text = defanged(visible(_CODE.sub(r"\1", markdown)))
    text = _DOT_IN_A_NAME.sub("[.]", _ADDRESS.sub(r"\1[.]", _AT.sub("(at)", text)))
    text = _DEFANGED.sub(lambda mark: _DOT if mark[1] == "." else _COLON, text)
    text = _LONE_UNDERSCORE.sub(MIDDLE_DOT, _EMOJI.sub(MIDDLE_DOT, "".join(map(_plain, text))))
    text = text.replace(_DOT, "[.]").replace(_COLON, "[:]").lstrip("-+=/!·. ")
    return text if len(text) <= limit else f"{text[: limit - 1].rstrip()}…"


def _plain(character: str) -> str:
    is_plain = character in _PUNCTUATION or unicodedata.category(character)[0] in "LNM"
    return character if is_plain else MIDDLE_DOT
