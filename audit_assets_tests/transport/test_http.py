"""HTTP that ends: in time, in bytes and in tries, whatever the other side does."""

import gzip
import socket
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from email.utils import format_datetime

import pytest

from audit_assets.config.errors import Refused, ServiceError, Unavailable
from audit_assets.transport.http import BoundedHttpClient, HttpLimits, Overloaded, Reply, TooMuch, TryAgain
from audit_assets_tests.support import JumpingClock

TOKEN = "canary-4f1d8c0b77aa"
QUICK = HttpLimits(attempts=3, attempt_seconds=20, total_seconds=1000, body_bytes=1_000_000)

Answer = Callable[[socket.socket], None]


def plain(body: bytes, *headers: str, status: str = "200 OK", announced: int | None = None) -> Answer:
    """A reply in one piece that closes the connection; `announced` may lie about its length."""
    length = len(body) if announced is None else announced
    head = [f"HTTP/1.1 {status}", f"Content-Length: {length}", "Connection: close", *headers]
    return lambda connection: connection.sendall("\r\n".join(head).encode() + b"\r\n\r\n" + body)


def dripping(text: bytes, before: bytes = b"") -> Answer:
    """`before` at once, then a byte every 50 ms until the client disconnects."""

    def answer(connection: socket.socket) -> None:
        connection.sendall(before)
        for byte in text:
            connection.sendall(bytes([byte]))
            time.sleep(0.05)

    return answer


def silent(seconds: float) -> Answer:
    """Nothing, for a while, and then the connection's end."""

    def answer(connection: socket.socket) -> None:
        time.sleep(seconds)

    return answer


@contextmanager
def serving(*answers: Answer) -> Iterator[tuple[str, list[bytes]]]:
    """A server that gives each connection the next answer, the last one for ever; its address and its requests."""
    listening = socket.create_server(("127.0.0.1", 0))
    asked: list[bytes] = []

    def serve() -> None:
        while True:
            try:
                connection, _ = listening.accept()
            except OSError:
                return
            with connection:
                connection.settimeout(10)
                try:
                    asked.append(connection.recv(65_536))
                    answers[min(len(asked), len(answers)) - 1](connection)
                except OSError:
                    continue

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}", asked
    finally:
        listening.shutdown(socket.SHUT_RDWR)
        listening.close()
        thread.join(timeout=5)


def body_of(reply: Reply) -> bytes:
    return reply.body


def ask(
    address: str,
    limits: HttpLimits = QUICK,
    clock: JumpingClock | None = None,
    read: Callable[[Reply], bytes] = body_of,
    token: str = TOKEN,
) -> bytes:
    """One exchange with a token in its headers."""
    headers = {"Authorization": f"Bearer {token}"}
    clock = clock or JumpingClock()
    with BoundedHttpClient(
        service="Cloudflare", base_url=address, headers=headers, clock=clock, limits=limits
    ) as transport:
        return transport.exchange("GET", "/list", params={"cursor": "a b"}, read=read)


def test_a_reply_is_handed_over_whole_and_decompressed() -> None:
    with serving(plain(gzip.compress(b"x" * 5000, mtime=0), "Content-Encoding: gzip")) as (address, asked):
        assert ask(address) == b"x" * 5000
    assert asked[0].startswith(b"GET /list?cursor=a+b HTTP/1.1\r\n")
    assert f"Bearer {TOKEN}".encode() in asked[0]


@pytest.mark.parametrize(
    "drip",
    [
        pytest.param(dripping(b"x" * 200, b"HTTP/1.1 200 OK\r\nContent-Length: 200\r\n\r\n"), id="in the body"),
        pytest.param(dripping(b"HTTP/1.1 200 OK\r\nX-Long: " + b"x" * 200), id="in the headers"),
        pytest.param(silent(1.0), id="silence"),
    ],
)
def test_a_drip_ends_with_the_time_of_the_attempt(drip: Answer) -> None:
    limits = HttpLimits(attempts=1, attempt_seconds=0.4)
    with serving(drip) as (address, _):
        started = time.monotonic()
        with pytest.raises(Overloaded, match=r"no whole answer within 0 s\. Run the hour again later"):
            ask(address, limits)
        assert time.monotonic() - started < 0.8


def test_a_handshake_ends_with_the_time_of_the_attempt_too() -> None:
    with serving(silent(1.0)) as (address, _):
        started = time.monotonic()
        with pytest.raises(ServiceError, match=r"no connection in time|no whole answer"):
            ask(address.replace("http:", "https:"), HttpLimits(attempts=1, attempt_seconds=0.3))
        assert time.monotonic() - started < 0.8


