"""A small OpenAI-compatible endpoint on loopback, which can misbehave.

Its answers have the shape of the `openai` package's own `ChatCompletion`, its errors that of OpenAI's: an unknown key
is repeated in the refusal, as theirs is.
"""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from openai.types.chat import ChatCompletion

KEY = "sk-canary-0123456789abcdef"
NAME = "small-model-1"

ANSWER: dict[str, Any] = {
    "assessment": "A script may have removed DNS records in bulk.",
    "harmless": ["All changes came from one known interface."],
    "check": ["Ask Alice whether she ran a clean-up.", "See whether the records are still wanted."],
}


@dataclass(frozen=True)
class Wire:
    """An answer as it goes over the wire. `declared`: the length that is said, if another; `drips`: a byte at a time,
    until the asker hangs up."""

    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    declared: int | None = None
    drips: bool = False


Behaviour = Callable[[dict[str, Any]], Wire]
"""What is answered to a request's JSON."""


def completion(content: str | None, *, finish_reason: str = "stop", **message: Any) -> Wire:
    """A chat completion with that content."""
    said = {"role": "assistant", "content": content, "refusal": None, **message}
    whole = {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1_763_000_000,
        "model": NAME,
        "choices": [{"index": 0, "message": said, "logprobs": None, "finish_reason": finish_reason}],
        "usage": {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2},
    }
    ChatCompletion.model_validate(whole)
    return Wire(body=json.dumps(whole).encode())


def answer(**changes: Any) -> Wire:
    """A good answer, or one that is changed."""
    return completion(json.dumps(ANSWER | changes))


def error(status: int, message: str = "Something went wrong", **headers: str) -> Wire:
    """An error as OpenAI words it."""
    told = {"error": {"message": message, "type": "invalid_request_error", "param": None, "code": None}}
    return Wire(status, json.dumps(told).encode(), headers)


def echo(request: dict[str, Any]) -> Wire:
    """A model that does what the data says: the user's message comes back as its answer, whole."""
    (user,) = [message["content"] for message in request["messages"] if message["role"] == "user"]
    told = json.loads(user)
    values = [told["actor"], *(value for entry in told["entries"] for value in entry.values())]
    pieces = [value[:150] for value in values if value]
    return answer(assessment="".join(values)[:400], harmless=pieces[:3], check=pieces[3:7])


class ModelServer:
    """Notes what it is asked, with the headers, and answers as `behaviour` says."""

    def __init__(self) -> None:
        self.asked: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self.behaviour: Behaviour = lambda _: answer()
        self._hung_up = threading.Event()
        endpoint = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                request = json.loads(self.rfile.read(int(self.headers["content-length"])))
                endpoint.asked.append(request)
                endpoint.headers.append({name.lower(): value for name, value in self.headers.items()})
                self._send(endpoint.reply_to(self.path, self.headers.get("authorization", ""), request))

            def _send(self, wire: Wire) -> None:
                self.close_connection = True
                self.send_response(wire.status)
                headers = {"content-type": "application/json", "connection": "close", **wire.headers}
                length = len(wire.body) if wire.declared is None else wire.declared
                for name, value in {**headers, "content-length": str(length)}.items():
                    self.send_header(name, value)
                self.end_headers()
                try:
                    self.wfile.write(wire.body)
                    while wire.drips and not endpoint._hung_up.wait(0.02):
                        self.wfile.write(b" ")
                except OSError:
                    """The asker hung up."""

            def log_message(self, format: str, *args: object) -> None:
                """Nothing on standard error."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/v1"

    def reply_to(self, path: str, authorization: str, request: dict[str, Any]) -> Wire:
        """What an endpoint checks before any model is asked."""
        if path != "/v1/chat/completions":
            return error(404, "Invalid URL")
        if authorization != f"Bearer {KEY}":
            return error(401, f"Incorrect API key provided: {authorization.removeprefix('Bearer ')}.")
        if request["model"] != NAME:
            return error(404, f"The model `{request['model']}` does not exist")
        return self.behaviour(request)

    def stop(self) -> None:
        """Let go of whoever still waits."""
        self._hung_up.set()
        self.server.shutdown()
        self.server.server_close()


@contextmanager
def serving() -> Iterator[ModelServer]:
    """A server that runs for as long as the block does."""
    made = ModelServer()
    thread = threading.Thread(target=made.server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield made
    finally:
        made.stop()
        thread.join()
