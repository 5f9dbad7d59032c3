"""What a sandbox serves: an invented organisation that goes on living, or the entries of a file.

It is written into the sandbox's directory, so that one that is started again goes on with the same.
"""

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb

from audit_assets.sandbox.cloudflare.entries_file import EntriesFileError, read_entries
from audit_assets.sandbox.server import Sandbox


class CannotServe(Exception):
    """One sentence that says why not."""


WORLD_FILE = "world.json"

SETTLED = timedelta(minutes=15)
"""An hour is whole this long after its end: `organisation.life.delay` lets no entry show later."""


@dataclass(frozen=True)
class World:
    """The whole hours [first, until) of a sandbox's past, and what of a file could not be served."""

    first: datetime
    until: datetime
    not_understood: int = 0
    unreadable: int = 0
    troubles: tuple[str, ...] = ()


def furnish(data_dir: Path, *, seed: int = 1, days: int = 30, entries: Path | None = None) -> tuple[Sandbox, World]:
    """A sandbox with a past of at most so many days. What the directory remembers goes before what is asked for.

    Raises `CannotServe` for a file that can't be served or a directory that can't be used.
    """
    try:
        return _furnished(data_dir, seed, days, entries)
    except EntriesFileError as error:
        raise CannotServe(str(error)) from None
    except (OSError, duckdb.Error) as error:
        reason = getattr(error, "strerror", None) or str(error).split(". See also")[0].split("\n")[0]
        raise CannotServe(f"{data_dir} can't be used as its directory ({reason})") from None


def _furnished(data_dir: Path, seed: int, days: int, entries: Path | None) -> tuple[Sandbox, World]:
    sandbox = Sandbox(data_dir)
    told = _remembered(data_dir) or {
        "seed": seed,
        "days": days,
        "until": (sandbox.stage.clock.now() - SETTLED).replace(minute=0, second=0, microsecond=0).isoformat(),
        "entries": str(entries.absolute()) if entries else None,
    }
    world = _filled_from_file(sandbox, told) if told["entries"] else _filled_with_life(sandbox, told)
    (data_dir / WORLD_FILE).write_text(json.dumps(told), encoding="utf-8")
    return sandbox, world


def _filled_with_life(sandbox: Sandbox, told: dict[str, Any]) -> World:
    until = datetime.fromisoformat(told["until"])
    sandbox.cloudflare.load_organisation(told["seed"], until, told["days"])
    return World(until - timedelta(days=told["days"]), until)


def _filled_from_file(sandbox: Sandbox, told: dict[str, Any]) -> World:
    entries = read_entries(Path(told["entries"]))
    sandbox.cloudflare.load_entries(entries)
    until = _hour(entries.last) + timedelta(hours=1)
    first = max(_hour(entries.first), until - timedelta(days=told["days"]))
    return World(first, until, entries.not_understood, entries.unreadable, tuple(entries.troubles))


def _hour(time: datetime) -> datetime:
    return time.astimezone(UTC).replace(minute=0, second=0, microsecond=0)


def _remembered(data_dir: Path) -> dict[str, Any] | None:
    """What was served from this directory before; None for a first start, or one that was interrupted."""
    try:
        told = json.loads((data_dir / WORLD_FILE).read_text(encoding="utf-8"))
        return told if {"seed", "days", "until", "entries"} <= told.keys() else None
    except (FileNotFoundError, ValueError, AttributeError):
        return None
