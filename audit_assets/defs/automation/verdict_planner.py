"""When a run is to take in what people said in Linear: once it is news, and an hour later again if nothing came of it.

Pure: a look at the tickets and a cursor in, the next cursor and a run key out. Dagster keeps some 200 kB of every run
(docs/facts/dagster.md, B10), so that what is known starts none.
"""

import json
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta

TRIED_AGAIN = timedelta(hours=1)

MOST_HOURS = 200
"""Of more hours at once, as after a first backfill, nothing is read here: Dagster gives a sensor a minute, and a run as
long as it takes."""

MANY_HOURS = "many hours"
"""In place of a digest."""

VERSION = 1


@dataclass(frozen=True)
class Cursor:
    """What the sensor remembers. `read_until`: the hours up to this event of Dagster's brought nothing new.
    `asked_for`: the digest for which a run was requested last, and `asked_at`, when (ISO 8601)."""

    read_until: int = 0
    asked_for: str = ""
    asked_at: str = ""
    version: int = VERSION

    @property
    def text(self) -> str:
        """As Dagster keeps it."""
        return json.dumps(asdict(self))

    @classmethod
    def of(cls, text: str | None) -> "Cursor":
        """From what Dagster kept. Another version's is forgotten: it only saves work."""
        known = json.loads(text) if text else {}
        return cls(**known) if known.get("version") == VERSION else cls()


def plan(news: str | None, read_until: int, before: Cursor, now: datetime) -> tuple[Cursor, str | None]:
    """The next cursor, and the key of the run to request, if any. `news`: the digest of what is said, if that is not
    what is known; `read_until`: up to where the hours were read for it."""
    if news is None:
        return Cursor(read_until=read_until), None
    if before.asked_for == news and now - datetime.fromisoformat(before.asked_at) < TRIED_AGAIN:
        return before, None
    at = now.isoformat(timespec="seconds")
    return replace(before, asked_for=news, asked_at=at), f"{news[:16]}/{at}"
