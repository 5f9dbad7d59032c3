"""Protocols that are wrong on purpose: a suite that does not catch each of them proves nothing about the right one.

Each replaces one function of the project in this process, for as long as its block lasts. Where they come from, and
what a simplified program with each of them lost, is in docs/facts/reliability.md, 5.
"""

import os
import re
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import Any
from unittest.mock import patch

import polars as pl

from audit_assets.axiom import query_texts as queries
from audit_assets.axiom.client import AxiomClient
from audit_assets.axiom.ingest_receipts import INGESTED_HOURS_SCHEMA, IngestReceipt
from audit_assets.config.errors import ServiceError, StoreError
from audit_assets.linear.issue_api import IssueApi
from audit_assets.storage import store_files
from audit_assets.storage.hour_store import HourStore
from audit_assets.tickets import ticket as tickets
from audit_assets_tests.faults.world import THE_HOUR


def in_place() -> AbstractContextManager[Any]:
    """A file is written under the name that readers look for."""

    def write(path: Path, content: bytes) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())

    return patch.object(store_files, "replace_durably", write)


def renamed_without_fsync() -> AbstractContextManager[Any]:
    """A power cut may leave a name with nothing behind it. No kill shows that: only the order of the steps does."""

    def write(path: Path, content: bytes) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        half_written = path.with_name(f".{path.name}.tmp")
        with half_written.open("wb") as file:
            file.write(content)
        half_written.replace(path)

    return patch.object(store_files, "replace_durably", write)


def disk_errors_swallowed() -> AbstractContextManager[Any]:
    """A full disk is ignored."""
    inner = HourStore.write_json

    def write(store: HourStore, *arguments: Any) -> None:
        try:
            inner(store, *arguments)
        except StoreError:
            return

    return patch.object(HourStore, "write_json", write)


def unchanged_by_the_file() -> AbstractContextManager[Any]:
    """Where the hour's file exists already, its entries are taken to be in Axiom already."""
    stored = _file_of_the_hour().exists()
    return patch.object(AxiomClient, "ingest", _nothing_to_send) if stored else nullcontext()


def marked_before_sending() -> AbstractContextManager[Any]:
    """An hour is recorded as ingested, and then it is sent."""
    inner, mark = AxiomClient.ingest, Path(os.environ["AUDIT_ASSETS_STORAGE"]).with_name("ingested")

    def ingest(client: AxiomClient, events: pl.DataFrame) -> IngestReceipt:
        if mark.exists():
            return _nothing_to_send(client, events)
        mark.touch()
        return inner(client, events)

    return patch.object(AxiomClient, "ingest", ingest)


@contextmanager
def sent_blindly_and_counted_by_rows() -> Iterator[None]:
    """Axiom is not queried before sending, and every row counts."""
    fill = queries.fill

    def by_rows(*arguments: Any, **values: Any) -> str:
        return re.sub(r"\| distinct entry_id.*\n", "", fill(*arguments, **values))

    def nothing_held(*_: Any) -> pl.Series:
        return pl.Series("entry_id", [], pl.String)

    with patch.object(queries, "fill", by_rows), patch.object(AxiomClient, "entry_ids", nothing_held):
        yield


def random_ticket_id() -> AbstractContextManager[Any]:
    """A ticket has another id each time."""
    return patch.object(tickets, "ticket_id", lambda *_: uuid.uuid4())


def random_comment_id() -> AbstractContextManager[Any]:
    """A comment has another id each time."""
    inner = tickets._id_of_hour
    return patch.object(tickets, "_id_of_hour", lambda what, of: uuid.uuid4() if what == "hour" else inner(what, of))


@contextmanager
def hour_linked_before_its_comment() -> Iterator[None]:
    """The attachment, which marks the hour as complete on the ticket, comes before the comment."""
    comment, attach = IssueApi.comment, IssueApi.attach
    later: list[Any] = []

    def attach_then_comment(issues: IssueApi, *arguments: Any) -> None:
        attach(issues, *arguments)
        while later:
            comment(issues, *later.pop())

    with (
        patch.object(IssueApi, "comment", lambda _, *arguments: later.append(arguments)),
        patch.object(IssueApi, "attach", attach_then_comment),
    ):
        yield


def errors_of_comments_swallowed() -> AbstractContextManager[Any]:
    """A comment that fails does not stop the run."""
    inner = IssueApi.comment

    def comment(issues: IssueApi, *arguments: Any) -> None:
        try:
            inner(issues, *arguments)
        except ServiceError:
            return

    return patch.object(IssueApi, "comment", comment)


PROTOCOLS: Mapping[str, Callable[[], AbstractContextManager[Any]]] = {
    protocol.__name__.replace("_", " "): protocol
    for protocol in (
        in_place,
        renamed_without_fsync,
        disk_errors_swallowed,
        unchanged_by_the_file,
        marked_before_sending,
        sent_blindly_and_counted_by_rows,
        random_ticket_id,
        random_comment_id,
        hour_linked_before_its_comment,
        errors_of_comments_swallowed,
    )
}
"""By name in words."""


@contextmanager
def followed(name: str | None, environment: Mapping[str, str]) -> Iterator[None]:
    """Follow that protocol in this process, in that environment; None: the project's own."""
    with patch.dict(os.environ, environment), PROTOCOLS[name]() if name else nullcontext():
        yield


def _nothing_to_send(_: AxiomClient, events: pl.DataFrame) -> IngestReceipt:
    return IngestReceipt(len(events), len(events), 0, 0, 0, pl.DataFrame(schema=INGESTED_HOURS_SCHEMA))


def _file_of_the_hour() -> Path:
    return Path(str(HourStore(os.environ["AUDIT_ASSETS_STORAGE"]).path("raw_audit_entries", THE_HOUR)))
