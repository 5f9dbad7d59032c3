"""Connections under axiom-py on which the head of every reply ends in time.

A read time-out counts from byte to byte: a server that sent a byte every 0.2 s held a call with a time-out of 1 s for
11.8 s (docs/facts/reliability.md, 2f), and from that it follows that a long head could hold one for hours. The head is
read within http.client, where no other limit can be set, so the socket is shut down from outside.
"""

import socket
import threading
from typing import Any

from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection


class _BoundedHead:
    """A mixin for urllib3's connections."""

    head_seconds: float
    sock: socket.socket | None

    def getresponse(self) -> Any:
        timer = threading.Timer(self.head_seconds, self._shut_down)
        timer.daemon = True
        timer.start()
        try:
            return super().getresponse()  # type: ignore[misc] - the connection's own
        finally:
            timer.cancel()

    def _shut_down(self) -> None:
        try:
            if self.sock:
                self.sock.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass  # it is closed already


def bounded_pools(seconds: float) -> dict[str, type[HTTPConnectionPool]]:
    """urllib3's pools by scheme; the head of a reply has `seconds` from the end of its request."""

    class Plain(_BoundedHead, HTTPConnection):
        head_seconds = seconds

    class Secure(_BoundedHead, HTTPSConnection):
        head_seconds = seconds

    class PlainPool(HTTPConnectionPool):
        ConnectionCls = Plain  # pyright: ignore[reportAssignmentType]

    class SecurePool(HTTPSConnectionPool):
        ConnectionCls = Secure  # pyright: ignore[reportAssignmentType]

    return {"http": PlainPool, "https": SecurePool}
