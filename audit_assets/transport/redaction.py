"""Removes our own secrets from a service's text, in whichever encoding the service returns them.

A service that repeats a token in an error would otherwise put it into logs, tickets and Dagster's database.
"""

import base64
import json
import re
from collections.abc import Iterator
from urllib.parse import quote

SHORTEST = 8
"""Characters. A shorter string is no secret, and would be found inside ordinary words."""


_ANY = r"(?:[A-Za-z0-9+/_-]|%2[BF]|\\/|\\u002b)?"
_OTHER_WAYS = {"+": r"(?:\+|-|%2B|\\u002b)", "/": r"(?:/|_|%2F|\\/)"}
"""Of a character of base64: in addresses, in forms and in JSON."""


class Mask:
    """Call it with a text to get it without the secrets: plain, in an address, in JSON, in hex or in base64."""

    def __init__(self, *secrets: str) -> None:
        forms = {form for secret in secrets if len(secret) >= SHORTEST for form in _forms(secret)}
        longest_first = sorted(forms, key=len, reverse=True)
        self._pattern = re.compile("|".join(longest_first) or r"(?!)", re.IGNORECASE)

    def __call__(self, text: str) -> str:
        return self._pattern.sub("***", text)


def _forms(secret: str) -> Iterator[str]:
    """A pattern for each form."""
    in_json = json.dumps(secret)[1:-1]
    yield from map(re.escape, (secret, quote(secret, safe=""), quote(secret), in_json, in_json.replace("/", "\\/")))
    in_bytes = secret.encode("utf-8", "backslashreplace")
    yield in_bytes.hex()
    yield from (_in_base64(in_bytes, before) for before in range(3))


def _in_base64(secret: bytes, before: int) -> str:
    """A pattern of the secret in base64 that begins so many bytes after a group of three. Its first and last characters
    may hold bits of what is around it: they are any, and go with it."""
    begin, end = 8 * before, 8 * (before + len(secret))
    whole = base64.b64encode(bytes(before) + secret).decode()
    inner = "".join(_OTHER_WAYS.get(letter, letter) for letter in whole[-(-begin // 6) : end // 6])
    return (_ANY if begin % 6 else "") + inner + (_ANY if end % 6 else "") + r"(?:=|%3D){0,2}"
