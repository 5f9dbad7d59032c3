"""Connections under axiom-py whose answers begin in time.

A read time-out counts from byte to byte, and a head is read within http.client, where no other bound can be set: a
server that drips one holds a call for hours (docs/facts/reliability.md, 2f). So the socket is shut from outside.
"""

import socket
import threading
from typing import Any

from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection


class _BoundedHead:
    """Mixed into a connection of urllib3's."""

    answer_seconds: float
    sock: socket.socket | None

    def getresponse(self) -> Any:
        ending = threading.Timer(self.answer_seconds, self._end)
        ending.daemon = True
        ending.start()
        try:
            return super().getresponse()  # type: ignore[misc] - the connection's own
        finally:
            ending.cancel()

    def _end(self) -> None:
        try:
            if self.sock:
                self.sock.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass  # it has ended by itself


def bounded_pools(seconds: float) -> dict[str, type[HTTPConnectionPool]]:
    """urllib3's pools by scheme; the head of an answer has so many seconds from the end of its request."""

    class Plain(_BoundedHead, HTTPConnection):
        answer_seconds = seconds

    class Secure(_BoundedHead, HTTPSConnection):
        answer_seconds = seconds

    class PlainPool(HTTPConnectionPool):
        ConnectionCls = Plain  # pyright: ignore[reportAssignmentType]

    class SecurePool(HTTPSConnectionPool):
        ConnectionCls = Secure  # pyright: ignore[reportAssignmentType]

    return {"http": PlainPool, "https": SecurePool}
