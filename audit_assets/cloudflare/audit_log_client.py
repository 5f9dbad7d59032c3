"""The client of Cloudflare's audit log, which is pulled whole or not at all.

Two streams, each with its own paging: v2 by a cursor to its end, v1 by pages to a short one, which is then confirmed.
Whatever could make an answer less than the whole truth raises `Incomplete`. The whole window of a pull is fetched at
once, since 30 days of single hours would use up Cloudflare's rate limit; the official package stops after v2's first
page, so it is not used (docs/facts/cloudflare.md, 1).
"""

import re
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from email.utils import parsedate_to_datetime
from functools import partial
from typing import TypeVar

import httpx
import polars as pl

from audit_assets.cloudflare.entry_fields import ORGANIZATION
from audit_assets.cloudflare.log_answers import LogAnswer
from audit_assets.cloudflare.own_counts import fetch_counts
from audit_assets.cloudflare.page_parser import Page, describe_errors, envelope_or_none, error_codes, parse_page
from audit_assets.cloudflare.paging import PageRequest, RequestRejected, fetch_all_v1, fetch_all_v2
from audit_assets.cloudflare.pulls import Pull, PullBuilder, PullWindow
from audit_assets.cloudflare.request_pacing import RequestPacer
from audit_assets.cloudflare.token_verification import TokenFacts, verify_token
from audit_assets.config.errors import Incomplete, Refused, SettingError, Unavailable
from audit_assets.transport.clock import Clock, SystemClock
from audit_assets.transport.http import (
    AskForLess,
    BoundedHttpClient,
    HttpLimits,
    Overloaded,
    Reply,
    TooMuch,
    TryAgain,
)

T = TypeVar("T")

BASE_URL = "https://api.cloudflare.com/client/v4"

PERMISSION = "Account Settings Read"
"""The permission that a token needs (docs/facts/cloudflare.md, 2.8)."""

LARGEST_PAGE = 1_000
OVERLOAD_ATTEMPTS = 2
"""After this many 5xx or unfinished replies in a row, half as many entries are requested, unless Cloudflare does not
answer a request for one entry either. A judgement; that large pages end in 5xx: docs/facts/cloudflare.md, 10."""

PULL_SECONDS = 3_600.0
"""A pull that takes longer is given up. A judgement: 30 days with 1,000 entries an hour take some four minutes."""

DENIAL_PAUSES = (2.0, 6.0)
"""Seconds after a 401 or 403 until the next attempt, before it is believed: valid tokens get some, those that were just
made every other time (docs/facts/cloudflare.md, 10 and 11). Short, since a wrong token is the usual reason."""

UNROUTABLE = 7003
"""Cloudflare's code for an invalid account id, with status 400 or 404 (docs/facts/cloudflare.md, 2.7)."""

TOO_OLD = 113
"""Cloudflare's code for a window that begins before the oldest entries that it keeps."""

_PATHS = {"v2": "accounts/{account}/logs/audit", "v1": "accounts/{account}/audit_logs"} | {
    ORGANIZATION: "organizations/{organization}/logs/audit"
}
_SIZES = {"v2": "limit", "v1": "per_page", ORGANIZATION: "limit"}
_FETCH_ALL = {"v2": fetch_all_v2, "v1": fetch_all_v1, ORGANIZATION: fetch_all_v2}


class _Denied(Refused):
    """The token is not accepted, or not for this: now, or at all."""


