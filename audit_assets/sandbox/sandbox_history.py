"""What a sandbox serves: an invented organisation with new activity every hour, or the audit entries of a file.

The choice is kept in the sandbox's directory, so that a restarted sandbox goes on with the same.
"""

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb

from audit_assets.exports.entries_file import EntriesFileError, read_entries
from audit_assets.sandbox.server import Sandbox


class SandboxSetupError(Exception):
    """The sandbox can't start; the message is one sentence with the reason."""


CHOICE_FILE = "world.json"
"""Directories of earlier versions have this name: a file of another one would start them afresh."""

SETTLED = timedelta(minutes=15)
"""An hour is complete this long after its end: no `visibility_delay` of an entry is longer."""


@dataclass(frozen=True)
class SandboxHistory:
    """The whole hours [first, until) of a sandbox's past, and what could not be served of a file."""

    first: datetime
    until: datetime
    unrecognized: int = 0
    unreadable: int = 0
    problems: tuple[str, ...] = ()
    outside: int = 0
    """Entries of the file that are older than the days that were asked for. They are served, and not pulled."""


def open_sandbox(
    data_dir: Path, *, seed: int = 1, days: int = 30, entries: Path | None = None, accounts: int = 1
) -> tuple[Sandbox, SandboxHistory]:
    """A sandbox with at most `days` of history. `accounts`: so many invented organisations, each in an account of its
    own. A directory that was used before keeps its own choice of entries.

    Raises `SandboxSetupError` for a file that can't be served or a directory that can't be used.
    """
    try:
        return _open_sandbox(data_dir, seed, days, entries, accounts)
    except EntriesFileError as error:
        raise SandboxSetupError(str(error)) from None
    except (OSError, duckdb.Error) as error:
        reason = getattr(error, "strerror", None) or str(error).split(". See also")[0].split("\n")[0]
        raise SandboxSetupError(f"{data_dir} can't be used as its directory ({reason})") from None


def _open_sandbox(
    data_dir: Path, seed: int, days: int, entries: Path | None, accounts: int
) -> tuple[Sandbox, SandboxHistory]:
    sandbox = Sandbox(data_dir)
    choice = _saved_choice(data_dir) or {
        "seed": seed,
        "days": days,
        "until": (sandbox.shared.clock.now() - SETTLED).replace(minute=0, second=0, microsecond=0).isoformat(),
        "entries": str(entries.absolute()) if entries else None,
        "accounts": accounts,
    }
    history = _load_file(sandbox, choice) if choice["entries"] else _load_organisation(sandbox, choice)
    (data_dir / CHOICE_FILE).write_text(json.dumps(choice), encoding="utf-8")
    return sandbox, history


def _load_organisation(sandbox: Sandbox, choice: dict[str, Any]) -> SandboxHistory:
    until, accounts = datetime.fromisoformat(choice["until"]), choice.get("accounts", 1)
    sandbox.cloudflare.load_organisation(choice["seed"], until, choice["days"])
    for number in range(2, accounts + 1):
        another = sandbox.add_account(f"{sandbox.datasets[0]}-{number}")
        visitor = choice["seed"] if number == accounts else None
        another.load_organisation(choice["seed"] + number - 1, until, choice["days"], seed_of_visitor=visitor)
    return SandboxHistory(until - timedelta(days=choice["days"]), until)


def _load_file(sandbox: Sandbox, choice: dict[str, Any]) -> SandboxHistory:
    entries = read_entries(Path(choice["entries"]))
    sandbox.cloudflare.load_entries(entries)
    until = _hour(entries.last) + timedelta(hours=1)
    first = max(_hour(entries.first), until - timedelta(days=choice["days"]))
    outside = sum(entry.time < first for entry in (*entries.v1, *entries.v2))
    return SandboxHistory(first, until, entries.unrecognized, entries.unreadable, tuple(entries.problems), outside)


def _hour(time: datetime) -> datetime:
    return time.astimezone(UTC).replace(minute=0, second=0, microsecond=0)


def _saved_choice(data_dir: Path) -> dict[str, Any] | None:
    """What was served from this directory before; None for a first start, or one that was interrupted."""
    try:
        choice = json.loads((data_dir / CHOICE_FILE).read_text(encoding="utf-8"))
        return choice if {"seed", "days", "until", "entries"} <= choice.keys() else None
    except (FileNotFoundError, ValueError, AttributeError):
        return None
