"""Where a run can be killed: named points between any two steps that another process could see.

The points are the process's own seams (opening, syncing and renaming files, sending requests, Dagster noting events),
so that the project itself has no code for them. A point's name describes what has happened and what has not; the second
time of the same step in a run is another point.
"""

import os
import re
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

import dagster as dg
import httpx
from requests.adapters import HTTPAdapter
from s3fs import S3FileSystem
from urllib3.connection import HTTPConnection

from audit_assets.storage.hour_groups import FOLDER

Reached = Callable[[str], None]
S3 = "s3://"

NOTED_EVENTS = {
    "STEP_START": ("{step} about to start", None),
    "ASSET_MATERIALIZATION": ("{step} done, not noted as materialised", "{step} noted as materialised, not as ended"),
    "ASSET_CHECK_EVALUATION": ("{step} judged, its verdict not noted", "{step} judged and noted"),
    "PIPELINE_SUCCESS": ("everything done, the run not noted as ended", "the run noted as ended"),
}
"""Dagster's events that other runs and sensors read: the points before and after they are written."""

SENT = ("about to be sent", "sent, not answered", "landed, its answer not read")
"""What happens to a request. The service decides whether one that was sent is carried out before the next run."""

NEW_FOLDER = ("about to get a folder", "got a folder, not synced")
FILE_STEPS = (
    "half written",
    "written, not synced",
    "synced, not renamed",
    "renamed, its folder not synced",
    "renamed, its folder synced",
)
"""What happens to a table's file, in the one order that survives a power cut; to a day's first file, NEW_FOLDER before
it (docs/facts/reliability.md, 2a)."""

NAMED = (
    "cloudflare v2 page landed, its answer not read",
    "cloudflare v1 page about to be sent",
    "raw_audit_entries half written",
    "raw_audit_entries synced, not renamed",
    "raw_audit_entries renamed, its folder not synced",
    "raw_audit_entries done, not noted as materialised",
    "axiom ingest about to be sent",
    "axiom ingest sent, not answered",
    "axiom ingest landed, its answer not read",
    "proof_in_axiom judged, its verdict not noted",
    "flagged_actors renamed, its folder not synced",
    "storage put landed, its answer not read",
    "linear issueCreate sent, not answered",
    "linear issueCreate landed, its answer not read",
    "linear attachmentCreate landed, its answer not read",
    "linear commentCreate landed, its answer not read",
    "linear attachmentCreate landed, its answer not read (2nd)",
    "linear issueCreate landed, its answer not read (2nd)",
    "digests synced, not renamed",
    "flagged_actor_summary synced, not renamed",
    "everything done, the run not noted as ended",
)
"""One of each kind, and those where simplified programs lost something (docs/facts/reliability.md, 5): the short form
uses these alone, the full form most often. A run has many more."""

NAMED_ON_S3 = (
    *(point for point in NAMED if not any(step in point for step in FILE_STEPS)),
    "raw_audit_entries put about to be sent",
    "raw_audit_entries put landed, its answer not read",
    "axiom_record put landed, its answer not read",
    "baselines put landed, its answer not read",
    "flags put about to be sent",
    "flags put landed, its answer not read",
    "tickets put about to be sent",
    "tickets put landed, its answer not read",
    "digest put landed, its answer not read",
    "summary put about to be sent",
    "summary put landed, its answer not read",
    "day put about to be sent",
    "day put landed, its answer not read",
)
"""The same where the hours are in an object store: a put has no steps that another process could see."""

ORDINALS = ("", " (2nd)", " (3rd)")


