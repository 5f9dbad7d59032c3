"""The sandbox as a program: `python -m audit_assets.sandbox --port P --data DIR`, until it is stopped."""

import argparse
import shlex
import signal
import sys
import threading
from collections.abc import Sequence
from pathlib import Path

from audit_assets.sandbox.server import HOST, Sandbox, running
from audit_assets.sandbox.world import CannotServe, World, furnish


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until SIGINT or SIGTERM. Returns the exit code: 1, after one sentence, when it can't start."""
    asked = _asked(arguments)
    stopped = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopped.set())
    try:
        _serve(asked, stopped)
    except CannotServe as error:
        print(f"The sandbox can't start: {error}", file=sys.stderr)
        return 1
    return 0


def _asked(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m audit_assets.sandbox",
        description="Cloudflare's audit API, Axiom and Linear on this machine, until stopped.",
    )
    parser.add_argument("--port", type=int, required=True, help="on loopback; 0 takes any free one")
    parser.add_argument(
        "--data",
        type=Path,
        required=True,
        help="directory that keeps the state; one that was used before goes on with what it served",
    )
    parser.add_argument("--seed", type=int, default=1, help="of the invented organisation (default: 1)")
    parser.add_argument("--history-days", type=int, default=30, help="of its past life (default: 30)")
    parser.add_argument("--entries", type=Path, help="serve this file of audit entries in place of the organisation")
    return parser.parse_args(arguments)


def _serve(asked: argparse.Namespace, stopped: threading.Event) -> None:
    sandbox, world = furnish(asked.data, seed=asked.seed, days=asked.history_days, entries=asked.entries)
    _report(asked.entries, world)
    try:
        with running(sandbox, asked.port):
            print(_settings(sandbox), flush=True)
            stopped.wait()
    except (OSError, OverflowError) as error:
        reason = getattr(error, "strerror", None) or error
        raise CannotServe(f"{HOST}:{asked.port} can't be listened on ({reason}); choose another --port") from None


def _report(entries: Path | None, world: World) -> None:
    """What of a file was not as it should be."""
    for trouble in world.troubles:
        print(f"{entries}, {trouble}", file=sys.stderr)
    if world.not_understood or world.unreadable:
        served = f"{world.not_understood} records are served as they stand"
        print(f"{entries}: {served}, {world.unreadable} could not be read", file=sys.stderr)


def _settings(sandbox: Sandbox) -> str:
    exports = " ".join(f"{name}={shlex.quote(value)}" for name, value in sandbox.environment().items())
    return f"The sandbox is at {sandbox.url} - export {exports}"


if __name__ == "__main__":
    sys.exit(main())
