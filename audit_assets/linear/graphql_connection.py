"""A GraphQL connection to Linear: static documents, values as variables, answers of the expected shape or an error."""

import re
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from importlib.resources import files
from typing import Any, TypeVar

import httpx

from audit_assets.config.errors import SettingError
from audit_assets.linear.answer_shapes import check_shape
from audit_assets.linear.reply_parser import parse_reply
from audit_assets.transport.clock import Clock
from audit_assets.transport.http import BoundedHttpClient, HttpLimits, Reply, TryAgain
from audit_assets.transport.loopback import is_loopback

T = TypeVar("T")

LIMITS = HttpLimits(attempts=8, attempt_seconds=60.0, total_seconds=4000.0, body_bytes=4 * 1024 * 1024)
"""Linear refills its rate limits within an hour: a run outlasts that."""


class GraphqlConnection:
    """A connection to one workspace."""

    def __init__(self, *, api_key: str, url: str, clock: Clock | None, limits: HttpLimits | None) -> None:
        """Nothing is sent yet. Raises `SettingError` for a setting that can't be right."""
        self._url = printable("LINEAR_API_URL", url)
        credential = _credential(api_key)
        self._transport = BoundedHttpClient(
            service="Linear",
            base_url=self._url,
            headers={"Authorization": credential, "Content-Type": "application/json"},
            clock=clock,
            limits=limits or LIMITS,
        )
        self.clock = self._transport.clock

    def close(self) -> None:
        """Close the connections."""
        self._transport.close()

    @property
    def is_local(self) -> bool:
        """Whether Linear is on this machine."""
        return is_loopback(httpx.URL(self._url).host)

    def ask(
        self,
        document: str,
        variables: dict[str, Any],
        parse: Callable[[dict[str, Any]], T],
        *,
        limits: HttpLimits | None = None,
    ) -> T:
        """Send a document; `parse` takes what is needed from its data, or raises. `limits`: of this request alone."""

        def read(reply: Reply) -> T:
            # An error text that repeats the key would end in logs and in Dagster's database
            masked = replace(reply, body=self._transport.masked(reply.body))
            data = parse_reply(masked, self.clock.now())
            try:
                return parse(check_shape(document, data))
            except (KeyError, TypeError, ValueError, AttributeError):
                raise TryAgain("an answer of another shape than its schema") from None

        query = {"query": document_text(document), "variables": variables}
        transport = self._transport.within(limits) if limits else self._transport
        return transport.exchange("POST", self._url, read=read, json=query)


@cache
def document_text(document: str) -> str:
    """The text of queries/<document>.graphql with the fragments that it spreads, as it is sent."""
    queries = files("audit_assets.linear").joinpath("queries")
    text = queries.joinpath(f"{document}.graphql").read_text(encoding="utf-8")
    fragments = [queries.joinpath("fragments", f"{name}.graphql") for name in re.findall(r"\.\.\.(\w+)", text)]
    return "\n".join([text, *(fragment.read_text(encoding="utf-8") for fragment in fragments)])


def succeeded(payload: dict[str, Any]) -> dict[str, Any]:
    """The payload of a mutation that succeeded."""
    if payload["success"] is not True:
        raise TryAgain("it reports that it did not succeed")
    return payload


def printable(name: str, value: str) -> str:
    """The value of a setting, without the space around it."""
    stripped = value.strip()
    if not stripped:
        raise SettingError(f"{name} is empty: set it.")
    if not stripped.isprintable():
        raise SettingError(f"{name} holds characters that can't be seen: copy it again.")
    return stripped


def _credential(api_key: str) -> str:
    """The Authorization header: a personal key bare, an OAuth token after "Bearer" (docs/facts/linear.md, 2)."""
    key = printable("LINEAR_API_KEY", api_key)
    scheme, _, rest = key.partition(" ")
    bare = rest.strip() if scheme.lower() == "bearer" else key
    if not bare or not bare.isascii() or " " in bare:
        raise SettingError("LINEAR_API_KEY holds characters that no key has: copy it again.")
    return f"Bearer {bare}" if bare != key and not bare.startswith("lin_api_") else bare
