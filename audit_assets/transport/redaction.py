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


class Mask:
    """Call it with a text to get it without the secrets: plain, in an address, in JSON, in hex or in base64."""

    def __init__(self, *secrets: str) -> None:
        forms = {form for secret in secrets if len(secret) >= SHORTEST for form in _forms(secret)}
        longest_first = sorted(forms, key=len, reverse=True)
        self._pattern = re.compile("|".join(map(re.escape, longest_first)) or r"(?!)", re.IGNORECASE)

    def __call__(self, text: str) -> str:
        return self._pattern.sub("***", text)


def _forms(secret: str) -> Iterator[str]:
    in_json = json.dumps(secret)[1:-1]
    yield from (secret, quote(secret, safe=""), quote(secret), in_json, in_json.replace("/", "\\/"))
    in_bytes = secret.encode("utf-8", "backslashreplace")
    yield in_bytes.hex()
    for before in range(3):  # base64 depends on where in its groups of three bytes the secret begins
        whole = base64.b64encode(bytes(before) + in_bytes).decode()
        ends_a_group = (before + len(in_bytes)) % 3 == 0
        inner = whole[4 if before else 0 : len(whole) if ends_a_group else -4]
        yield from (inner, inner.translate(str.maketrans("+/", "-_")))
