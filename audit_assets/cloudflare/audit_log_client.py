"""Cloudflare's audit log, pulled whole or not at all.

Two streams, each with its own way of paging: v2 by a cursor to its end, v1 by pages to one that is short, which is
then confirmed. Whatever could make an answer less than the whole truth raises `Incomplete`; the whole window of a
pull is asked for in one sweep, since 30 days of single hours would use up Cloudflare's limit. The official package
stops after v2's first page, hence none of it here (docs/facts/cloudflare.md, 1).
"""

import hashlib
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from functools import partial

import httpx

from audit_assets.cloudflare.page_parser import envelope_or_none, error_codes, page_of, spoken_errors
from audit_assets.cloudflare.paging import Answer, NotAccepted, Question, sweep_v1, sweep_v2
from audit_assets.cloudflare.pulls import Collection, Pull, PullEvidence, Window
from audit_assets.cloudflare.request_pacing import Pace
from audit_assets.config.errors import Incomplete, Refused, SettingError, Unavailable
from audit_assets.transport.clock import Clock, SystemClock
from audit_assets.transport.http import BoundedHttpClient, HttpLimits, Reply, TooMuch, TryAgain

__all__ = ["CloudflareClient", "Pull", "PullEvidence"]

BASE_URL = "https://api.cloudflare.com/client/v4"

PERMISSION = "Account Settings Read"
"""What a token must be allowed (docs/facts/cloudflare.md, 2.8)."""

LARGEST_PAGE = 1_000
SLOW_ATTEMPTS = 2
"""After so many replies that do not end in time, half as many entries are asked for."""

PULL_SECONDS = 3_600.0
"""A pull that takes longer is given up. 30 days with 1,000 entries an hour are 720 pages: some four minutes."""

UNROUTABLE = 7003
"""Cloudflare's code for an account id that is none, with status 400 or 404 (docs/facts/cloudflare.md, 2.7)."""

TOO_OLD = 113
"""Cloudflare's code for a window that begins before what is kept."""

_PATHS = {"v2": "logs/audit", "v1": "audit_logs"}
_SWEEPS = {"v2": sweep_v2, "v1": sweep_v1}