def test_a_server_without_tls_gets_no_token() -> None:
    with serving(plain(b"fine")) as (address, asked):
        with pytest.raises(Unavailable, match=r"the connection failed \(ConnectError"):
            ask(address.replace("http:", "https:"))
        assert all(TOKEN.encode() not in bytes_ for bytes_ in asked)


@pytest.mark.parametrize("other", [silent(0.3), plain(b"", status="502 Bad Gateway")])
def test_two_overloads_are_enough_for_a_caller_that_can_ask_for_less(other: Answer) -> None:
    limits = HttpLimits(attempts=6, attempt_seconds=0.2, overload_attempts=2)
    with serving(other, silent(0.3)) as (address, asked):
        with pytest.raises(Overloaded, match="in 2 tries"):
            ask(address, limits)
        assert len(asked) == 2


def test_a_gzip_bomb_is_given_up_at_the_cap_and_not_requested_again() -> None:
    bomb = gzip.compress(b"\0" * 50_000_000, mtime=0)
    with serving(plain(bomb, "Content-Encoding: gzip")) as (address, asked):
        with pytest.raises(TooMuch, match="in 1 try: a body of more than 1,000,000 bytes"):
            ask(address)
        assert len(asked) == 1


def test_a_plain_body_over_the_cap_is_given_up_too() -> None:
    with serving(plain(b"x" * 1_000_001)) as (address, _), pytest.raises(TooMuch, match="1,000,000 bytes"):
        ask(address)


def test_a_body_of_exactly_the_cap_is_taken() -> None:
    whole = b"x" * 1_000_000
    with serving(plain(gzip.compress(whole, mtime=0), "Content-Encoding: gzip")) as (address, _):
        assert ask(address) == whole


@pytest.mark.parametrize(
    "torn",
    [
        pytest.param(plain(b"half", announced=9), id="shorter than announced"),
        pytest.param(
            plain(gzip.compress(b"whole" * 99, mtime=0)[:-9], "Content-Encoding: gzip"), id="gzip without its end"
        ),
        pytest.param(plain(b"this is no gzip", "Content-Encoding: gzip"), id="no gzip at all"),
        pytest.param(plain(b"x", "Content-Encoding: br"), id="an unexpected encoding"),
        pytest.param(silent(0.0), id="no answer"),
        pytest.param(lambda connection: connection.sendall(b"no http\r\n\r\n"), id="no HTTP"),
    ],
)
def test_a_torn_reply_is_requested_again(torn: Answer) -> None:
    with serving(torn, plain(b"whole")) as (address, asked):
        assert ask(address) == b"whole"
        assert len(asked) == 2


def test_a_reply_that_the_reader_refuses_is_requested_again() -> None:
    def read(reply: Reply) -> bytes:
        if reply.body != b"good":
            raise TryAgain("a body that is not JSON")
        return reply.body

    with serving(plain(b"bad"), plain(b"good")) as (address, _):
        assert ask(address, read=read) == b"good"
    with serving(plain(b"bad")) as (address, asked):
        with pytest.raises(Unavailable, match="Cloudflare gave no answer in 3 tries: a body that is not JSON"):
            ask(address, read=read)
        assert len(asked) == 3


@pytest.mark.parametrize("status", ["408 Slow", "425 Early", "429 Busy", "500 Oops", "502 Bad", "523 Origin"])
def test_a_passing_status_is_tried_again(status: str) -> None:
    with serving(plain(b"<html>", status=status), plain(b"fine")) as (address, _):
        assert ask(address) == b"fine"


@pytest.mark.parametrize("status", ["302 Found", "400 Bad", "401 Who", "403 No", "404 None"])
def test_any_other_status_is_left_to_the_reader(status: str) -> None:
    with serving(plain(b"text", "Location: http://127.0.0.1:1/", status=status)) as (address, asked):
        assert ask(address, read=lambda reply: f"{reply.status} {reply.body.decode()}".encode()) == (
            status[:3].encode() + b" text"
        )
        assert len(asked) == 1


def test_a_retry_after_in_seconds_is_waited_for_in_full() -> None:
    clock = JumpingClock()
    with serving(plain(b"", "Retry-After: 300", status="429 Busy"), plain(b"fine")) as (address, _):
        assert ask(address, clock=clock) == b"fine"
    assert clock.waits == [300.0]


def test_a_retry_after_as_a_date_is_waited_for_in_full() -> None:
    clock = JumpingClock()
    date = format_datetime(clock.now() + timedelta(seconds=300), usegmt=True)
    with serving(plain(b"", f"Retry-After: {date}", status="503 Busy"), plain(b"fine")) as (address, _):
        assert ask(address, clock=clock) == b"fine"
    assert clock.waits == [pytest.approx(299, abs=2)]


