"""SIGTERM, with which systemd, Docker and Kubernetes ask a process to end: whatever runs has 10 seconds.

A command that gets one unwinds as after Ctrl-C, but waits for nothing that takes longer; `audit-assets dev` passes it
on to all that it started. What is under way is given up: files are written whole or not at all, and the hour is run
again.
"""

import os
import signal
import subprocess
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn

from audit_assets.storage.file_modes import PRIVATE_FOLDER

TERMINATED = 128 + signal.SIGTERM
"""Exit code after SIGTERM, as shells have it."""

GRACE_SECONDS = 7.0
"""That what was started has to end by itself; then it is killed. Together with our own end it is less than 10."""


_received = threading.Event()


class Terminated(KeyboardInterrupt):
    """This process got a SIGTERM."""


def was_terminated() -> bool:
    """Whether this process got a SIGTERM: Typer makes an exit of its own of what is raised then."""
    return _received.is_set()


def raise_terminated_on_sigterm() -> None:
    """From now on."""

    def handle(_signal: int, _frame: FrameType | None) -> NoReturn:
        _received.set()
        raise Terminated

    signal.signal(signal.SIGTERM, handle)


def run_until_exit(command: list[str], environment: Mapping[str, str], folder: Path) -> int:
    """Run a command until it ends or this process is asked to end; returns its exit code.

    It runs in a folder of its own: Dagster lets a `.env` in its working directory override the environment, including
    the sandbox's addresses. On POSIX it and all that it starts are a process group, which gets what this process gets:
    after Ctrl-C it shuts down in its own time, and after SIGTERM nothing of it is left within GRACE_SECONDS.
    """
    folder.mkdir(PRIVATE_FOLDER, parents=True, exist_ok=True)
    own_group: dict[str, Any] = {} if os.name == "nt" else {"process_group": 0}
    with subprocess.Popen(command, env=environment, cwd=folder, **own_group) as child:  # noqa: S603 - no part of it is untrusted
        try:
            with _passed_on(child):
                return child.wait()
        except Terminated:
            return _ended(child)


@contextmanager
def _passed_on(child: subprocess.Popen[Any]) -> Iterator[None]:
    """Within: Ctrl-C goes to the child's group, which a terminal no longer does, and SIGTERM ends the block."""
    raise_terminated_on_sigterm()
    before = signal.signal(signal.SIGINT, lambda *_: _signal_group(child, signal.SIGINT))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _ended(child: subprocess.Popen[Any]) -> int:
    """The exit code, once nothing of the child's group is left."""
    _signal_group(child, signal.SIGTERM)
    with suppress(subprocess.TimeoutExpired):
        child.wait(GRACE_SECONDS)
    _signal_group(child, signal.SIGTERM if os.name == "nt" else signal.SIGKILL)
    return child.wait()


def _signal_group(child: subprocess.Popen[Any], number: int) -> None:
    with suppress(ProcessLookupError):
        if os.name == "nt":
            child.send_signal(number)
        else:
            os.killpg(child.pid, number)
