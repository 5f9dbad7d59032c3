"""One command at a time in a home: the demo, `dev`, or what starts the sandbox in it."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from audit_assets.config.errors import AuditAssetsError
from audit_assets.storage.file_modes import PRIVATE_FOLDER

LOCK = ".in-use"
"""Locked by the operating system, which unlocks it when the process ends, however it ends. The file may stay."""


class HomeError(AuditAssetsError):
    """A home can't be used."""


@contextmanager
def locked_home(home: Path) -> Iterator[None]:
    """Keep other commands out of this folder until the block ends; the folder is made if necessary.

    Raises `HomeError` if another command is in it, or if it can't be written.
    """
    lock = FileLock(home / LOCK)
    try:
        home.mkdir(PRIVATE_FOLDER, parents=True, exist_ok=True)
        lock.acquire(timeout=0)
    except Timeout:
        raise HomeError(
            f"{home} is in use by another audit-assets command: stop that one, or name another folder with --home."
        ) from None
    except OSError as error:
        raise HomeError(f"{home} can't be used: {error.strerror}. Name another folder with --home.") from None
    try:
        yield
    finally:
        lock.release()
