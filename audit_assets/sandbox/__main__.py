"""The sandbox as a program: `python -m audit_assets.sandbox --port P --data DIR`, until it is stopped."""

import argparse
import json
import shlex
import signal
import sys
import threading
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import duckdb

from audit_assets.sandbox.entries_file import EntriesFileError, FileEntries, read_entries
from audit_assets.sandbox.server import HOST, Sandbox, running

ORGANISATION_FILE = "organisation.json"
"""Remembers when an organisation was first looked at, so that a sandbox that is started again goes on with its life."""


class CannotStart(Exception):
    """One sentence that says why not."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until SIGINT or SIGTERM. Returns the exit code: 1, after one sentence, when it can't start."""
    asked = _asked(arguments)
    stopped = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopped.set())
    try:
        _serve(asked, stopped)
    except (CannotStart, EntriesFileError) as error:
        print(f"The sandbox can't start: {error}", file=sys.stderr)
        return 1
    return 0


def _asked(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m audit_assets.sandbox",
        description="Cloudflare's audit API, Axiom and Linear on this machine, until stopped.",
    )
    parser.add_argument("--port", type=int, required=True, help="on loopback; 0 takes any free one")
    parser.add_argument("--data", type=Path, required=True, help="directory that keeps the state")
    parser.add_argument("--seed", type=int, default=1, help="of the invented organisation (default: 1)")
    parser.add_argument("--history-days", type=int, default=30, help="of its past life (default: 30)")
    parser.add_argument("--entries", type=Path, help="serve this file of audit entries in place of the organisation")
    return parser.parse_args(arguments)


def _serve(asked: argparse.Namespace, stopped: threading.Event) -> None:
    entries = read_entries(asked.entries) if asked.entries else None
    try:
        sandbox = Sandbox(asked.data)
        _fill(sandbox, asked, entries)
    except (OSError, duckdb.Error) as error:
        reason = getattr(error, "strerror", None) or " ".join(str(error).split())
        raise CannotStart(f"{asked.data} can't be used as its directory ({reason})") from None
    try:
        with running(sandbox, asked.port):
            print(_settings(sandbox), flush=True)
            stopped.wait()
    except (OSError, OverflowError) as error:
        reason = getattr(error, "strerror", None) or error
        raise CannotStart(f"{HOST}:{asked.port} can't be listened on ({reason}); choose another --port") from None


def _fill(sandbox: Sandbox, asked: argparse.Namespace, entries: FileEntries | None) -> None:
    if entries is None:
        sandbox.cloudflare.load_organisation(asked.seed, _looked_at(asked.data, asked.seed), asked.history_days)
        return
    sandbox.cloudflare.load_entries(entries)
    for trouble in entries.troubles:
        print(f"{asked.entries}, {trouble}", file=sys.stderr)
    counts = f"{len(entries)} entries, {entries.not_understood} not understood, {entries.unreadable} unreadable"
    print(f"{asked.entries}: {counts}, {entries.first.isoformat()} to {entries.last.isoformat()}", file=sys.stderr)


def _looked_at(data: Path, seed: int) -> datetime:
    """When the organisation of this seed was first looked at from this directory: now, if never."""
    remembered, now = data / ORGANISATION_FILE, datetime.now(UTC)
    try:
        told = json.loads(remembered.read_text(encoding="utf-8"))
        if told["seed"] == seed:
            return datetime.fromisoformat(told["until"])
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        pass  # a first start, or one that was interrupted
    remembered.write_text(json.dumps({"seed": seed, "until": now.isoformat()}), encoding="utf-8")
    return now


def _settings(sandbox: Sandbox) -> str:
    exports = " ".join(f"{name}={shlex.quote(value)}" for name, value in sandbox.environment().items())
    return f"The sandbox is at {sandbox.url} - export {exports}"


if __name__ == "__main__":
    sys.exit(main())
