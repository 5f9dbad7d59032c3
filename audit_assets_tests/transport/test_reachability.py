"""The clock is compared by what any answer holds, and no answer that lacks it decides anything."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from audit_assets.transport.reachability import clock_skew

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)


class StoppedClock:
    """Noon, for as long as it takes."""

    def now(self) -> datetime:
        return NOON

    def monotonic(self) -> float:
        return 0.0

    def sleep(self, seconds: float) -> None:
        raise AssertionError(f"nobody waits here, for {seconds} s")


@contextmanager
def answering(status: int, headers: dict[str, str]) -> Iterator[tuple[str, list[str | None]]]:
    """A service that answers everything so, and notes the tokens that it gets."""
    tokens: list[str | None] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            tokens.append(self.headers.get("Authorization"))
            self.send_response_only(status)
            for name, value in {**headers, "Content-Length": "0"}.items():
                self.send_header(name, value)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            """Silent."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/path", tokens
        finally:
            server.shutdown()


def http_date(time: datetime) -> str:
    return format_datetime(time, usegmt=True)


@pytest.mark.parametrize("status", [200, 401, 404, 503])
def test_any_answer_shows_the_services_clock_and_no_token_is_sent(status: int) -> None:
    with answering(status, {"Date": http_date(NOON - timedelta(days=40))}) as (address, tokens):
        assert clock_skew("Axiom", address, StoppedClock()) == timedelta(days=40)
    assert tokens == [None]


def test_an_answer_from_a_cache_has_the_date_of_when_it_was_made() -> None:
    with answering(200, {"Date": http_date(NOON - timedelta(hours=1)), "Age": "3600"}) as (address, _):
        assert clock_skew("Axiom", address, StoppedClock()) == timedelta(0)


@pytest.mark.parametrize("headers", [{}, {"Date": "yesterday"}, {"Date": http_date(NOON), "Age": "old"}])
def test_an_answer_without_a_date_decides_nothing(headers: dict[str, str]) -> None:
    with answering(200, headers) as (address, _):
        assert clock_skew("Axiom", address, StoppedClock()) is None


@pytest.mark.parametrize("address", ["http://127.0.0.1:9", "nonsense", "http://example.invalid"])
def test_a_service_that_cant_be_reached_decides_nothing(address: str) -> None:
    assert clock_skew("Axiom", address, StoppedClock()) is None
