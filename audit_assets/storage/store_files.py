"""The files of the hour store: in a folder, or in an object store behind one of fsspec's backends.

Every exception of every backend leaves here as one sentence with what to do, and no call to an object store takes
longer than TIME_LIMIT: fsspec has no deadline of its own, and a store that never answers would hold a run for ever.
"""

import hashlib
import re
import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future
from pathlib import Path
from typing import Any, TypeVar, cast

from upath import UPath

from audit_assets.config.errors import StoreError
from audit_assets.storage.durable_files import create_durably, replace_durably
from audit_assets.storage.run_cache import RunCache

T = TypeVar("T")

PARTICIPLES = {"read": "read", "write": "written", "delete": "deleted", "list": "listed"}

TIME_LIMIT = 120.0
"""Seconds. Backends retry by themselves for less; a large hour of 100 MB takes ten on a slow line."""

SETTING = "AUDIT_ASSETS_STORAGE"

THROUGH_THE_PROXY = {"session_kwargs": {"trust_env": True}}
OPTIONS: dict[str, dict[str, Any]] = {"gs": THROUGH_THE_PROXY, "gcs": THROUGH_THE_PROXY}
"""By protocol: gcsfs follows HTTPS_PROXY only if it is asked to; the other backends do by themselves."""

NO_CONTAINER = re.compile(r"(bucket|container) .*not (exist|found)|nosuchbucket|containernotfound", re.IGNORECASE)
"""How backends call a bucket that does not exist: s3fs raises for it what it raises for a missing file."""

ADVICE = (
    ("credential|token|login", "Set the credentials that its backend reads"),
    ("permission|forbidden|denied|unauthori[sz]ed", "Permit its credentials to read, write, list and delete there"),
    ("connect|time ?out|timed out|no answer|resolve|unreachable|ssl|dns|endpoint", "Check its address and the network"),
)
"""By what the class or the message of an error has in it."""


class StoreFiles:
    """The files under a root. A file that was never written reads as None."""

    def __init__(self, root: str, cache: RunCache | None = None) -> None:
        """Nothing is read yet. `cache`: of the run that this is for; a folder on this machine needs none. Raises
        `StoreError` for a URL that no installed package of fsspec's knows."""
        try:
            self.root = UPath(root, **OPTIONS.get(root.split("://", maxsplit=1)[0], {}))
            if self.root.protocol in ("file", "local"):
                self.root = UPath(self.root.path)  # written as any folder is: durably, and for its owner alone
            if not isinstance(self.root, Path):
                _ = self.root.fs  # imports the backend
            elif "://" in root and not root.startswith(("file:", "local:")):
                raise ValueError(f"{root.split('://', maxsplit=1)[0]}:// is no protocol that is known")
        except (ImportError, ValueError) as error:
            raise StoreError(f"{SETTING} can't be used: {error}. Install what it names, or correct it.") from None
        self.cache = None if self.is_folder else cache

    @property
    def is_folder(self) -> bool:
        """Whether the files are on this machine, each with a path of its own."""
        return isinstance(self.root, Path)

    def read(self, path: UPath, last: int | None = None) -> bytes | None:
        """A file, or its last so many bytes (or more)."""
        if self.cache is None:
            return self._read(path, last)
        whole, end = str(path), f"{path}#{last}"
        for known in (whole, end):
            if known in self.cache:
                return self.cache.get(known)
        if self.cache.knows_missing(whole):
            return None
        content = self._read(path, last)
        is_whole = last is None or content is None or len(content) < last  # all of a small file is its end
        self.cache.put(whole if is_whole else end, content)
        return content

    def _read(self, path: UPath, last: int | None) -> bytes | None:
        def local() -> bytes:
            with Path(str(path)).open("rb") as file:
                if last is not None:
                    size = file.seek(0, 2)
                    file.seek(max(0, size - last))
                return file.read()

        def remote() -> bytes:
            # From a byte on: without one, s3fs asks for the size before it reads
            return cast(bytes, path.fs.cat_file(path.path, start=0 if last is None else -last))

        try:
            return self._done("read", path, local if self.is_folder else remote)
        except FileNotFoundError:
            return None

    def write(self, path: UPath, content: bytes) -> None:
        """Replace a file: a reader sees the old one or the new one, whole. One put of an object store is that by
        itself, and what is uploaded in parts appears with the last of them."""
        if self.is_folder:
            self._done("write", path, lambda: replace_durably(Path(str(path)), content))
        else:
            self._done("write", path, lambda: path.fs.pipe_file(path.path, content))
        self._remember(path, content)

    def create(self, path: UPath, content: bytes) -> bool:
        """Write a file that is not there yet, and return whether it was not; one that is there stays as it is, also if
        another process writes it at the same moment. An object store has to know how to write only what is not
        there."""

        def remote() -> bool:
            try:
                path.fs.pipe_file(path.path, content, mode="create")
            except Exception:  # each backend has another one for it
                if not path.exists():
                    raise
                return False
            return True

        is_new = self._done(
            "write", path, (lambda: create_durably(Path(str(path)), content)) if self.is_folder else remote
        )
        if is_new:
            self._remember(path, content)
        elif self.cache is not None:
            self.cache.drop(str(path))  # another process was the first
        return is_new

    def delete(self, path: UPath) -> None:
        """Take a file, or an empty folder, away."""
        self._remember(path, None)
        self._done("delete", path, path.rmdir if self.is_folder and path.is_dir() else path.unlink)

    def names(self, path: UPath) -> list[str]:
        """The names in a folder, sorted; none if there is no such folder."""

        def listed() -> list[str]:
            try:
                if not self.is_folder:
                    path.fs.invalidate_cache()  # backends keep listings, whatever other processes write meanwhile
                return sorted(each.name for each in path.iterdir())
            except NotADirectoryError as error:
                if self.is_folder and not self.root.is_dir():
                    raise
                raise FileNotFoundError(str(error)) from None  # a file beside the folders: a table that has no hours

        try:
            return self._done("list", path, listed)
        except FileNotFoundError:
            return []

    def listing(self, path: UPath, prefix: str = "") -> dict[str, str]:
        """The files of an object store below a folder, whose names there begin so, and what tells one version of each
        from another. A request for a thousand files."""

        def listed() -> dict[str, str]:
            path.fs.invalidate_cache()
            found = cast(dict[str, Any], path.fs.find(path.path, detail=True, prefix=prefix))
            start = len(path.path.rstrip("/")) + 1
            return {name[start:]: _version_of(info) for name, info in found.items()}

        try:
            return self._done("list", path, listed)
        except FileNotFoundError:
            return {}

    def _remember(self, path: UPath, content: bytes | None) -> None:
        if self.cache is not None:
            self.cache.put(str(path), content)
            self.cache.written.add(str(path))

    def _done(self, what: str, path: UPath, call: Callable[[], T]) -> T:
        """What the call returns. Raises `StoreError`, and `FileNotFoundError` when reading."""
        try:
            return call() if self.is_folder else within(TIME_LIMIT, call)
        except FileNotFoundError as error:
            if what in ("read", "list") and not NO_CONTAINER.search(str(error)):
                raise
            raise _store_error(what, path, error) from None
        except Exception as error:  # a backend raises whatever its libraries do
            raise _store_error(what, path, error) from None


