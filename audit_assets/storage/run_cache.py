"""What one run has read from an object store or written to it, so that it requests each object once.

It belongs to one run in one process: another run, or another process of the same run, begins with nothing and sees what
is stored then. Nothing depends on it but the number of requests. A folder on this machine needs none.
"""

from collections import OrderedDict
from dataclasses import dataclass, field
from threading import Lock

MOST_KEPT = 64 << 20
"""Bytes. What was used longest ago is read again beyond that, and a larger object each time. A judgement."""


@dataclass
class RunCache:
    """`listed`: the objects of the folders that were listed, with what tells one version of an object from another;
    `opened`: of these folders, those of which the copies were read. `written`: what this run wrote itself.
    `single_until`: what `layout.json` has (hour_groups.py)."""

    listed: dict[str, dict[str, str]] = field(default_factory=dict)
    opened: set[str] = field(default_factory=set)
    written: set[str] = field(default_factory=set)
    single_until: str | None = None
    _kept: "OrderedDict[str, bytes | None]" = field(default_factory=OrderedDict)
    _bytes: int = 0

    def __contains__(self, path: str) -> bool:
        return path in self._kept

    def get(self, path: str) -> bytes | None:
        """What is kept of a path; None if nothing is there."""
        self._kept.move_to_end(path)
        return self._kept[path]

    def put(self, path: str, content: bytes | None) -> None:
        """Keep what is at a path; None if nothing is there."""
        self.drop(path)
        if content is not None and len(content) > MOST_KEPT:
            return
        self._kept[path] = content
        self._bytes += len(content or b"")
        while self._bytes > MOST_KEPT:
            self._bytes -= len(self._kept.popitem(last=False)[1] or b"")

    def knows_missing(self, path: str) -> bool:
        """Whether nothing was at a path when its folder was listed, nor is by this run."""
        folder, _, name = path.rpartition("/")
        return path not in self.written and name not in self.listed.get(folder, {name: ""})

    def drop(self, path: str) -> None:
        """Forget a path."""
        self._bytes -= len(self._kept.pop(path, None) or b"")


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
