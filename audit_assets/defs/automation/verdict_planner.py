"""When a run is to read people's verdicts in Linear: once they are new, and an hour later again if nothing came of it.

Pure: a digest of the verdicts and a cursor go in, the next cursor and a run key come out. Dagster keeps some 200 kB of
every run (docs/facts/dagster.md, B10), so no run is requested for verdicts that are known.
"""

import json
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta

RETRY_AFTER = timedelta(hours=1)

MOST_HOURS = 200
"""More hours at once, as after a first backfill, are left to a run: Dagster gives a sensor only a minute."""

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


def plan_verdict_run(
    new_digest: str | None, read_until: int, before: Cursor, now: datetime
) -> tuple[Cursor, str | None]:
    """The next cursor, and the key of the run to request, if any. `new_digest`: that of the verdicts in Linear, unless
    it is known; `read_until`: up to which of Dagster's events the hours were read for it."""
    if new_digest is None:
        return Cursor(read_until=read_until), None
    if before.asked_for == new_digest and now - datetime.fromisoformat(before.asked_at) < RETRY_AFTER:
        return before, None
    at = now.isoformat(timespec="seconds")
    return replace(before, asked_for=new_digest, asked_at=at), f"{new_digest[:16]}/{at}"