@pytest.mark.parametrize("value", ["soon", "-1", "\xb2", "1e9", "Mon, 01 Jan 99999999999 00:00:00 GMT", "0", ""])
def test_an_invalid_retry_after_is_replaced_by_a_pause_of_our_own(value: str) -> None:
    clock = JumpingClock()
    busy = f"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\nConnection: close\r\nRetry-After: {value}\r\n\r\n".encode(
        "latin-1"
    )
    with serving(lambda connection: connection.sendall(busy), plain(b"fine")) as (address, _):
        assert ask(address, clock=clock) == b"fine"
    assert len(clock.waits) == 1
    assert 0 <= clock.waits[0] <= 2


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [([], 300.0), (['Ratelimit: "default";r=0;t=45'], 45.0), (["Retry-After: soon", 'Ratelimit: "a";r=0;t=7'], 7.0)],
)
def test_a_limit_that_names_no_time_is_waited_out(headers: list[str], seconds: float) -> None:
    clock = JumpingClock()
    with serving(plain(b"", *headers, status="429 Busy"), plain(b"fine")) as (address, _):
        assert ask(address, clock=clock) == b"fine"
    assert clock.waits == [seconds]


def test_a_retry_after_beyond_the_remaining_time_is_reported_and_not_waited_for() -> None:
    clock = JumpingClock()
    with serving(plain(b"", "Retry-After: 86400", status="429 Busy")) as (address, asked):
        with pytest.raises(Unavailable, match=r"in 1 try: HTTP 429; it asks to wait 86400 s"):
            ask(address, clock=clock)
        assert len(asked) == 1
    assert clock.waits == []


def test_pauses_grow_but_stay_bounded() -> None:
    clock = JumpingClock()
    with serving(plain(b"", status="500 Oops")) as (address, asked):
        with pytest.raises(Unavailable, match="in 12 tries: HTTP 500"):
            ask(address, HttpLimits(attempts=12), clock)
        assert len(asked) == 12
    assert all(wait <= min(60, 2 ** (number + 1)) for number, wait in enumerate(clock.waits))


def test_an_unreachable_address_is_one_sentence() -> None:
    with serving() as (closed, _):
        pass
    with pytest.raises(
        Unavailable, match=r"Cloudflare gave no answer in 3 tries: the connection failed \(ConnectError"
    ):
        ask(closed)
    with pytest.raises(Unavailable, match=r"the connection failed \(ConnectError"):
        ask("https://nobody.invalid", HttpLimits(attempts=1))


@pytest.mark.parametrize(
    ("address", "sentence"),
    [
        ("", "the address is not valid: it must begin with https://"),
        ("api.cloudflare.com/client/v4", "must begin with https://"),
        ("https://", "must begin with https://"),
        ("ftp://127.0.0.1", "must begin with https://"),
        ("https://host:port", "must begin with https://"),
        ("http://api.cloudflare.com", "http://api.cloudflare.com would carry the token in clear"),
    ],
)
def test_an_address_to_which_no_token_may_be_sent_is_refused(address: str, sentence: str) -> None:
    with pytest.raises(Refused, match=sentence):
        ask(address)


@pytest.mark.parametrize("token", ["caf\xe9-4f1d8c0b77aa", "line\nbreak-4f1d8c0b77aa", "nul\0-4f1d8c0b77aa"])
def test_a_token_that_no_header_can_hold_is_refused_without_showing_it(token: str) -> None:
    with serving(plain(b"fine")) as (address, _), pytest.raises(Refused, match="holds characters that no") as refused:
        ask(address, token=token)
    assert "4f1d8c0b77aa" not in "".join(traceback.format_exception(refused.value))


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(plain(b"", status="500 Oops"), id="status"),
        pytest.param(plain(b"x", announced=99), id="torn"),
        pytest.param(
            lambda connection: connection.sendall(TOKEN.encode() + b"\r\n\r\n"), id="no HTTP, the token echoed"
        ),
        pytest.param(plain(b"x", f"Content-Encoding: {TOKEN}"), id="encoding echoed"),
        pytest.param(silent(0.6), id="slow"),
    ],
)
def test_no_error_holds_the_token(answer: Answer) -> None:
    with serving(answer) as (address, _), pytest.raises(ServiceError) as error:
        ask(address, HttpLimits(attempts=1, attempt_seconds=0.3))
    assert TOKEN not in "".join(traceback.format_exception(error.value))


def test_a_text_of_a_service_is_quoted_short_printable_and_without_the_token() -> None:
    headers = {"Authorization": f"Bearer {TOKEN}"}
    with BoundedHttpClient(service="Cloudflare", base_url="https://127.0.0.1", headers=headers) as transport:
        assert transport.quoted(f"bad {TOKEN}\x1b[31m\u202e\ud800\n") == "bad *** [31m\\u202e\\ud800 "
        assert len(transport.quoted("x" * 9_999)) == 203
