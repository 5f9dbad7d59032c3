"""A real HTTP proxy on loopback: it makes tunnels (CONNECT), all to one server, and notes who asked for what."""

import socket
import threading
from base64 import b64decode
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field


@dataclass
class RunningProxy:
    """Its port, and what it was asked for: the targets of the tunnels, and name and password of each."""

    port: int
    targets: list[str] = field(default_factory=list)
    credentials: list[str] = field(default_factory=list)

    def address(self, credentials: str = "") -> str:
        """For HTTPS_PROXY."""
        return f"http://{f'{credentials}@' if credentials else ''}127.0.0.1:{self.port}"


@contextmanager
def running_proxy(leads_to: tuple[str, int] | None = None, refuses: bytes = b"") -> Iterator[RunningProxy]:
    """Serve until the block ends. `leads_to`: where every tunnel ends, whatever was asked for; without it, or with the
    head of an answer in `refuses`, none is made."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        proxy = RunningProxy(listening.getsockname()[1])

        def serve() -> None:
            with suppress(OSError):
                while True:
                    connection, _ = listening.accept()
                    threading.Thread(target=handle, args=(connection,), daemon=True).start()

        def handle(connection: socket.socket) -> None:
            with connection, suppress(OSError):
                head = b""
                while b"\r\n\r\n" not in head:
                    if not (received := connection.recv(4096)):
                        return
                    head += received
                lines = head.decode("latin-1").split("\r\n")
                proxy.targets.append(lines[0].split()[1] if lines[0].startswith("CONNECT ") else lines[0])
                signed_in = [line.split()[-1] for line in lines if line.lower().startswith("proxy-authorization:")]
                proxy.credentials += [b64decode(each).decode() for each in signed_in]
                if leads_to is None or refuses:
                    connection.sendall(refuses or b"HTTP/1.1 502 Bad Gateway\r\n\r\n")
                    return
                with socket.create_connection(leads_to) as server:
                    connection.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
                    back = threading.Thread(target=_copy, args=(server, connection), daemon=True)
                    back.start()
                    _copy(connection, server)
                    back.join(timeout=5)

        threading.Thread(target=serve, daemon=True).start()
        yield proxy
        listening.shutdown(socket.SHUT_RDWR)


def _copy(source: socket.socket, to: socket.socket) -> None:
    with suppress(OSError):
        while received := source.recv(65_536):
            to.sendall(received)
        to.shutdown(socket.SHUT_WR)