class CloudflareClient:
    """Reads the audit log of one account. Closes with `close()` or as a context manager."""

    def __init__(
        self,
        *,
        token: str,
        account_id: str,
        base_url: str = BASE_URL,
        clock: Clock | None = None,
        limits: HttpLimits | None = None,
        pull_seconds: float = PULL_SECONDS,
    ) -> None:
        """Sends nothing yet. Raises `SettingError` or `Refused` for what can't be a token, an account or an address."""
        if not token.strip():
            raise SettingError(
                "CLOUDFLARE_API_TOKEN is empty: set it to a token with the permission Account Settings Read"
            )
        if not re.fullmatch(r"[A-Za-z0-9_-]{1,64}", account_id):
            raise SettingError("CLOUDFLARE_ACCOUNT_ID is no account id: copy the 32 characters from the account's page")
        self.account_id = account_id
        self.clock = clock or SystemClock()
        self.pull_seconds = pull_seconds
        self._pace = Pace(self.clock)
        self._transport = BoundedHttpClient(
            service="Cloudflare",
            base_url=base_url,
            headers={"Authorization": f"Bearer {token}"},
            clock=self.clock,
            limits=replace(limits or HttpLimits(), slow_attempts=SLOW_ATTEMPTS),
        )

    def __enter__(self) -> "CloudflareClient":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._transport.close()

    def pull(self, stream: str, start: datetime, end: datetime) -> Pull:
        """Every entry of the stream ("v2" or "v1") with a time in [start, end), whether that is an hour or a month.

        Raises `Incomplete` if the answer contradicts itself, `Unavailable` if there is none in time, `Refused` if
        the token or the account is not let in, and ValueError for a window or a stream that is none.
        """
        if stream not in _SWEEPS:
            raise ValueError(f"there are the streams v1 and v2, not {stream!r}")
        window, sweep = Window(start, end), _SWEEPS[stream]
        give_up_at = self.clock.monotonic() + self.pull_seconds
        ask = partial(self._ask, stream, give_up_at)
        limit = LARGEST_PAGE
        while True:
            collection = Collection(stream, self.account_id, window)
            try:
                sweep(ask, collection, limit)
                return collection.pull()
            except TooMuch:
                if limit == 1:
                    raise
                limit //= 2
            except Incomplete as error:
                raise Incomplete(
                    f"Cloudflare's audit log {stream} did not come whole for {window}: "
                    f"{self._transport.quoted(str(error))}. "
                    "Nothing of it is kept; run the hour again."
                ) from None
            except NotAccepted as error:
                raise Refused(f"Cloudflare does not list its audit log {stream} for {window}: {error}") from None

    def probe(self, stream: str) -> None:
        """See that one entry of the stream could be read, and raise what `pull` would if not."""
        size = "limit" if stream == "v2" else "per_page"
        now = self.clock.now()
        since, before = (f"{moment:%Y-%m-%dT%H:%M:%SZ}" for moment in (now - timedelta(minutes=1), now))
        question: Question = {"since": since, "before": before, "direction": "asc", size: 1}
        try:
            self._ask(stream, self.clock.monotonic() + self.pull_seconds, question)
        except NotAccepted as error:
            raise Refused(f"Cloudflare does not list its audit log {stream}: {error}") from None
        except Incomplete as error:
            said = self._transport.quoted(str(error))
            raise Incomplete(f"Cloudflare's audit log {stream} can't be read: {said}. Try again later.") from None

    def _ask(self, stream: str, give_up_at: float, question: Question) -> Answer:
        wait = self._pace.seconds_to_wait()
        if self.clock.monotonic() + wait > give_up_at:
            raise Unavailable(
                f"Cloudflare's audit log {stream} took longer than {self.pull_seconds / 60:.0f} minutes: "
                "ask for fewer hours in one run, or run it again later"
            )
        if wait:
            self.clock.sleep(wait)
        self._pace.spend()
        path = f"accounts/{self.account_id}/{_PATHS[stream]}"
        return self._transport.exchange("GET", path, params=question, read=partial(self._read, stream))

    def _read(self, stream: str, reply: Reply) -> Answer:
        self._pace.heed(reply.headers.get("ratelimit", ""))
        if reply.status == 200:
            page, digest = page_of(reply.body, stream), hashlib.sha256(reply.body).digest()
            return Answer(page, self._dated(reply.headers), len(reply.body), digest)
        if 200 <= reply.status < 300:
            raise TryAgain(f"HTTP {reply.status} in place of a list")
        envelope = envelope_or_none(reply.body)
        said = f"HTTP {reply.status}, {self._transport.quoted(spoken_errors(envelope))}"
        codes = error_codes(envelope)
        if reply.status == 404 or UNROUTABLE in codes:
            raise Refused(
                f"Cloudflare knows no account {self.account_id} ({said}): correct CLOUDFLARE_ACCOUNT_ID, "
                f"and see that the token has the permission {PERMISSION!r} there"
            )
        if reply.status in (401, 403):
            raise Refused(
                f"Cloudflare does not let this token read the audit log of account {self.account_id} ({said}): "
                f"give CLOUDFLARE_API_TOKEN the permission {PERMISSION!r} on that account"
            )
        if reply.status == 400:
            older = "; entries of more than 18 months ago are not kept" if TOO_OLD in codes else ""
            raise NotAccepted(f"{said}{older}")
        if 300 <= reply.status < 400:
            raise Refused(f"Cloudflare's address leads elsewhere (HTTP {reply.status}): correct CLOUDFLARE_API_URL")
        raise Refused(f"Cloudflare does not list its audit log {stream} ({said})")

    def _dated(self, headers: httpx.Headers) -> datetime:
        """The server's time: an hour is judged by the clock that wrote its entries, not by ours."""
        try:
            dated = parsedate_to_datetime(headers.get("date", ""))
        except (ValueError, TypeError, OverflowError):
            return self.clock.now()
        return dated.astimezone(UTC) if dated.tzinfo else self.clock.now()
