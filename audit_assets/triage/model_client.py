"""Asks a language model behind an OpenAI-compatible endpoint, once and within bounds.

One POST of /chat/completions over the project's own HTTP client: only the headers and the address that are set here
leave the machine, and no redirect is followed. No tools are offered to the model, and nothing is asked twice.
"""

from audit_assets.config.errors import Refused, SettingError, Unavailable
from audit_assets.transport.clock import Clock
from audit_assets.transport.http import BoundedHttpClient, HttpLimits, Reply, TooSlow, TryAgain
from audit_assets.triage.model_answer import RESPONSE_FORMAT, ModelNote, parse_note

ANSWER_TOKENS = 2_000
"""A note takes about 400; models that reason first count their reasoning as well. A judgement."""

ANSWER_BYTES = 256 * 1024
"""Many times what 2,000 tokens take."""

NO_KEY = "none"
"""Sent where no key is set: endpoints on one's own machine need none."""

REQUEST_TIMEOUT = 408

REMEDIES = {
    401: "correct AUDIT_ASSETS_TRIAGE_API_KEY",
    403: "correct AUDIT_ASSETS_TRIAGE_API_KEY",
    404: "correct AUDIT_ASSETS_TRIAGE_URL or AUDIT_ASSETS_TRIAGE_MODEL",
    429: "its limit is reached",
}


class Model:
    """A connection to one model. Closes with `close()`."""

    def __init__(self, *, name: str, api_key: str, url: str, prompt: str, clock: Clock | None = None) -> None:
        """Sends nothing yet. Raises `SettingError` or `Refused` for a setting that can't be right."""
        if not (api_key.isascii() and api_key.isprintable()):
            raise SettingError("AUDIT_ASSETS_TRIAGE_API_KEY holds characters that no key has: copy it again.")
        self.name = name
        self._prompt = prompt
        self._http = BoundedHttpClient(
            service="The triage model",
            base_url=url,
            headers={"Authorization": f"Bearer {api_key or NO_KEY}", "Accept": "application/json"},
            clock=clock,
        )

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def note_on(self, case: str, *, seconds: float) -> ModelNote:
        """The model's note on a case (JSON text, all of it data), requested once.

        Raises `Refused` if another request is pointless for now, `Unavailable` for no answer within `seconds`,
        `Incomplete` for an answer that is no note.
        """
        reply = self._send(case, HttpLimits(attempts=1, attempt_seconds=seconds, body_bytes=ANSWER_BYTES))
        if not 200 <= reply.status < 300:
            raise _failure(reply.status)
        return parse_note(reply.body, self.name)

    def _send(self, case: str, limits: HttpLimits) -> Reply:
        request = {
            "model": self.name,
            "messages": [{"role": "system", "content": self._prompt}, {"role": "user", "content": case}],
            "max_completion_tokens": ANSWER_TOKENS,
            "response_format": RESPONSE_FORMAT,
        }
        try:
            return self._http.within(limits).send("POST", "chat/completions", json=request)
        except TooSlow:
            raise Unavailable(f"The triage model gave no whole answer within {limits.attempt_seconds:.0f} s.") from None
        except TryAgain:
            raise Unavailable("The triage model's endpoint could not be reached, or broke off.") from None


def _failure(status: int) -> Refused | Unavailable:
    """The error for a status. No word of the endpoint's is repeated: it may repeat the key or the entries."""
    remedy = f": {REMEDIES[status]}" if status in REMEDIES else ""
    sentence = f"The triage model's endpoint answered HTTP {status}{remedy}."
    return Unavailable(sentence) if status >= 500 or status == REQUEST_TIMEOUT else Refused(sentence)
