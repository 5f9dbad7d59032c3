"""The heartbeat address is called once an hour is judged, if that is recent, and delays no hour."""

import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import SimpleNamespace

import pytest

from audit_assets_tests.defs.assets.test_hour import a_quiet_fortnight
from audit_assets_tests.pipeline import DAY, HOUR, Pipeline, check_of, problems_of, v2_burst

JUDGED = datetime(2026, 11, 22, 9, tzinfo=UTC)
PATH = "/ping/canary-of-the-heartbeat"


@pytest.fixture
def watcher(monkeypatch: pytest.MonkeyPatch) -> Iterator[SimpleNamespace]:
    """A heartbeat address that is set: `calls`, the paths; `status`, what it answers; `reason`, its words."""
    seen = SimpleNamespace(calls=[], status=200, reason="OK")

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            seen.calls.append(self.path)
            self.send_response(seen.status, seen.reason)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            """Nothing on standard error."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    monkeypatch.setenv("AUDIT_ASSETS_HEARTBEAT_URL", f"http://127.0.0.1:{server.server_port}{PATH}")
    yield seen
    server.shutdown()
    thread.join()
    server.server_close()


def test_it_is_called_once_for_each_recent_hour_and_again_when_the_hour_is_run_again(
    pipeline: Pipeline, watcher: SimpleNamespace
) -> None:
    pipeline.sandbox.cloudflare.add("v2", v2_burst(JUDGED, 5))
    result = pipeline.run(JUDGED)
    assert result.success
    assert watcher.calls == [PATH]
    assert check_of(result, "heartbeat_was_sent").passed
    assert pipeline.run(JUDGED - HOUR, JUDGED).success
    assert watcher.calls == [PATH] * 3


def test_old_hours_call_nobody(pipeline: Pipeline, watcher: SimpleNamespace) -> None:
    long_ago = JUDGED - DAY
    assert pipeline.run(long_ago, long_ago + HOUR * 3).success
    assert watcher.calls == []


def test_an_hour_that_fails_calls_nobody(
    pipeline: Pipeline, watcher: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LINEAR_API_KEY", "lin_api_revoked")
    pipeline.remember(a_quiet_fortnight())
    pipeline.sandbox.cloudflare.add("v2", v2_burst(JUDGED, 45, action="delete"))
    result = pipeline.run(JUDGED)
    assert "LINEAR_API_KEY was refused" in "".join(problems_of(result))
    assert watcher.calls == []


@pytest.mark.parametrize(
    ("status", "sentence"),
    [
        (404, "The heartbeat address answered HTTP 404: correct AUDIT_ASSETS_HEARTBEAT_URL."),
        (302, "The heartbeat address answered HTTP 302: correct AUDIT_ASSETS_HEARTBEAT_URL."),
        (503, "The heartbeat address gave no answer in 3 tries: HTTP 503."),
    ],
)
def test_an_address_that_fails_costs_no_hour_and_is_reported_without_its_secret(
    pipeline: Pipeline, watcher: SimpleNamespace, status: int, sentence: str
) -> None:
    watcher.status, watcher.reason = status, f"no such check as {PATH}"
    result = pipeline.run(JUDGED)
    assert result.success
    found = check_of(result, "heartbeat_was_sent")
    assert not found.passed
    assert f"2026-11-22-09:00 sent no heartbeat: {sentence}" in (found.description or "")
    assert "canary" not in (found.description or "")
    watcher.status = 200
    assert check_of(pipeline.run(JUDGED), "heartbeat_was_sent").passed


def test_no_error_repeats_what_an_address_answers_about_itself(
    pipeline: Pipeline, watcher: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    def echo(self: BaseHTTPRequestHandler, code: int, message: str | None = None) -> None:
        self.wfile.write(f"no HTTP, but {PATH}\r\n\r\n".encode())

    monkeypatch.setattr(BaseHTTPRequestHandler, "send_response", echo)
    description = check_of(pipeline.run(JUDGED), "heartbeat_was_sent").description or ""
    assert "RemoteProtocolError" in description
    assert "canary" not in description
