"""A small OpenAI-compatible endpoint on loopback, which can misbehave.

Its answers and its errors have the shape of OpenAI's: an unknown key is repeated in the refusal, as theirs is.
"""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

KEY = "sk-canary-0123456789abcdef"
NAME = "small-model-1"

ANSWER: dict[str, Any] = {
    "assessment": "A script may have removed DNS records in bulk.",
    "harmless": ["All changes came from one known interface."],
    "check": ["Ask Alice whether she ran a clean-up.", "See whether the records are still wanted."],
}


@dataclass(frozen=True)
class RawAnswer:
    """An answer, byte for byte. `declared`: the announced length, if it differs; `drips`: a byte at a time, until the
    client hangs up."""

    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    declared: int | None = None
    drips: bool = False


Behaviour = Callable[[dict[str, Any]], RawAnswer]
"""The answer to a request's JSON."""


def completion(content: str | None, *, finish_reason: str = "stop", **message: Any) -> RawAnswer:
    """A chat completion with that content."""
    reply = {"role": "assistant", "content": content, "refusal": None, **message}
    whole = {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1_763_000_000,
        "model": NAME,
        "choices": [{"index": 0, "message": reply, "logprobs": None, "finish_reason": finish_reason}],
        "usage": {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2},
    }
    return RawAnswer(body=json.dumps(whole).encode())


def answer(**changes: Any) -> RawAnswer:
    """A good answer, or one that is changed."""
    return completion(json.dumps(ANSWER | changes))


def error(status: int, message: str = "Something went wrong", **headers: str) -> RawAnswer:
    """An error in OpenAI's shape."""
    body = {"error": {"message": message, "type": "invalid_request_error", "param": None, "code": None}}
    return RawAnswer(status, json.dumps(body).encode(), headers)


def echo(request: dict[str, Any]) -> RawAnswer:
    """A model that obeys the data: it returns the user's message as its answer."""
    (user,) = [message["content"] for message in request["messages"] if message["role"] == "user"]
    case = json.loads(user)
    values = [case["actor"], *(value for entry in case["entries"] for value in entry.values())]
    pieces = [value[:150] for value in values if value]
    return answer(assessment="".join(values)[:400], harmless=pieces[:3], check=pieces[3:7])


class ModelServer:
    """Records its requests and their headers, and answers by `behaviour`."""

    def __init__(self) -> None:
        self.requests: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self.behaviour: Behaviour = lambda _: answer()
        self._hung_up = threading.Event()
        endpoint = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                request = json.loads(self.rfile.read(int(self.headers["content-length"])))
                endpoint.requests.append(request)
                endpoint.headers.append({name.lower(): value for name, value in self.headers.items()})
                self._send(endpoint.reply_to(self.path, self.headers.get("authorization", ""), request))

            def _send(self, reply: RawAnswer) -> None:
                self.close_connection = True
                self.send_response(reply.status)
                headers = {"content-type": "application/json", "connection": "close", **reply.headers}
                length = len(reply.body) if reply.declared is None else reply.declared
                for name, value in {**headers, "content-length": str(length)}.items():
                    self.send_header(name, value)
                self.end_headers()
                try:
                    self.wfile.write(reply.body)
                    while reply.drips and not endpoint._hung_up.wait(0.02):
                        self.wfile.write(b" ")
                except OSError:
                    """The client hung up."""

            def log_message(self, format: str, *args: object) -> None:
                """Nothing on standard error."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/v1"

    def reply_to(self, path: str, authorization: str, request: dict[str, Any]) -> RawAnswer:
        """What an endpoint checks before its model answers."""
        if path != "/v1/chat/completions":
            return error(404, "Invalid URL")
        if authorization != f"Bearer {KEY}":
            return error(401, f"Incorrect API key provided: {authorization.removeprefix('Bearer ')}.")
        if request["model"] != NAME:
            return error(404, f"The model `{request['model']}` does not exist")
        return self.behaviour(request)

    def stop(self) -> None:
        """Stop, and release whoever still waits."""
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