class Points:
    """Calls `reached` with the name of each point as it is passed, in the block of `watched`."""

    def __init__(self, reached: Reached, storage: str) -> None:
        """`storage`: the root of the hour store; files elsewhere are not ours."""
        self._reached = reached
        self._bucket = storage.removeprefix(S3) + "/" if storage.startswith(S3) else None
        self._root = Path(storage).resolve()
        self._passed: Counter[str] = Counter()
        self._step = self._request = "the run"
        self._renamed_in_root: str | None = None

    @contextmanager
    def watched(self) -> Iterator[None]:
        """Watch what this process does."""
        with ExitStack() as stack:
            for owner, name, made in (
                (Path, "open", self._open),
                (os, "mkdir", self._mkdir),
                (os, "fsync", self._fsync),
                (os, "replace", self._replace),
                (httpx.Client, "send", self._send),
                (HTTPAdapter, "send", self._send_to_axiom),
                (HTTPConnection, "getresponse", self._get_response),
                (dg.DagsterInstance, "handle_new_event", self._note),
                *([(S3FileSystem, "_call_s3", self._call_s3)] if self._bucket else ()),
            ):
                stack.enter_context(patch.object(owner, name, made(getattr(owner, name))))
            yield

    def passed(self, name: str) -> None:
        """Record a point. Queries of Axiom are repeated until rows are visible: only the first one is a point."""
        times = self._passed[name]
        self._passed[name] += 1
        if times == 0 or "query" not in name:
            self._reached(name + (ORDINALS[times] if times < len(ORDINALS) else f" ({times + 1}th)"))

    def _table_of(self, path: Path) -> str | None:
        """Root/TABLE/day/file, root/TABLE/day or root/TABLE.parquet, which has another name until it is whole."""
        parts = path.resolve().relative_to(self._root).parts if path.resolve().is_relative_to(self._root) else ()
        if len(parts) == 1 and ".parquet" in parts[0]:
            return parts[0].removeprefix(".").split(".")[0]
        return parts[0] if len(parts) > 1 else None

    def _mkdir(self, inner: Callable[..., Any]) -> Callable[..., Any]:
        def made(path: Path, *arguments: Any, **options: Any) -> None:
            table = self._table_of(Path(path))
            if table and not Path(path).exists():
                self.passed(f"{table} {NEW_FOLDER[0]}")
            inner(path, *arguments, **options)

        return made

    def _open(self, inner: Callable[..., Any]) -> Callable[..., Any]:
        def opened(path: Path, mode: str = "r", *arguments: Any, **options: Any) -> Any:
            file = inner(path, mode, *arguments, **options)
            table = self._table_of(path) if "w" in mode else None
            return _TornFile(file, lambda: self.passed(f"{table} {FILE_STEPS[0]}")) if table else file

        return opened

    def _fsync(self, inner: Callable[..., Any]) -> Callable[..., Any]:
        def synced(descriptor: int) -> None:
            path = Path(f"/proc/self/fd/{descriptor}").readlink()
            before, after = (FILE_STEPS[3], FILE_STEPS[4]) if path.is_dir() else (FILE_STEPS[1], None)
            table = self._table_of(path)
            if path == self._root:
                table, self._renamed_in_root = self._renamed_in_root, None
            elif path.parent == self._root and path.is_dir():
                before, after, table = NEW_FOLDER[1], None, path.name
            if table:
                self.passed(f"{table} {before}")
            inner(descriptor)
            if table and after:
                self.passed(f"{table} {after}")

        return synced

    def _replace(self, inner: Callable[..., Any]) -> Callable[..., Any]:
        def replaced(source: Path, target: Path, **options: Any) -> None:
            table = self._table_of(Path(target))
            if table:
                self.passed(f"{table} {FILE_STEPS[2]}")
            if Path(target).resolve().parent == self._root:
                self._renamed_in_root = table
            inner(source, target, **options)

        return replaced

    def _send(self, inner: Callable[..., Any]) -> Callable[..., Any]:
        def sent(client: httpx.Client, request: httpx.Request, **options: Any) -> Any:
            name = _named(request)
            self.passed(f"{name} {SENT[0]}")
            request.extensions = {**request.extensions, "trace": lambda event, _: self._traced(name, event)}
            response = inner(client, request, **options)
            self.passed(f"{name} {SENT[2]}")
            return response

        return sent

    def _traced(self, name: str, event: str) -> None:
        if event == "http11.send_request_body.complete":
            self.passed(f"{name} {SENT[1]}")

    def _send_to_axiom(self, inner: Callable[..., Any]) -> Callable[..., Any]:
        def sent(adapter: HTTPAdapter, request: Any, *arguments: Any, **options: Any) -> Any:
            self._request = "axiom ingest" if "ingest" in request.url else f"axiom query of {self._step}"
            self.passed(f"{self._request} {SENT[0]}")
            response = inner(adapter, request, *arguments, **options)
            self.passed(f"{self._request} {SENT[2]}")
            return response

        return sent

    def _get_response(self, inner: Callable[..., Any]) -> Callable[..., Any]:
        def got(connection: HTTPConnection) -> Any:
            self.passed(f"{self._request} {SENT[1]}")
            return inner(connection)

        return got

    def _call_s3(self, inner: Callable[..., Any]) -> Callable[..., Any]:
        async def called(system: S3FileSystem, method: str, *arguments: Any, **options: Any) -> Any:
            path = f"{options.get('Bucket')}/{options.get('Key', options.get('Prefix', ''))}"
            name = f"{_named_object(path.removeprefix(self._bucket or ''))} {method.partition('_')[0]}"
            self.passed(f"{name} {SENT[0]}")
            answer = await inner(system, method, *arguments, **options)
            self.passed(f"{name} {SENT[2]}")
            return answer

        return called

    def _note(self, inner: Callable[..., Any]) -> Callable[..., Any]:
        def noted(instance: dg.DagsterInstance, event: Any, **options: Any) -> None:
            kind = event.dagster_event.event_type_value if event.dagster_event else ""
            if kind == "STEP_START":
                self._step = event.step_key
            before, after = NOTED_EVENTS.get(kind, (None, None))
            if before:
                self.passed(before.format(step=self._step))
            inner(instance, event, **options)
            if after:
                self.passed(after.format(step=self._step))

        return noted


class _TornFile:
    """A file whose every write stops half-way for a moment."""

    def __init__(self, file: Any, half_way: Callable[[], None]) -> None:
        self._file = file
        self._half_way = half_way

    def write(self, content: bytes) -> int:
        middle = len(content) // 2
        self._file.write(content[:middle])
        self._file.flush()
        self._half_way()
        self._file.write(content[middle:])
        return len(content)

    def __enter__(self) -> "_TornFile":
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)


def _named_object(path: str) -> str:
    """`raw_audit_entries` of its hour's file, `flags` of `hours/2026-11-22/23.flags.zip`, `store_account`, or `day`."""
    table, _, file = path.partition("/")
    if not file:
        return table.partition(".")[0]
    parts = file.partition("/")[2].split(".")
    return (parts[1] if len(parts) > 2 else parts[0] or FOLDER) if table == FOLDER else table


def _named(request: httpx.Request) -> str:
    """What a request is for: a page of a stream, the root field of a GraphQL document, or the upload of a file."""
    if request.method == "PUT":
        return "storage put"
    if request.url.path.endswith("/graphql"):
        text = request.content.decode()
        field = re.search(r"\{\\n\s*(\w+)", text)
        return f"linear {field[1] if field else 'request'}"
    return f"cloudflare {'v2' if request.url.path.endswith('/logs/audit') else 'v1'} page"
