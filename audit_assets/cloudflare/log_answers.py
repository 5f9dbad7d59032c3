"""A reply of one of Cloudflare's lists as it came, for whoever finds out how the service behaves.

A pull never uses this: it trusts a page or raises (`page_parser.py`).
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from audit_assets.cloudflare.timestamps import parse_microseconds, to_datetime


@dataclass(frozen=True)
class ListedEntry:
    """An entry with an id and a time that can be read; `written` is the time as Cloudflare wrote it."""

    id: str
    time: datetime
    written: str


@dataclass(frozen=True)
class LogAnswer:
    """`envelope`: the JSON value of the body, None if it is none. `server_time` is by Cloudflare's clock."""

    stream: str
    status: int
    envelope: Any
    server_time: datetime

    @property
    def is_list(self) -> bool:
        """Whether this is a page of entries."""
        return self.status == 200 and isinstance(self._member("result"), list)

    @property
    def length(self) -> int:
        """How many items the page has."""
        return len(self._member("result")) if self.is_list else 0

    @property
    def entries(self) -> list[ListedEntry]:
        """The entries of the page that have an id and a time."""
        listed = self._member("result") if self.is_list else []
        return [entry for entry in (_listed(item, self.stream) for item in listed) if entry]

    @property
    def ids(self) -> list[str]:
        """Their ids, in the order of the page."""
        return [entry.id for entry in self.entries]

    @property
    def count(self) -> Any:
        """What the page counts, None if it counts nothing."""
        return self._info.get("count")

    @property
    def cursor(self) -> str | None:
        """The cursor where Cloudflare documents it."""
        return _text(self._info.get("cursor"))

    @property
    def other_cursor(self) -> str | None:
        """The cursor where the official SDKs read it (docs/facts/cloudflare.md, 1)."""
        after = self._info.get("cursors")
        return _text(after.get("after")) if isinstance(after, dict) else None

    @property
    def _info(self) -> dict[str, Any]:
        info = self._member("result_info")
        return info if isinstance(info, dict) else {}

    def _member(self, name: str) -> Any:
        return self.envelope.get(name) if isinstance(self.envelope, dict) else None


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None


def _listed(item: Any, stream: str) -> ListedEntry | None:
    if not isinstance(item, dict):
        return None
    action = item.get("action")
    written = (action.get("time") if isinstance(action, dict) else None) if stream != "v1" else item.get("when")
    native_id = _text(item.get("id"))
    try:
        time = to_datetime(parse_microseconds(written))
    except ValueError:
        return None
    return ListedEntry(native_id, time, str(written)) if native_id else None
