"""Asks a model behind an OpenAI-compatible endpoint, once and within bounds.

The client is the `openai` package, without its retries and without what it reads from the environment: only the
headers and the address that are set here leave the machine, over this project's own bounded sockets. No tools are
offered and no redirect is followed. Needs the extra `triage`.
"""

import httpcore
import httpx
import httpx2
import openai

from audit_assets.config.errors import Refused, SettingError, Unavailable
from audit_assets.tickets.finding import TriageNote
from audit_assets.transport.clock import Clock, SystemClock
from audit_assets.transport.deadline_sockets import BoundedTransport, Deadline
from audit_assets.transport.http import checked_address
from audit_assets.triage.model_answer import RESPONSE_FORMAT, note_of

ANSWER_TOKENS = 2_000
"""A note takes about 400; models that think first count their thoughts as well."""

ANSWER_BYTES = 256 * 1024
CONNECT_SECONDS = 5.0

SENT_HEADERS = ("accept", "authorization", "content-type", "user-agent")
"""The package adds others, some of them from the environment."""

NO_KEY = "none"
"""Sent where no key is set: endpoints on one's own machine ask for none, and the package for some."""

REQUEST_TIMEOUT = 408

TELLS_OF = {
    401: "correct AUDIT_ASSETS_TRIAGE_API_KEY",
    403: "correct AUDIT_ASSETS_TRIAGE_API_KEY",
    404: "correct AUDIT_ASSETS_TRIAGE_URL or AUDIT_ASSETS_TRIAGE_MODEL",
    429: "its limit is reached",
}


class Model:
    """A connection to one model. Closes with `close()`."""

    def __init__(self, *, name: str, api_key: str, url: str, prompt: str, clock: Clock | None = None) -> None:
        """Nothing is sent yet. Raises `SettingError` or `Refused` for a setting that can't be right."""
        if not (api_key.isascii() and api_key.isprintable()):
            raise SettingError("AUDIT_ASSETS_TRIAGE_API_KEY holds characters that no key has: copy it again.")
        self.name = name
        self._prompt = prompt
        self._clock = clock or SystemClock()
        self._deadline = Deadline(self._clock)
        key = api_key or NO_KEY
        self._client = openai.OpenAI(
            api_key=key,
            base_url=str(checked_address("The triage model", url)),
            max_retries=0,
            default_headers={"Authorization": f"Bearer {key}"},  # else OPENAI_CUSTOM_HEADERS could put another here
            http_client=httpx2.Client(transport=_Bounded(self._deadline), trust_env=False, follow_redirects=False),
        )

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def note_on(self, case: str, *, seconds: float) -> TriageNote:
        """The model's note on a case (JSON text, all of it data), asked for once.

        Raises `Refused` if asking again is pointless for now, `Unavailable` for no answer within `seconds`,
        `Incomplete` for one that is no note.
        """
        self._deadline.at = self._clock.monotonic() + seconds
        try:
            answer = self._client.chat.completions.with_raw_response.create(
                model=self.name,
                messages=[{"role": "system", "content": self._prompt}, {"role": "user", "content": case}],
                max_completion_tokens=ANSWER_TOKENS,
                response_format=RESPONSE_FORMAT,  # pyright: ignore[reportArgumentType] - a TypedDict of the package's
                timeout=seconds,
            )
        except openai.APIStatusError as error:
            raise _refused(error.status_code) from None
        except openai.APITimeoutError:
            raise Unavailable(f"The triage model gave no whole answer within {seconds:.0f} s.") from None
        except openai.OpenAIError:
            raise Unavailable("The triage model's endpoint could not be reached, or broke off.") from None
        return note_of(answer.content, self.name)


def _refused(status: int) -> Refused | Unavailable:
    """What a status means. No word of the endpoint's is repeated: it may repeat the key or the entries."""
    remedy = f": {TELLS_OF[status]}" if status in TELLS_OF else ""
    said = f"The triage model's endpoint answered HTTP {status}{remedy}."
    return Unavailable(said) if status >= 500 or status == REQUEST_TIMEOUT else Refused(said)


class _Bounded(httpx2.BaseTransport):
    """Our own sockets under the package's client: bounded in time to the last byte, and in bytes."""

    def __init__(self, deadline: Deadline) -> None:
        self._sockets = BoundedTransport(deadline)

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        sent = httpx.Request(
            request.method,
            str(request.url),
            headers={name: request.headers[name] for name in SENT_HEADERS if name in request.headers}
            | {"accept-encoding": "identity"},
            content=request.read(),
            extensions={"timeout": {"connect": CONNECT_SECONDS}},
        )
        try:
            reply = self._sockets.handle_request(sent)
            try:
                body = _body(reply)
            finally:
                reply.close()
        except httpcore.TimeoutException as error:
            raise httpx2.ReadTimeout(str(error)) from None
        except (httpcore.NetworkError, httpcore.ProtocolError) as error:
            raise httpx2.ReadError(type(error).__name__) from None
        return httpx2.Response(reply.status_code, headers={"content-type": "application/json"}, content=body)

    def close(self) -> None:
        self._sockets.close()


def _body(reply: httpx.Response) -> bytes:
    if reply.headers.get("content-encoding", "identity") != "identity":
        raise httpcore.RemoteProtocolError("an encoding that was not asked for")
    body = bytearray()
    for chunk in reply.iter_raw():
        body += chunk
        if len(body) > ANSWER_BYTES:
            raise httpcore.RemoteProtocolError("too long")
    return bytes(body)
