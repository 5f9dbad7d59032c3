"""The hour store on an object store: a real S3 server, and servers that refuse, or never answer."""

import os
import socket
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from uuid import uuid4

import fsspec
import polars as pl
import pytest
from moto.server import ThreadedMotoServer

from audit_assets.config.errors import StoreError
from audit_assets.storage import store_files
from audit_assets.storage.hour_store import ROWS_AT_ONCE, USUAL_FOOTER, HourStore

HOUR = datetime(2026, 11, 22, 9, tzinfo=UTC)
NEVER = datetime(2026, 11, 22, 10, tzinfo=UTC)
FRAME = pl.DataFrame({"actor_key": ["anne", "bert"], "changes": [3, 4]})


@pytest.fixture(scope="module")
def s3() -> Iterator[str]:
    """The address of an S3 server."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def credentials(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """As a person sets them."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "an-id")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "canary-4f1d8c0b77aa")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    fsspec.get_filesystem_class("s3").clear_instance_cache()
    yield
    fsspec.get_filesystem_class("s3").clear_instance_cache()


@pytest.fixture
def bucket(s3: str, credentials: None, monkeypatch: pytest.MonkeyPatch) -> str:
    """A new bucket, and the settings that lead to it."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", s3)
    name = f"hours-{uuid4().hex}"
    fsspec.filesystem("s3").mkdir(name)
    return name


@contextmanager
def answering(reply: bytes | None) -> Iterator[str]:
    """A server that gives this reply to everything, or none at all."""
    with closing(socket.create_server(("127.0.0.1", 0))) as listening:
        kept = []

        def serve() -> None:
            while True:
                try:
                    connection, _ = listening.accept()
                except OSError:
                    return
                kept.append(connection)  # without a reply, the connection stays open
                if reply is not None:
                    connection.recv(65_536)
                    connection.sendall(reply)
                    connection.close()

        threading.Thread(target=serve, daemon=True).start()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        listening.shutdown(socket.SHUT_RDWR)
        for connection in kept:
            connection.close()


def test_what_is_written_is_read_back_and_what_never_was_is_missing(bucket: str) -> None:
    store = HourStore(f"s3://{bucket}/team/hours")
    store.check()
    assert store.newest("actor_scores") is None
    store.write("actor_scores", HOUR, FRAME, {"pulls": 2})
    store.write_json("flagged_actor_summary", HOUR, {"hour": "2026-11-22-09:00"})
    assert store.require("actor_scores", HOUR).equals(FRAME)
    assert store.read("actor_scores", HOUR, ["changes"]).equals(FRAME.select("changes"))  # pyright: ignore
    assert store.metadata("actor_scores", HOUR) == {"pulls": 2}
    assert store.counts("actor_scores", [HOUR, NEVER]) == {HOUR: 2}
    assert store.read_json("flagged_actor_summary", HOUR) == {"hour": "2026-11-22-09:00"}
    assert store.newest("actor_scores") == HOUR
    assert (store.read("actor_scores", NEVER), store.read_json("digests", HOUR)) == (None, None)


def test_a_footer_larger_than_most_is_read_whole(bucket: str) -> None:
    store = HourStore(f"s3://{bucket}")
    much = {"pulls": ["x" * 60] * 1_000}
    store.write("actor_scores", HOUR, FRAME, much)
    assert len(str(much)) > 3 * USUAL_FOOTER
    assert store.metadata("actor_scores", HOUR) == much
    assert store.counts("actor_scores", [HOUR]) == {HOUR: 2}


def test_an_hour_of_many_parts_is_read_by_parts(bucket: str) -> None:
    store = HourStore(f"s3://{bucket}")
    store.write("actor_scores", HOUR, pl.DataFrame({"changes": range(2 * ROWS_AT_ONCE + 1)}))
    assert [len(part) for part in store.parts("actor_scores", HOUR)] == [ROWS_AT_ONCE, ROWS_AT_ONCE, 1]


def test_old_hours_are_deleted_and_later_ones_stay(bucket: str) -> None:
    store = HourStore(f"s3://{bucket}/hours")
    days = [datetime(2026, 11, day, 9, tzinfo=UTC) for day in (20, 21, 22)]
    for day in days:
        store.write("actor_scores", day, FRAME)
        store.write_json("flagged_actor_summary", day, {})
    assert store.delete_before(HOUR) == 4
    assert store.counts("actor_scores", days) == {days[2]: 2}


def test_a_bucket_that_does_not_exist_is_no_store_without_hours(bucket: str) -> None:
    store = HourStore(f"s3://{bucket}-misspelt/hours")
    for call in (
        lambda: store.read("actor_scores", HOUR),
        lambda: store.write("actor_scores", HOUR, FRAME),
        lambda: store.metadata("actor_scores", HOUR),
    ):
        with pytest.raises(
            StoreError, match=r"bucket does not exist\. Create the bucket, or correct AUDIT_ASSETS_STOR"
        ):
            call()


def test_a_server_that_is_not_there_is_one_sentence(credentials: None, monkeypatch: pytest.MonkeyPatch) -> None:
    with answering(None) as closed:
        pass
    monkeypatch.setenv("AWS_ENDPOINT_URL", closed)
    store = HourStore("s3://bucket/hours")
    for call in (store.check, lambda: store.read("actor_scores", HOUR), lambda: store.newest("actor_scores")):
        with pytest.raises(
            StoreError, match=r"^s3://bucket/hours/\S+ can't be \w+: .*Check its address and the network"
        ):
            call()


def test_a_server_that_never_answers_does_not_hold_the_run(credentials: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store_files, "TIME_LIMIT", 0.5)
    with answering(None) as silent:
        monkeypatch.setenv("AWS_ENDPOINT_URL", silent)
        with pytest.raises(
            StoreError, match=r"can't be read: no answer within 0\.5 s\. Check its address and the netw"
        ):
            HourStore("s3://bucket/hours").read("actor_scores", HOUR)


def test_credentials_that_may_not_do_it_are_named(credentials: None, monkeypatch: pytest.MonkeyPatch) -> None:
    body = b"<Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>"
    reply = (
        b"HTTP/1.1 403 Forbidden\r\nContent-Type: application/xml\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%s"
    )
    with answering(reply % (len(body), body)) as refusing:
        monkeypatch.setenv("AWS_ENDPOINT_URL", refusing)
        with pytest.raises(StoreError, match=r"can't be read: .*\. Permit its credentials to read, write") as error:
            HourStore("s3://bucket/hours").write("actor_scores", HOUR, FRAME)
    assert "canary" not in str(error.value)


def test_missing_credentials_are_named(s3: str, credentials: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", s3)
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    with pytest.raises(StoreError, match=r"Unable to locate credentials\. Set the credentials that its backend reads"):
        HourStore("s3://bucket/hours").write("actor_scores", HOUR, FRAME)
