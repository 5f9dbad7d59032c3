"""Over TLS too, a request that may have been carried out is distinguished from one that was never sent."""

import socket
import ssl
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests.adapters

from audit_assets.axiom.axiom_py_adapter import AxiomConnection, NoReply
from audit_assets.axiom.limits import AxiomLimits
from audit_assets.transport.clock import SystemClock
from audit_assets_tests.servers.certificates import OPENSSL, certificate_of

pytestmark = pytest.mark.skipif(OPENSSL is None, reason="openssl makes the certificate")


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return certificate_of("127.0.0.1", tmp_path_factory.mktemp("tls"))


@pytest.fixture(params=[b"", b"HTTP/1.1 502 Bad Gateway\r\n\r\n"], ids=["nothing", "unencrypted text"])
def dropping(certificate: Path, request: pytest.FixtureRequest) -> Iterator[tuple[str, list[bytes]]]:
    """A server that reads a request and then drops the connection as a crashed one, or a proxy, does; what it read."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, f"{certificate}.key")
    listening, read = socket.create_server(("127.0.0.1", 0)), []

    def serve() -> None:
        while True:
            try:
                connection, _ = listening.accept()
            except OSError:
                return
            try:
                secure = context.wrap_socket(connection, server_side=True)
                read.append(secure.recv(65_536))
                with socket.socket(fileno=secure.detach()) as bare:  # without TLS's own farewell
                    bare.sendall(request.param)
            except OSError:
                connection.close()

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    yield f"https://127.0.0.1:{listening.getsockname()[1]}", read
    listening.shutdown(socket.SHUT_RDWR)
    listening.close()
    thread.join(timeout=5)


def no_reply(url: str) -> NoReply:
    connection = AxiomConnection(
        token="xaat-t",
        dataset="d",
        org_id=None,
        url=url,
        edge=None,
        clock=SystemClock(),
        limits=AxiomLimits(read_seconds=5),
    )
    try:
        with pytest.raises(NoReply) as caught:
            connection.ingest(b"")
    finally:
        connection.close()
    return caught.value


def test_a_request_on_a_connection_that_is_dropped_may_have_been_carried_out(
    dropping: tuple[str, list[bytes]], certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url, read = dropping
    monkeypatch.setattr(requests.adapters, "DEFAULT_CA_BUNDLE_PATH", str(certificate))
    assert no_reply(url).sent
    assert len(read) == 1


def test_an_untrusted_certificate_gets_no_request(dropping: tuple[str, list[bytes]]) -> None:
    url, read = dropping
    assert not no_reply(url).sent
    assert read == []
