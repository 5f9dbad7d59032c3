"""Every client reaches https addresses through the proxy of HTTPS_PROXY, and no error repeats its password."""

import os
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import certifi
import pytest
import requests.adapters

from audit_assets.axiom.axiom_py_adapter import AxiomConnection, NoReply
from audit_assets.axiom.limits import AxiomLimits
from audit_assets.config.env_file import load_env_file
from audit_assets.config.errors import SettingError, Unavailable
from audit_assets.notify.apprise_channel import ChannelLimits, send_messages
from audit_assets.notify.messages import Message
from audit_assets.transport import deadline_sockets
from audit_assets.transport.clock import SystemClock
from audit_assets.transport.http import BoundedHttpClient, HttpLimits, Reply
from audit_assets.transport.proxy import proxy_for
from audit_assets.transport.reachability import check_reachable
from audit_assets_tests.servers.certificates import OPENSSL, certificate_of
from audit_assets_tests.transport.proxy_server import running_proxy

pytestmark = pytest.mark.skipif(OPENSSL is None, reason="openssl makes the certificate")

HOST = "service.example"
PASSWORD = "canary-4f1d8c0b77aa"
SIGN_IN = f"proxyuser:{PASSWORD}"
REFUSED = b"HTTP/1.1 407 Proxy Authentication Required\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
ONCE = HttpLimits(attempts=1, attempt_seconds=10)


