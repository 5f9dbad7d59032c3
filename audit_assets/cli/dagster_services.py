"""What `audit-assets dev` runs as a process: Dagster's web server behind the guard, and Dagster's daemon.

`dagster dev` starts the same two, but its web server has neither a login nor a check of where a request comes from, and
nothing can be put in front of it that leaves no open port. Here the guarded application is the only one that listens.
"""

import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import uvicorn
from dagster import DagsterInstance
from dagster_webserver.app import create_app_from_workspace_process_context
from dagster_webserver.cli import DEFAULT_DB_STATEMENT_TIMEOUT, DEFAULT_POOL_MAX_OVERFLOW, DEFAULT_POOL_RECYCLE

from audit_assets.cli.automation_state import automation_that_is_off
from audit_assets.cli.console import progress
from audit_assets.cli.workspace import MODULE, open_workspace
from audit_assets.guard.browser_guard import BrowserGuard
from audit_assets.guard.start_token import TOKEN_VARIABLE, address_with_token

HOST = "127.0.0.1"
POLL_MILLISECONDS = 2000
"""How often a page asks for news: the default of `dagster dev`."""

SHUTDOWN_SECONDS = 2
"""That open pages have: their WebSockets would keep the server for as long as somebody looks at it."""

DAEMON = [sys.executable, "-m", "dagster._daemon", "run", "-m", MODULE]


def main() -> int:
    """Serve on the port in the first argument until SIGINT or SIGTERM. Returns the exit code."""
    token = os.environ.pop(TOKEN_VARIABLE)  # neither runs nor code servers need it
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        with ExitStack() as stack:
            return _serve(stack, int(sys.argv[1]), token)
    except KeyboardInterrupt:
        return 0


def _serve(stack: ExitStack, port: int, token: str) -> int:
    try:
        listening = stack.enter_context(socket.create_server((HOST, port)))
    except OSError as error:
        reason = os.strerror(error.errno or 0)
        progress.print(f"audit-assets: {HOST}:{port} can't be listened on ({reason}): choose another --port.")
        return 1
    instance = stack.enter_context(DagsterInstance.get())
    instance.optimize_for_webserver(DEFAULT_DB_STATEMENT_TIMEOUT, DEFAULT_POOL_RECYCLE, DEFAULT_POOL_MAX_OVERFLOW)
    daemon = stack.enter_context(_running_daemon())
    workspace = stack.enter_context(open_workspace(instance))
    ui = create_app_from_workspace_process_context(workspace, live_data_poll_rate=POLL_MILLISECONDS)
    server = uvicorn.Server(
        uvicorn.Config(
            BrowserGuard(ui, token), log_level="warning", lifespan="off", timeout_graceful_shutdown=SHUTDOWN_SECONDS
        )
    )
    threading.Thread(target=_stop_after, args=(daemon, server), daemon=True).start()
    address = address_with_token(f"http://{HOST}:{listening.getsockname()[1]}/", token)
    print(f"The Dagster UI: {address}", flush=True)
    if off := automation_that_is_off(instance):
        print(f"Turn on there, under Automation: {', '.join(off)}.", flush=True)
    server.run(sockets=[listening])
    if daemon.poll() is None:
        return 0
    progress.print(f"audit-assets: Dagster's daemon ended with exit code {daemon.returncode}; its log is above.")
    return 1


@contextmanager
def _running_daemon() -> Iterator[subprocess.Popen[bytes]]:
    """Dagster's daemon, until the block ends."""
    with subprocess.Popen(DAEMON) as daemon:  # noqa: S603 - no part of it is untrusted
        try:
            yield daemon
        finally:
            daemon.terminate()


def _stop_after(daemon: subprocess.Popen[bytes], server: uvicorn.Server) -> None:
    """Without its daemon the UI would show automation that does not run."""
    daemon.wait()
    server.should_exit = True


if __name__ == "__main__":
    sys.exit(main())
