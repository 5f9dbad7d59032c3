"""What Axiom's failures mean, in one sentence for the person who must do something about it.

Pure: a reply in, an error or a number of seconds out (statuses and headers: docs/facts/axiom.md, 2.2).
"""

import re
from datetime import UTC, datetime

from audit_assets.axiom.axiom_py_adapter import AxiomConnection, AxiomReply
from audit_assets.config.errors import Refused, Unavailable
from audit_assets.transport.http import describe_failure
from audit_assets.transport.retry_policy import TryAgain, retry_after_seconds

RATE_LIMITED = 429
PLAN_LIMITED = 430
TOO_LARGE = 413

EPOCH_SECONDS = re.compile(r"[0-9]{1,11}")

CAPABILITIES = {"events": "ingest (create)", "a query": "query (read)"}
"""What a token needs for each request."""


def is_temporary(reply: AxiomReply) -> bool:
    """Whether the same request may succeed later."""
    return reply.status in (408, RATE_LIMITED, PLAN_LIMITED) or reply.status >= 500


def temporary_failure(connection: AxiomConnection, reply: AxiomReply, now: datetime) -> TryAgain:
    """Why the request failed for now, with the seconds that Axiom asks to wait: Retry-After in either form, or the
    reset of the limit that was reached."""
    after = retry_after_seconds(reply.headers, now)
    return TryAgain(_reason(connection, reply), _seconds_until_reset(reply, now) if after is None else after)


def _reason(connection: AxiomConnection, reply: AxiomReply) -> str:
    if reply.status == PLAN_LIMITED:
        return f"the limit of the organisation's plan is reached (HTTP 430: {connection.error_text(reply)})"
    if reply.status == RATE_LIMITED:
        return f"too many requests (HTTP 429: {connection.error_text(reply)})"
    return "an answer that is not JSON" if reply.status == 200 else f"HTTP {reply.status}"


def give_up(what: str, attempts: int, failure: TryAgain) -> Unavailable:
    """The error when the attempts or the time are used up; `what` is "events" or "a query"."""
    return Unavailable(describe_failure(f"Axiom did not take {what}", attempts, failure))


def _seconds_until_reset(reply: AxiomReply, now: datetime) -> float | None:
    """X-RateLimit-Reset and X-QueryLimit-Reset are seconds since 1970."""
    if reply.status != RATE_LIMITED:
        return None
    for limit in ("ratelimit", "querylimit"):
        reset = reply.headers.get(f"x-{limit}-reset", "").strip()
        if reply.headers.get(f"x-{limit}-remaining", "").strip() == "0" and EPOCH_SECONDS.fullmatch(reset):
            return max(0.0, (datetime.fromtimestamp(int(reset), UTC) - now).total_seconds())
    return None


def refusal(connection: AxiomConnection, reply: AxiomReply, what: str) -> Refused:
    """The error for a request that was refused for good; `what` is "events" or "a query"."""
    dataset, setting, capability = connection.dataset, connection.dataset_setting, CAPABILITIES[what]
    match reply.status:
        case 401:
            return Refused(
                "Axiom does not know this token (HTTP 401): set AXIOM_TOKEN to an API token "
                f"with the capability {capability} on dataset '{dataset}'"
            )
        case 403:
            return Refused(
                f"Axiom's token lacks the capability {capability} on dataset '{dataset}' (HTTP 403): "
                "make an API token that has it, and set AXIOM_TOKEN"
            )
        case 404:
            return Refused(f"Axiom dataset '{dataset}' not found with this token: create it, or set {setting}")
        case status if 300 <= status < 400:
            return Refused(f"Axiom's address answers with a redirect (HTTP {status}): correct AXIOM_URL")
        case status:
            return Refused(
                f"Axiom refused {what} for dataset '{dataset}' (HTTP {status}): {connection.error_text(reply)}"
            )