@pytest.fixture(autouse=True)
def no_other_proxy(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("HTTPS_PROXY", "NO_PROXY", "HTTP_PROXY", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return certificate_of(HOST, tmp_path_factory.mktemp("tls"))


@pytest.fixture
def service(certificate: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[str, int]]:
    """A TLS server that answers everything with {}, and whose certificate every client trusts."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length", "0")))
            self.send_response(200)
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"{}")

        do_GET = do_PUT = do_POST

        def log_message(self, format: str, *args: object) -> None:
            """Silent."""

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, f"{certificate}.key")
    trusting = ssl.create_default_context(cafile=str(certificate))
    monkeypatch.setattr(deadline_sockets, "_ssl_context", lambda: trusting)
    monkeypatch.setattr(requests.adapters, "DEFAULT_CA_BUNDLE_PATH", str(certificate))
    monkeypatch.setattr(certifi, "where", lambda: str(certificate))
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate))
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield ("127.0.0.1", server.server_port)
        server.shutdown()


def exchange() -> str | None:
    """By httpx: Cloudflare, Linear, the webhook, the heartbeat, the triage model."""
    with BoundedHttpClient(service="Linear", base_url=f"https://{HOST}", headers={}, limits=ONCE) as client:
        client.exchange("POST", "/graphql", read=_read, json={})
    return None


def _read(reply: Reply) -> int:
    assert reply.body == b"{}"
    return reply.status


def ingest() -> str | None:
    """By requests, under axiom-py."""
    connection = AxiomConnection(
        token="xaat-t",
        dataset="d",
        org_id=None,
        url=f"https://{HOST}",
        edge=False,
        clock=SystemClock(),
        limits=AxiomLimits(read_seconds=5, attempt_seconds=10),
    )
    try:
        assert connection.ingest(b"").status == 200
    finally:
        connection.close()
    return None


def send_message() -> str | None:
    """By apprise, in a process of its own."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AUDIT_ASSETS_CHANNEL_CHAT", f"jsons://{HOST}/hook")
        message = Message(id="1", severity="high", title="t", text="x")
        return send_messages("chat", [message], ChannelLimits(message_seconds=10, total_seconds=60)).problem


def reach() -> str | None:
    """By a bare connection: `doctor` about the webhook."""
    check_reachable("The webhook", f"https://{HOST}/hook")
    return None


def outcome(client: Callable[[], str | None]) -> str | None:
    """The sentence about what went wrong. Nothing was sent then."""
    try:
        return client()
    except Unavailable as error:
        return str(error)
    except NoReply as error:
        return f"{error}, sent" if error.sent else str(error)


CLIENTS: list[Callable[[], str | None]] = [exchange, ingest, send_message, reach]


@pytest.mark.parametrize("client", CLIENTS)
def test_a_client_reaches_its_service_through_the_proxy(
    monkeypatch: pytest.MonkeyPatch, service: tuple[str, int], client: Callable[[], str | None]
) -> None:
    with running_proxy(service) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", proxy.address(SIGN_IN))
        assert client() is None
    assert (set(proxy.targets), set(proxy.credentials)) == ({f"{HOST}:443"}, {SIGN_IN})


@pytest.mark.parametrize("client", CLIENTS)
def test_a_proxy_that_refuses_is_one_sentence_without_its_password(
    monkeypatch: pytest.MonkeyPatch, client: Callable[[], str | None]
) -> None:
    with running_proxy(refuses=REFUSED) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", proxy.address(SIGN_IN))
        problem = outcome(client)
    assert problem
    assert "HTTPS_PROXY" in problem or client is send_message  # apprise keeps the reason to itself
    assert PASSWORD not in problem
    assert not problem.endswith("sent")
    assert proxy.targets


@pytest.mark.parametrize("client", CLIENTS)
def test_what_no_proxy_names_is_reached_without_it(
    monkeypatch: pytest.MonkeyPatch, client: Callable[[], str | None]
) -> None:
    """There is no such host, so nothing is reached; but the proxy was not asked."""
    with running_proxy(refuses=REFUSED) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", proxy.address())
        monkeypatch.setenv("NO_PROXY", "10.0.0.1, .example")
        with pytest.raises((Unavailable, NoReply, AssertionError)):
            assert client() is None
    assert proxy.targets == []


STORES = {
    "s3": (
        "s3fs",
        "s3://bucket/hours",
        {"AWS_ACCESS_KEY_ID": "an-id", "AWS_SECRET_ACCESS_KEY": "a-secret", "AWS_MAX_ATTEMPTS": "1"}
        | {"AWS_ENDPOINT_URL": f"https://{HOST}"},
        HOST,
    ),
    "gs": (
        "gcsfs",
        "gs://bucket/hours",
        {"NO_GCE_CHECK": "true", "GOOGLE_CLOUD_PROJECT": "team"},
        "storage.googleapis.com",
    ),
    "abfs": (
        "adlfs",
        "abfs://container/hours",
        {"AZURE_STORAGE_ACCOUNT_NAME": "account", "AZURE_STORAGE_ACCOUNT_KEY": "a2V5a2V5"},
        "account.blob.core.windows.net",
    ),
}
"""By protocol: the package, an address, what its backend reads of the environment, and the host that it speaks to."""


CHECK = """
import sys
from audit_assets.config.errors import StoreError
from audit_assets.storage.hour_store import HourStore
try:
    HourStore(sys.argv[1]).check()
except StoreError as error:
    print(error)
"""
"""In a process of its own: some backends try again for minutes, and without the proxy once its variable is gone."""


@pytest.mark.parametrize("protocol", STORES)
def test_an_object_store_is_reached_through_the_proxy(protocol: str) -> None:
    package, address, settings, host = STORES[protocol]
    pytest.importorskip(package)
    with running_proxy(refuses=REFUSED) as proxy:
        environment = {**os.environ, **settings, "HTTPS_PROXY": proxy.address(SIGN_IN)}
        command = [sys.executable, "-c", CHECK, address]
        with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as process:  # noqa: S603
            while process.poll() is None and not proxy.credentials:
                time.sleep(0.05)
            if protocol != "s3":
                process.kill()  # it would try again for half a minute
            shown, _ = process.communicate()
    assert (set(proxy.targets), set(proxy.credentials)) == ({f"{host}:443"}, {SIGN_IN})
    assert f"{address}/.probe can't be written" in shown or protocol != "s3"
    assert PASSWORD not in shown


@pytest.mark.parametrize(
    "address", ["http://service.example", "https://127.0.0.1:8443", "https://localhost", "https://[::1]/x"]
)
def test_plain_http_and_this_machine_have_no_proxy(monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.example:3128")
    assert proxy_for(address) is None
    assert proxy_for(f"https://{HOST}")


@pytest.mark.parametrize(
    "text", ["socks5://proxy.example", "https://proxy.example", "http://", "http://p:x", "http://p/?q"]
)
def test_what_is_no_proxy_is_one_sentence_that_does_not_repeat_it(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv("https_proxy", text)
    with pytest.raises(SettingError) as error:
        proxy_for(f"https://{HOST}")
    assert str(error.value) == (
        "HTTPS_PROXY is no address of a proxy: set it to one such as http://proxy.example.com:3128."
    )


@pytest.mark.parametrize("name", ["HTTPS_PROXY", "https_proxy"])
def test_an_env_file_does_not_lead_a_secret_of_the_environment_through_a_proxy(
    monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv("AXIOM_TOKEN", PASSWORD)
    Path(".env").write_text(f"{name}=http://proxy.example")
    load_env_file()
    with pytest.raises(SettingError, match=rf"^{name} comes from .*\.env, but AXIOM_TOKEN from the environment"):
        proxy_for(f"https://{HOST}")
