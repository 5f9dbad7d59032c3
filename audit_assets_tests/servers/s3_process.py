"""An S3 server that fails on demand, as a process of its own.

    python -m audit_assets_tests.servers.s3_process

Prints its port, and serves until standard input ends. At CONTROL and a
bucket's name it is steered: what is to fail there, and what it got.
A fault is one of the sandbox's faults of a connection, of the service `s3`; its calls are GET, PUT, HEAD, LIST, DELETE
and POST.
"""

import json
import logging
import os
import socket
import struct
import sys
import threading
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator
from io import BytesIO
from typing import Any
from urllib.parse import parse_qs

from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import WSGIRequestHandler, make_server

from audit_assets.sandbox.fault_plan import Fault, FaultPlan

CONTROL = "/-/"
"""No bucket is called so."""

SERVICE = "s3"


class QuietHandler(WSGIRequestHandler):
    """Prints no line for each request."""

    def log(self, type: str, message: str, *args: Any) -> None:
        """Nothing."""


class FailingS3:
    """The application: moto's, and what goes wrong on the way to it and back."""

    def __init__(self) -> None:
        self._inner = DomainDispatcherApplication(create_backend_app)
        self._plans: defaultdict[str, FaultPlan] = defaultdict(FaultPlan)
        self._calls: defaultdict[str, list[str]] = defaultdict(list)
        """Both by bucket: one is one trial's."""

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        if environ["PATH_INFO"].startswith(CONTROL):
            start_response("200 OK", [("Content-Type", "application/json")])
            return [json.dumps(self._steer(environ)).encode()]
        call, bucket = call_of(environ), environ["PATH_INFO"].split("/")[1]
        self._calls[bucket].append(call)
        fault = self._plans[bucket].take(SERVICE, call)
        if fault is None:
            return self._inner(environ, start_response)
        return self._fail(fault, environ, start_response)

    def _steer(self, environ: dict[str, Any]) -> Any:
        """Of a bucket. GET: the calls so far and the faults to come; POST: another fault; DELETE: forget both."""
        bucket = environ["PATH_INFO"].removeprefix(CONTROL)
        plan, calls = self._plans[bucket], self._calls[bucket]
        match environ["REQUEST_METHOD"]:
            case "POST":
                plan.add(Fault(**json.loads(environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"])))))
            case "DELETE":
                plan.clear()
                calls.clear()
        return {"calls": calls, "pending": plan.pending()}

    def _fail(self, fault: Fault, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        # All of it is read first, so that what fails is the answer and not the sending
        body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        if fault.kind == "status":
            start_response(f"{fault.options['status']} Failed", [("Content-Type", "application/xml")])
            return [fault.options["body"].encode()]
        if fault.kind == "slow_before":
            time.sleep(fault.options["seconds"])
        answer = None if fault.kind in ("drop_before", "reset_before") else self._answer(environ, body)
        if fault.kind == "slow_after":
            time.sleep(fault.options["seconds"])
        if answer and fault.kind in ("slow_before", "slow_after"):
            start_response(answer[0], answer[1])
            return [answer[2]]
        return _cut(environ["werkzeug.socket"], fault.kind, answer)

    def _answer(self, environ: dict[str, Any], body: bytes) -> tuple[str, list[tuple[str, str]], bytes]:
        """Status, headers and body of what moto answers."""
        started: list[tuple[str, list[tuple[str, str]]]] = []
        content = b"".join(
            self._inner(
                {**environ, "wsgi.input": BytesIO(body)}, lambda status, headers, *_: started.append((status, headers))
            )
        )
        return *started[0], content


def call_of(environ: dict[str, Any]) -> str:
    """What kind of request it is: a listing is one of its own."""
    query = parse_qs(environ["QUERY_STRING"], keep_blank_values=True)
    key = environ["PATH_INFO"].partition("/")[2].partition("/")[2]
    is_listing = environ["REQUEST_METHOD"] == "GET" and ("list-type" in query or not key)
    return "LIST" if is_listing else environ["REQUEST_METHOD"]


def _cut(
    connection: socket.socket, kind: str, answer: tuple[str, list[tuple[str, str]], bytes] | None
) -> Iterator[bytes]:
    """End the connection, after half of the answer if it is to be torn."""
    if kind == "torn" and answer:
        status, headers, content = answer
        lines = [f"HTTP/1.1 {status}", *(f"{name}: {value}" for name, value in headers), "", ""]
        whole = "\r\n".join(lines).encode() + content
        connection.sendall(whole[: len(whole) - len(content) // 2 if len(content) > 1 else len(whole) // 2])
    if kind.startswith("reset"):
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        os.close(connection.detach())  # the server's own files would keep it open
    else:
        connection.shutdown(socket.SHUT_RDWR)
    raise ConnectionAbortedError  # which the server takes for a client that has left
    yield b""


def main() -> None:
    """Serve until standard input ends."""
    logging.getLogger("werkzeug").setLevel(logging.CRITICAL)  # of connections that are ended on purpose
    server = make_server("127.0.0.1", 0, FailingS3(), threaded=True, request_handler=QuietHandler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print(server.server_port, flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    main()
