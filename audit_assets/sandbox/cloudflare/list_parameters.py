"""The parameters of the two lists, checked as Cloudflare checks them (docs/facts/cloudflare.md, 2.3 and 3)."""

import base64
import binascii
import re
import struct
import zlib
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal, NamedTuple

from starlette.datastructures import QueryParams

from audit_assets.exports.timed_entries import NANOSECONDS, nanoseconds, parsed_time
from audit_assets.sandbox.cloudflare.audit_log import Row

LARGEST_PAGE = 1000
USUAL_PAGE = 100
V1_KEPT = timedelta(days=548)
"""18 months; a request to v1 for more is an error, for v2 it is not known."""

_FILTER = re.compile(
    r"(account_name|action_result|action_type|actor_\w+|audit_log_id|id|raw_\w+|resource_\w+|zone_id|zone_name)(\.not)?"
    r"|product_category|action\.type|actor\.email|actor\.ip|zone\.name|hide_user_logs|export"
)


class BadRequest(Exception):
    """Cloudflare refuses the parameters."""

    def __init__(self, message: str, code: int | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.code = code


CURSOR = ">IqqBI"
"""The content of a cursor: its query, a time and a number, a variant that makes no difference, and when it was made, in
seconds since 1970."""


@dataclass
class WindowBehaviour:
    """Whether the ends of a window belong to it, which Cloudflare does not document."""

    since_inclusive: bool = True
    before_inclusive: bool = False
    before_day_inclusive: bool = False
    """Whether a bare date as `before` means the end of that day."""

    since_decimals: Literal["taken", "cut", "rounded_up"] = "taken"
    """What becomes of parts of a second in `since`; neither is documented."""

    v1_kept: timedelta | None = V1_KEPT
    v2_kept: timedelta | None = None
    """A window of v2 that begins before that is refused; None: it is an empty list. Which it is, is not known."""

    bounds_required: bool = True
    """Whether v2 refuses a request without `since` and `before`, as documented; else it lists everything."""

    limits_above: Literal["refused", "lowered"] = "refused"
    """A limit above the largest page: not known."""

    cursors_of_other_queries: Literal["refused", "taken"] = "refused"
    invalid_cursors: Literal["refused", "ignored"] = "refused"
    cursor_life: timedelta | None = None
    """How long a cursor is good for; None for ever. None of these is known."""


class Position(NamedTuple):
    """The last entry that was returned."""

    time: int
    number: int


@dataclass(frozen=True)
class Query:
    """Checked parameters: entries with a time in [low, high) nanoseconds, `limit` of them, after `after` or on `page`.

    v2 has only `after`, v1 only `page`.
    """

    low: int
    high: int
    ascending: bool
    limit: int
    identity: int
    """The same for two queries that differ only in their cursor."""

    after: Position | None = None
    page: int = 1
    asked_at: int = 0
    """Seconds since 1970."""

    def cursor(self, row: Row, variant: int = 0) -> str:
        """Opaque: the next position, and for which query. Another `variant` leads to the same page."""
        return _encoded(self.identity, row.time, row.number, variant, self.asked_at)

    def first_cursor(self) -> str:
        """A cursor that leads to the first page."""
        beginning = (-1, -1) if self.ascending else (2**62, 2**62)
        return _encoded(self.identity, *beginning, 0, self.asked_at)


def v2_query(parameters: QueryParams, bounds: WindowBehaviour, now: datetime) -> Query:
    """Raises BadRequest. `page` and `per_page` have no effect; a cursor is valid with its own query only."""
    _refuse_filters(parameters)
    since, before = parameters.get("since"), parameters.get("before")
    for name, given in (("since", since), ("before", before)):
        if not given and bounds.bounds_required:
            raise BadRequest(f"{name} is required")
    low, high = _low(since, bounds) if since else 0, _high(before, bounds) if before else 2**62
    if bounds.v2_kept and low < nanoseconds(now - bounds.v2_kept):
        raise BadRequest("since is too long ago")
    limit = _number(parameters, "limit", USUAL_PAGE, LARGEST_PAGE, bounds.limits_above)
    ascending = _ascending(parameters)
    identity = zlib.crc32(repr((since, before, ascending, limit)).encode())
    asked_at = int(now.timestamp())
    after = _decoded(parameters["cursor"], identity, bounds, asked_at) if parameters.get("cursor") else None
    return Query(low, high, ascending, limit, identity, after, asked_at=asked_at)


def v1_query(parameters: QueryParams, bounds: WindowBehaviour, now: datetime) -> Query:
    """Raises BadRequest. Both ends may be open."""
    _refuse_filters(parameters)
    low = _low(parameters["since"], bounds) if parameters.get("since") else 0
    high = _high(parameters["before"], bounds) if parameters.get("before") else 2**62
    if parameters.get("since") and bounds.v1_kept and low < nanoseconds(now - bounds.v1_kept):
        raise BadRequest("since: audit logs are available for the last 18 months only", 113)
    limit = _number(parameters, "per_page", USUAL_PAGE, LARGEST_PAGE)
    return Query(low, high, _ascending(parameters), limit, 0, page=_number(parameters, "page", 1, 2**31))


def _refuse_filters(parameters: QueryParams) -> None:
    """Refuse every filter: one that was silently ignored would give entries that the real service leaves out."""
    for name in parameters:
        if _FILTER.fullmatch(name):
            raise BadRequest(f"the sandbox's Cloudflare supports no filter {name}: leave it out")


def _ascending(parameters: QueryParams) -> bool:
    direction = parameters.get("direction", "desc")
    if direction not in ("asc", "desc"):
        raise BadRequest("direction must be asc or desc")
    return direction == "asc"


def _number(parameters: QueryParams, name: str, usual: int, largest: int, above: str = "refused") -> int:
    text = parameters.get(name, str(usual))
    if above == "lowered" and re.fullmatch(r"[0-9]{1,10}", text) and int(text) > largest:
        return largest
    if not re.fullmatch(r"[0-9]{1,10}", text) or not 1 <= int(text) <= largest:
        raise BadRequest(f"{name} must be a number from 1 to {largest}")
    return int(text)


def _low(text: str, bounds: WindowBehaviour) -> int:
    moment, _ = _moment(text, "since")
    if bounds.since_decimals != "taken":
        up = NANOSECONDS - 1 if bounds.since_decimals == "rounded_up" else 0
        moment = (moment + up) // NANOSECONDS * NANOSECONDS
    return moment if bounds.since_inclusive else moment + 1


def _high(text: str, bounds: WindowBehaviour) -> int:
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


def _encoded(identity: int, time: int, number: int, variant: int, made_at: int) -> str:
    return base64.urlsafe_b64encode(struct.pack(CURSOR, identity, time, number, variant, made_at)).decode()


def _decoded(cursor: str, identity: int, bounds: WindowBehaviour, now: int) -> Position | None:
    try:
        made_for, time, number, _, made_at = struct.unpack(CURSOR, base64.urlsafe_b64decode(cursor))
    except (struct.error, binascii.Error, ValueError):
        if bounds.invalid_cursors == "ignored":
            return None
        raise BadRequest("invalid cursor") from None
    if bounds.cursor_life is not None and now - made_at > bounds.cursor_life.total_seconds():
        raise BadRequest("the cursor has expired")
    if made_for != identity and bounds.cursors_of_other_queries == "refused":
        raise BadRequest("the cursor was made for another query: send the same since, before, direction and limit")
    return Position(time, number)
