"""The sandbox as a program: `python -m audit_assets.sandbox --port P --data DIR`, until it is stopped."""

import argparse
import os
import shlex
import signal
import sys
import threading
from collections.abc import Sequence
from pathlib import Path

try:
    from audit_assets.sandbox.sandbox_history import SandboxHistory, SandboxSetupError, open_sandbox
    from audit_assets.sandbox.server import HOST, Sandbox, serve_sandbox
except ModuleNotFoundError as error:
    sys.exit(f"The sandbox needs the package {error.name}: pip install 'audit-assets[sandbox]'.")


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until SIGINT or SIGTERM. Returns the exit code: 1, after an error message, when it can't start."""
    parsed = _parse_arguments(arguments)
    stopped = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopped.set())
    try:
        _serve(parsed, stopped)
    except SandboxSetupError as error:
        print(f"The sandbox can't start: {error}", file=sys.stderr)
        return 1
    return 0


def _parse_arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m audit_assets.sandbox",
        description="Cloudflare's audit API, Axiom and Linear on this machine, until stopped.",
    )
    parser.add_argument("--port", type=int, required=True, help="on loopback; 0 takes any free one")
    parser.add_argument(
        "--data",
        type=Path,
        required=True,
        help="directory that keeps the state; one that was used before serves the same again, to new tokens",
    )
    parser.add_argument("--seed", type=int, default=1, help="seed of the invented organisation (default: 1)")
    parser.add_argument("--history-days", type=int, default=30, help="of history of the organisation (default: 30)")
    parser.add_argument("--entries", type=Path, help="serve this file of audit entries in place of the organisation")
    return parser.parse_args(arguments)


def _serve(parsed: argparse.Namespace, stopped: threading.Event) -> None:
    sandbox, history = open_sandbox(parsed.data, seed=parsed.seed, days=parsed.history_days, entries=parsed.entries)
    _report_problems(parsed.entries, history)
    try:
        with serve_sandbox(sandbox, parsed.port):
            print(_exports(sandbox), flush=True)
            print(f"Its tickets: {sandbox.tickets_address()}", flush=True)
            stopped.wait()
    except (OSError, OverflowError) as error:
        reason = getattr(error, "strerror", None) or error
        raise SandboxSetupError(
            f"{HOST}:{parsed.port} can't be listened on ({reason}); choose another --port"
        ) from None


def _report_problems(entries: Path | None, history: SandboxHistory) -> None:
    """The problems of a file, one a line."""
    for problem in history.problems:
        print(f"{entries}, {problem}", file=sys.stderr)
    if history.unrecognized or history.unreadable:
        served = f"{history.unrecognized} unrecognized records are served unchanged"
        print(f"{entries}: {served}, {history.unreadable} could not be read", file=sys.stderr)


def _exports(sandbox: Sandbox) -> str:
    exports = " ".join(f"{name}={shlex.quote(value)}" for name, value in sandbox.environment().items())
    return f"The sandbox is at {sandbox.url} - export {exports}"


if __name__ == "__main__":
    os.umask(0o077)  # what is stored is its owner's alone
    sys.exit(main())
