"""Receivers on loopback for what is sent by HTTP: they record it, and answer as a test has it."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class Receiver:
    """Records all JSON that is posted to `path` below `url`. `status`: of its answers. `silent`: it gives no
    answer until it is closed."""

    def __init__(self, path: str) -> None:
        self.received: list[Any] = []
        self.status = 204
        self.silent = False
        self.closed = threading.Event()
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                assert self.path == path
                receiver.received.append(json.loads(self.rfile.read(int(self.headers["content-length"]))))
                if receiver.silent:
                    receiver.closed.wait(30)
                    return
                self.send_response(receiver.status)
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None:
                """Nothing on standard error."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.host = f"127.0.0.1:{self.server.server_port}"
        self.url = f"http://{self.host}{path}"


@contextmanager
def receiving(path: str) -> Iterator[Receiver]:
    """A receiver that answers until the block ends."""
    made = Receiver(path)
    thread = threading.Thread(target=made.server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield made
    finally:
        made.closed.set()
        made.server.shutdown()
        thread.join()
        made.server.server_close()
