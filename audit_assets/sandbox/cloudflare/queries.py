"""What the two lists can be asked, checked as Cloudflare checks it (facts/cloudflare.md, 2.3 and 3)."""

import base64
import binascii
import re
import struct
import zlib
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

from starlette.datastructures import QueryParams

from audit_assets.sandbox.cloudflare.log import Row, nanoseconds, parsed_time

LARGEST_PAGE = 1000
USUAL_PAGE = 100
V1_KEPT = timedelta(days=548)
"""18 months; asking v1 for more is an error, for v2 it is not known."""

_FILTER = re.compile(
    r"(account_name|action_result|action_type|actor_\w+|audit_log_id|id|raw_\w+|resource_\w+|zone_id|zone_name)(\.not)?"
    r"|product_category|action\.type|actor\.email|actor\.ip|zone\.name|hide_user_logs|export"
)


class BadRequest(Exception):
    """What was asked makes no sense to Cloudflare."""

    def __init__(self, message: str, code: int | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.code = code


CURSOR = ">IqqB"
"""What a cursor holds: the question, a time and a number, and a variant that means nothing."""


@dataclass
class Bounds:
    """How the ends of a window are meant, which Cloudflare does not say."""

    since_inclusive: bool = True
    before_inclusive: bool = False
    before_day_inclusive: bool = False
    """Whether a bare date as `before` means the end of that day."""

    v1_kept: timedelta | None = V1_KEPT


class Position(NamedTuple):
    """The last entry that was handed out."""

    time: int
    number: int


@dataclass(frozen=True)
class Query:
    """A checked question: entries with a time in [low, high) nanoseconds, `limit` of them, after `after` or on `page`.

    v2 knows only the former, v1 only the latter.
    """

    low: int
    high: int
    ascending: bool
    limit: int
    identity: int
    """The same for two questions that differ only in their cursor."""

    after: Position | None = None
    page: int = 1

    def cursor(self, row: Row, variant: int = 0) -> str:
        """Opaque: where to go on, and for which question. Another `variant` leads to the same place."""
        return _encoded(self.identity, row.time, row.number, variant)

    def first_cursor(self) -> str:
        """A cursor that leads to the first page."""
        beginning = (-1, -1) if self.ascending else (2**62, 2**62)
        return _encoded(self.identity, *beginning, 0)


def v2_query(asked: QueryParams, bounds: Bounds) -> Query:
    """Raises BadRequest. `page` and `per_page` have no effect; a cursor must come with the question it was made for."""
    _refuse_filters(asked)
    for name in ("since", "before"):
        if not asked.get(name):
            raise BadRequest(f"{name} is required")
    low, high = _low(asked["since"], bounds), _high(asked["before"], bounds)
    limit = _number(asked, "limit", USUAL_PAGE, LARGEST_PAGE)
    ascending = _ascending(asked)
    identity = zlib.crc32(repr((asked["since"], asked["before"], ascending, limit)).encode())
    after = _decoded(asked["cursor"], identity) if asked.get("cursor") else None
    return Query(low, high, ascending, limit, identity, after)


def v1_query(asked: QueryParams, bounds: Bounds, now: datetime) -> Query:
    """Raises BadRequest. Both ends may be open."""
    _refuse_filters(asked)
    low = _low(asked["since"], bounds) if asked.get("since") else 0
    high = _high(asked["before"], bounds) if asked.get("before") else 2**62
    if asked.get("since") and bounds.v1_kept and low < nanoseconds(now - bounds.v1_kept):
        raise BadRequest("since: audit logs are available for the last 18 months only", 113)
    limit = _number(asked, "per_page", USUAL_PAGE, LARGEST_PAGE)
    return Query(low, high, _ascending(asked), limit, 0, page=_number(asked, "page", 1, 2**31))


def _refuse_filters(asked: QueryParams) -> None:
    """A filter that was silently ignored would be the sandbox's own lie: better none at all."""
    for name in asked:
        if _FILTER.fullmatch(name):
            raise BadRequest(f"the sandbox's Cloudflare knows no filter {name}: ask without it")


def _ascending(asked: QueryParams) -> bool:
    direction = asked.get("direction", "desc")
    if direction not in ("asc", "desc"):
        raise BadRequest("direction must be asc or desc")
    return direction == "asc"


def _number(asked: QueryParams, name: str, usual: int, largest: int) -> int:
    text = asked.get(name, str(usual))
    if not re.fullmatch(r"[0-9]{1,10}", text) or not 1 <= int(text) <= largest:
        raise BadRequest(f"{name} must be a number from 1 to {largest}")
    return int(text)


def _low(text: str, bounds: Bounds) -> int:
    moment, _ = _moment(text, "since")
    return moment if bounds.since_inclusive else moment + 1


def _high(text: str, bounds: Bounds) -> int:
    moment, bare_date = _moment(text, "before")
    if bare_date and bounds.before_day_inclusive:
        return moment + nanoseconds(datetime.fromisoformat("1970-01-02T00:00:00Z"))
    return moment + 1 if bounds.before_inclusive else moment


def _moment(text: str, name: str) -> tuple[int, bool]:
    """Nanoseconds, and whether it was a bare date."""
    bare_date = re.fullmatch(r"\d{4}-\d\d-\d\d", text) is not None
    try:
        return parsed_time(f"{text}T00:00:00Z" if bare_date else text), bare_date
    except ValueError:
        raise BadRequest(f"{name} is neither a date nor a time in RFC 3339") from None


def _encoded(identity: int, time: int, number: int, variant: int) -> str:
    return base64.urlsafe_b64encode(struct.pack(CURSOR, identity, time, number, variant)).decode()


def _decoded(cursor: str, identity: int) -> Position:
    try:
        made_for, time, number, _ = struct.unpack(CURSOR, base64.urlsafe_b64decode(cursor))
    except (struct.error, binascii.Error, ValueError):
        raise BadRequest("invalid cursor") from None
    if made_for != identity:
        raise BadRequest("the cursor was made for another query: send the same since, before, direction and limit")
    return Position(time, number)