def _version_of(info: Mapping[str, Any]) -> str:
    """All that a backend lists of a file, as a hash: its size and time, and what it has of a version. Behind it the tag
    of S3, which of most objects is the MD5 of their content."""
    return f"{hashlib.sha256(repr(sorted(info.items())).encode()).hexdigest()} {info.get('ETag', '')}"


def is_version_of(version: str, content: bytes) -> bool:
    """Whether a version is certainly that of this content."""
    return hashlib.md5(content, usedforsecurity=False).hexdigest() in version.partition(" ")[2]


def within(seconds: float, call: Callable[[], T]) -> T:
    """What the call returns, or raises. After so many seconds it is left to itself, and `TimeoutError` is raised."""
    answer: Future[T] = Future()

    def run() -> None:
        try:
            answer.set_result(call())
        except BaseException as error:
            answer.set_exception(error)

    threading.Thread(target=run, daemon=True).start()  # a pool would wait for it when the process ends
    try:
        return answer.result(timeout=seconds)
    except TimeoutError:
        if answer.done():  # the call's own
            raise
        raise TimeoutError(f"no answer within {seconds:g} s") from None


def _store_error(what: str, path: UPath, error: Exception) -> StoreError:
    """One sentence: the file, the reason, and what to do."""
    causes = " ".join(f"{type(each).__name__} {each}" for each in _chain(error))
    reason = str(getattr(error, "strerror", None) or error or type(error).__name__).rstrip(".")
    if isinstance(path, Path):
        advice = "Free some space" if what == "write" else "Correct its permissions"
    elif NO_CONTAINER.search(causes):
        advice = "Create the bucket"
    else:
        named = (advice for words, advice in ADVICE if re.search(words, causes, re.IGNORECASE))
        advice = next(named, "See what its backend is about")
    remedy = f"{advice}, or correct {SETTING}, then run the hour again."
    return StoreError(f"{path} can't be {PARTICIPLES[what]}: {reason}. {remedy}")


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__