class CloudflareClient:
    """Reads the audit log of one account, and that of its organization if there is one. Close it with `close()`."""

    def __init__(
        self,
        *,
        token: str,
        account_id: str,
        organization_id: str | None = None,
        base_url: str = BASE_URL,
        clock: Clock | None = None,
        limits: HttpLimits | None = None,
        pull_seconds: float = PULL_SECONDS,
        pacer: RequestPacer | None = None,
        variable: str = "CLOUDFLARE_API_TOKEN",
    ) -> None:
        """Sends nothing yet. `pacer`: that of other clients that use the token. `variable`: where the token is set.

        Raises `SettingError` or `Refused` for an impossible token, account or address.
        """
        if not token.strip():
            raise SettingError(
                "CLOUDFLARE_API_TOKEN is empty: set it to a token with the permission Account Settings Read"
            )
        if not re.fullmatch(r"[A-Za-z0-9_-]{1,64}", account_id):
            raise SettingError(
                "CLOUDFLARE_ACCOUNT_ID is not an account id: copy the 32 characters from the account's page"
            )
        self.account_id = account_id
        self.organization_id = organization_id
        self._variable = variable
        self.clock = clock or SystemClock()
        self.pull_seconds = pull_seconds
        self._base_url = base_url
        self._pacer = pacer or RequestPacer(self.clock)
        self._http = BoundedHttpClient(
            service="Cloudflare",
            base_url=base_url,
            headers={"Authorization": f"Bearer {token}"},
            clock=self.clock,
            limits=limits,
        )

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def token_facts(self) -> TokenFacts | None:
        """What Cloudflare shows of the token, None if nothing. Raises `Unavailable`."""
        return verify_token(self._http, self.account_id)

    def pull(self, stream: str, start: datetime, end: datetime) -> Pull:
        """Every entry of the stream (of STREAMS) with a time in [start, end), whether that is an hour or a month.

        Raises `Incomplete` if the answer contradicts itself, `Unavailable` if there is none in time, `Refused` if the
        token or the account is rejected, and ValueError for an impossible window or stream.
        """
        if stream not in _FETCH_ALL:
            raise ValueError(f"the streams are {', '.join(_FETCH_ALL)}, not {stream!r}")
        window = PullWindow(start, end)
        started = self.clock.monotonic()
        give_up_at = started + self.pull_seconds
        fetch = partial(self._fetch, stream, give_up_at)
        limit = LARGEST_PAGE
        while True:
            builder = PullBuilder(stream, self.account_id, window)
            try:
                _FETCH_ALL[stream](fetch, builder, limit)
                return builder.build(round(self.clock.monotonic() - started, 3))
            except TooMuch:
                if limit == 1:
                    raise
                limit //= 2
            except Incomplete as error:
                raise Incomplete(
                    f"Cloudflare's audit log {stream} could not be pulled whole for {window}: "
                    f"{self._http.quoted(str(error))}. "
                    "Nothing of it is stored; run the hour again."
                ) from None
            except RequestRejected as error:
                raise Refused(f"Cloudflare does not list its audit log {stream} for {window}: {error}") from None

    def probe(self, stream: str) -> None:
        """Check that an entry of the stream could be read, and raise what `pull` would raise if not."""
        now = self.clock.now()
        since, before = (f"{time:%Y-%m-%dT%H:%M:%SZ}" for time in (now - timedelta(minutes=1), now))
        request: PageRequest = {"since": since, "before": before, "direction": "asc", _SIZES[stream]: 1}
        try:
            self._fetch(stream, self.clock.monotonic() + self.pull_seconds, request)
        except RequestRejected as error:
            raise Refused(f"Cloudflare does not list its audit log {stream}: {error}") from None
        except Incomplete as error:
            reason = self._http.quoted(str(error))
            raise Incomplete(f"Cloudflare's audit log {stream} can't be read: {reason}. Try again later.") from None

    def ask(self, stream: str, request: PageRequest) -> LogAnswer:
        """Send one request, and return the reply as it is. Raises `Refused` for a token that may not read the log, and
        `Unavailable`."""
        self.clock.sleep(self._pacer.book_request())
        return self._patiently(stream, request, self._http.limits, self._answer)

    def ask_without_token(self, stream: str, request: PageRequest) -> LogAnswer:
        """The same without any credentials, and with a refusal as an answer. Raises `Unavailable`."""
        with BoundedHttpClient(
            service="Cloudflare", base_url=self._base_url, headers={}, clock=self.clock, limits=self._http.limits
        ) as http:
            return http.exchange("GET", self._path(stream), params=request, read=partial(self._answer, stream))

    def own_counts(self, first: date, last: date) -> pl.DataFrame:
        """What Cloudflare itself counts of these days: COUNTS. Raises `CountNotAllowed`, and as `pull` does."""
        return fetch_counts(self._http, self.account_id, first, last)

    def _fetch(self, stream: str, give_up_at: float, request: PageRequest) -> Page:
        """One page. Raises `TooMuch` if it was refused for its size, or if only a smaller one is answered."""
        limits = self._http.limits
        smallest = {name: value for name, value in request.items() if name != "cursor"} | {_SIZES[stream]: 1}
        try:
            return self._send(stream, give_up_at, request, replace(limits, overload_attempts=OVERLOAD_ATTEMPTS))
        except Overloaded as error:
            if request != smallest and self._is_answered(stream, give_up_at, smallest):
                raise TooMuch(str(error)) from None
        return self._send(stream, give_up_at, request, limits)

    def _is_answered(self, stream: str, give_up_at: float, request: PageRequest) -> bool:
        """Whether Cloudflare answers this request at the first try."""
        try:
            self._send(stream, give_up_at, request, replace(self._http.limits, attempts=1))
        except Unavailable:
            return False
        return True

    def _send(self, stream: str, give_up_at: float, request: PageRequest, limits: HttpLimits) -> Page:
        wait = self._pacer.book_request()
        if self.clock.monotonic() + wait > give_up_at:
            raise Unavailable(
                f"Cloudflare's audit log {stream} took longer than {self.pull_seconds / 60:.0f} minutes: "
                "pull fewer hours in one run, or run it again later"
            )
        if wait:
            self.clock.sleep(wait)
        return self._patiently(stream, request, limits, self._read)

    def _patiently(self, stream: str, request: PageRequest, limits: HttpLimits, read: Callable[[str, Reply], T]) -> T:
        """What is read of the reply; a denial is believed after the last of DENIAL_PAUSES."""

        def read_if_allowed(reply: Reply) -> T:
            self._pacer.apply_ratelimit(reply.headers.get("ratelimit", ""))
            self._raise_denial(stream, reply)
            return read(stream, reply)

        http = self._http.within(limits)
        ask = partial(http.exchange, "GET", self._path(stream), params=request, read=read_if_allowed)
        for pause in DENIAL_PAUSES:
            try:
                return ask()
            except _Denied:
                self.clock.sleep(pause)
        return ask()

    def _path(self, stream: str) -> str:
        return _PATHS[stream].format(account=self.account_id, organization=self.organization_id)

    def _answer(self, stream: str, reply: Reply) -> LogAnswer:
        return LogAnswer(stream, reply.status, envelope_or_none(reply.body), self._server_time(reply.headers))

    def _raise_denial(self, stream: str, reply: Reply) -> None:
        envelope = envelope_or_none(reply.body) if reply.status in (401, 403) else None
        if reply.status in (401, 403) and UNROUTABLE not in error_codes(envelope):
            answer = f"HTTP {reply.status}, {self._http.quoted(describe_errors(envelope))}"
            owner, where = f"account {self.account_id}", "that account"
            if stream == ORGANIZATION:  # which permission that takes is not documented
                owner = f"organization {self.organization_id}"
                where = "its accounts (if it has that, unset CLOUDFLARE_ORGANIZATION_ID)"
            raise _Denied(
                f"Cloudflare does not let this token read the audit log of {owner} ({answer}): "
                f"give {self._variable} the permission {PERMISSION!r} on {where}, or try again in a minute "
                "if the token is new"
            )

    def _read(self, stream: str, reply: Reply) -> Page:
        if reply.status == 200:
            return parse_page(reply.body, stream, self._server_time(reply.headers))
        if 200 <= reply.status < 300:
            raise TryAgain(f"HTTP {reply.status} instead of a list")
        envelope = envelope_or_none(reply.body)
        answer = f"HTTP {reply.status}, {self._http.quoted(describe_errors(envelope))}"
        codes = error_codes(envelope)
        if reply.status == 404 or UNROUTABLE in codes:
            if stream == ORGANIZATION:
                raise Refused(
                    f"Cloudflare knows no organization {self.organization_id} ({answer}), or does not list its audit "
                    "log, a public beta: correct CLOUDFLARE_ORGANIZATION_ID, or unset it"
                )
            raise Refused(
                f"Cloudflare knows no account {self.account_id} ({answer}): correct CLOUDFLARE_ACCOUNT_ID, "
                f"and check that the token has the permission {PERMISSION!r} there"
            )
        if reply.status == 413:
            raise AskForLess("HTTP 413")
        if reply.status == 400:
            older = "; entries of more than 18 months ago are not kept" if TOO_OLD in codes else ""
            raise RequestRejected(f"{answer}{older}")
        if 300 <= reply.status < 400:
            raise Refused(
                f"Cloudflare's address answers with a redirect (HTTP {reply.status}): correct CLOUDFLARE_API_URL"
            )
        raise Refused(f"Cloudflare does not list its audit log {stream} ({answer})")

    def _server_time(self, headers: httpx.Headers) -> datetime:
        """The server's time, since the clock that wrote the entries decides when an hour is over, not ours."""
        try:
            date = parsedate_to_datetime(headers.get("date", ""))
            return date.astimezone(UTC) if date.tzinfo else self.clock.now()
        except (ValueError, TypeError, OverflowError):
            return self.clock.now()
