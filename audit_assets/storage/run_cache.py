"""What one run has read from an object store or written to it, so that it requests each object once.

It belongs to one run in one process: another run, or another process of the same run, begins with nothing and sees what
is stored then. Nothing depends on it but the number of requests. A folder on this machine needs none.
"""

from collections import OrderedDict
from contextlib import suppress
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from shutil import rmtree
from tempfile import mkdtemp
from threading import Lock
from weakref import finalize

MOST_IN_MEMORY = 64 << 20
"""Bytes. What was used longest ago is read again beyond that. A judgement."""

LARGE = 8 << 20
"""Bytes of an object that is kept in a file, so that a large hour is not in memory as long as its run lasts."""

MOST_ON_DISK = 4 << 30
"""Bytes of all such files. A judgement."""


@dataclass
class RunCache:
    """`listed`: the objects of the folders that were listed, with what tells one version of an object from another;
    `opened`: of these folders, those of which the copies were read. `written`: what this run wrote itself;
    `too_large`: which versions of objects have no copy for that reason.
    `single_until`: what `layout.json` has (hour_groups.py)."""

    listed: dict[str, dict[str, str]] = field(default_factory=dict)
    opened: set[str] = field(default_factory=set)
    too_large: dict[str, str] = field(default_factory=dict)
    written: set[str] = field(default_factory=set)
    single_until: str | None = None
    _in_files: dict[str, Path] = field(default_factory=dict)
    _folder: Path | None = None
    _kept: "OrderedDict[str, bytes | None]" = field(default_factory=OrderedDict)
    _bytes: int = 0

    def __contains__(self, path: str) -> bool:
        in_file = self._in_files.get(path)
        return path in self._kept or (in_file is not None and in_file.exists())

    def get(self, path: str) -> bytes | None:
        """What is kept of a path; None if nothing is there."""
        if path in self._in_files:
            return self._in_files[path].read_bytes()
        self._kept.move_to_end(path)
        return self._kept[path]

    def put(self, path: str, content: bytes | None) -> None:
        """Keep what is at a path; None if nothing is there."""
        self.drop(path)
        if content is not None and len(content) > LARGE:
            self._put_into_file(path, content)
            return
        self._kept[path] = content
        self._bytes += len(content or b"")
        while self._bytes > MOST_IN_MEMORY:
            self._bytes -= len(self._kept.popitem(last=False)[1] or b"")

    def knows_missing(self, path: str) -> bool:
        """Whether nothing was at a path when its folder was listed, nor is by this run."""
        folder, _, name = path.rpartition("/")
        return path not in self.written and name not in self.listed.get(folder, {name: ""})

    def drop(self, path: str) -> None:
        """Forget a path."""
        self._bytes -= len(self._kept.pop(path, None) or b"")
        if file := self._in_files.pop(path, None):
            file.unlink(missing_ok=True)

    def _put_into_file(self, path: str, content: bytes) -> None:
        """Where there is no room for it, it is read again each time."""
        if sum(file.stat().st_size for file in self._in_files.values()) + len(content) > MOST_ON_DISK:
            return
        with suppress(OSError):
            if self._folder is None:
                self._folder = Path(mkdtemp(prefix="audit_assets-"))  # for its owner alone
                finalize(self, rmtree, self._folder, ignore_errors=True)
            file = self._folder / sha256(path.encode()).hexdigest()
            try:
                file.write_bytes(content)
            except OSError:
                file.unlink(missing_ok=True)
                raise
            self._in_files[path] = file


class _OfNewestRun:
    """The cache of the run that this process works on."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._run_id: str | None = None
        self._cache = RunCache()

    def of_run(self, run_id: str) -> RunCache:
        with self._lock:
            if self._run_id != run_id:
                self._run_id, self._cache = run_id, RunCache()
            return self._cache


_NEWEST = _OfNewestRun()


def cache_of_run(run_id: str) -> RunCache:
    """The cache of a run in this process; that of the run before is gone then."""
    return _NEWEST.of_run(run_id)
