"""Files of this machine that are written whole or not at all, whatever happens to the process or the power."""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from uuid import uuid4

from audit_assets.storage.file_modes import PRIVATE_FILE, PRIVATE_FOLDER

STALE_SECONDS = 3600
"""No write takes so long."""


def replace_durably(path: Path, content: bytes, mode: int = PRIVATE_FILE) -> None:
    """Write to a temporary name, then rename, with the file, its folder and whatever folder is new synced.

    Without the first fsync a power cut may leave a renamed, empty file; without the others, none, or not even the day
    (docs/facts/reliability.md, 2a). Raises `OSError`.
    """
    with _half_written(path, content, mode) as half_written:
        half_written.replace(path)


def create_durably(path: Path, content: bytes) -> bool:
    """The same, but a file that is there stays. Returns whether none was."""
    if path.exists():
        return False
    with _half_written(path, content) as half_written, suppress(FileExistsError):
        try:
            os.link(half_written, path)
        except PermissionError:  # a file system without hard links; it is whole all the same
            half_written.replace(path)
        return True
    return False


@contextmanager
def _half_written(path: Path, content: bytes, mode: int = PRIVATE_FILE) -> Iterator[Path]:
    """A file beside `path` that has the content, for the block to give it the name. Gone afterwards."""
    _make_durably(path.parent)
    _sweep(path)
    half_written = path.with_name(f".{path.name}.{uuid4().hex}.tmp")
    try:
        half_written.touch(PRIVATE_FILE, exist_ok=False)
        with half_written.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        if mode != PRIVATE_FILE:
            half_written.chmod(mode)
        yield half_written
    finally:
        half_written.unlink(missing_ok=True)
    _sync_folder(path.parent)


def _sweep(path: Path) -> None:
    """Take away what processes that were killed have left half written. A young one may still be somebody's."""
    for left in path.parent.glob(f".{path.name}.*.tmp"):
        with suppress(OSError):  # its size is its only harm; what prevents writing is raised by the write itself
            if time.time() - left.stat().st_mtime > STALE_SECONDS:
                left.unlink()


def _make_durably(folder: Path) -> None:
    """Make a folder and those above it. The name of a new one is lost in a power cut until the one above is synced."""
    if folder.exists():
        return
    _make_durably(folder.parent)
    folder.mkdir(PRIVATE_FOLDER, exist_ok=True)
    _sync_folder(folder.parent)


def _sync_folder(folder: Path) -> None:
    if os.name == "nt":  # a folder can't be opened there
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
