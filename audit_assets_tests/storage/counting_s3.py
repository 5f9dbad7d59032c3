"""An S3 server that counts every HTTP request it gets, retries and further pages of a listing included."""

import os
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import parse_qs
from uuid import uuid4

import fsspec
import pytest
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import make_server


class CountingS3:
    """A running server. `calls`: every request since the last `clear`, as `GET key`, `LIST prefix` and so on, with
    `(missing)` behind what was not there. `refused`: the part of an upload that gets a 403."""

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.refused: str | None = None
        self._app = DomainDispatcherApplication(create_backend_app)
        self._server = make_server("127.0.0.1", 0, self._serve, threaded=True)
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def start(self) -> None:
        """Serve, in a thread."""
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def stop(self) -> None:
        """Serve no more."""
        self._server.shutdown()
        self._server.server_close()

    def by_kind(self) -> Counter[str]:
        """How many calls of each kind."""
        return Counter(call.split(" ", 1)[0] for call in self.calls)

    def read_often(self) -> list[str]:
        """The objects that were read more than once."""
        return [call for call, count in Counter(self.calls).items() if count > 1 and call.startswith("GET ")]

    def _serve(self, environ, start_response):
        key = environ["PATH_INFO"].partition("/")[2].partition("/")[2]
        query = parse_qs(environ["QUERY_STRING"], keep_blank_values=True)
        kind = environ["REQUEST_METHOD"]
        if kind == "GET" and ("list-type" in query or not key):
            kind, key = "LIST", query.get("prefix", [""])[0]
        elif kind == "POST":
            kind = "DELETE" if "delete" in query else "PART"
        elif "uploadId" in query:
            kind = "ABORT" if kind == "DELETE" else "PART"

        def answer(status, headers, *rest):
            missing = " (missing)" if status.startswith("404") else ""
            self.calls.append(f"{kind} {key}{missing}")
            return start_response(status, headers, *rest)

        if self.refused and query.get("partNumber") == [self.refused]:
            environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"]))
            start_response("403 Forbidden", [("Content-Type", "application/xml")])
            return [b"<Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>"]
        return self._app(environ, answer)


@contextmanager
def counting_s3() -> Iterator[CountingS3]:
    """Such a server, for as long as the block lasts."""
    server = CountingS3()
    server.start()
    try:
        yield server
    finally:
        server.stop()


def use(server: CountingS3, monkeypatch: pytest.MonkeyPatch) -> str:
    """Settings that lead to a new bucket on it. Returns the bucket's name."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "an-id")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "a-secret")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_ENDPOINT_URL", server.url)
    fsspec.get_filesystem_class("s3").clear_instance_cache()
    name = f"hours-{uuid4().hex}"
    fsspec.filesystem("s3").mkdir(name)
    server.calls.clear()
    return name
