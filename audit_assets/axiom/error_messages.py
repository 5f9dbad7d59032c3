"""What Axiom's failures mean, in one sentence for the person who must do something about it.

Pure: an answer in, an error or a number of seconds out (statuses and headers: docs/facts/axiom.md, 2.2).
"""

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from audit_assets.axiom.axiom_py_adapter import Answer, Wire
from audit_assets.config.errors import Refused

RATE_LIMITED = 429
PLAN_LIMITED = 430
TOO_LARGE = 413

INGEST_CAPABILITY = "ingest (create)"
QUERY_CAPABILITY = "query (read)"


def is_passing(answer: Answer) -> bool:
    """Whether the same request may succeed later."""
    return answer.status in (408, RATE_LIMITED, PLAN_LIMITED) or answer.status >= 500


def of_ingest(wire: Wire, answer: Answer) -> Refused:
    """The error for an ingest that was turned down for good."""
    return _refused(wire, answer, INGEST_CAPABILITY, "events")


def of_query(wire: Wire, answer: Answer) -> Refused:
    """The error for a query that was turned down for good."""
    return _refused(wire, answer, QUERY_CAPABILITY, "a query")


def passing_reason(wire: Wire, answer: Answer) -> str:
    """What stands in the way for now."""
    if answer.status == PLAN_LIMITED:
        return f"the limit of the organisation's plan is reached (HTTP 430: {wire.text_of(answer)})"
    if answer.status == RATE_LIMITED:
        return f"too many requests (HTTP 429: {wire.text_of(answer)})"
    return "an answer that is no JSON" if answer.status == 200 else f"HTTP {answer.status}"


def asked_wait(answer: Answer, now: datetime) -> float | None:
    """Seconds that Axiom asks to wait: Retry-After in either form, or the reset of the limit that was hit."""
    after = answer.headers.get("retry-after", "").strip()
    if after.isdigit():
        return float(after)
    try:
        return max(0.0, (parsedate_to_datetime(after) - now).total_seconds())
    except (ValueError, TypeError):
        return _until_reset(answer, now)


def gave_up(what: str, attempts: int, reason: str, asked: float | None) -> str:
    """The sentence when the tries or the time are used up."""
    tries = "1 try" if attempts == 1 else f"{attempts} tries"
    wait = f"; it asks to wait {asked:.0f} s" if asked else ""
    return f"Axiom did not take {what} in {tries}: {reason}{wait}. Run the hour again later."


def _until_reset(answer: Answer, now: datetime) -> float | None:
    """X-RateLimit-Reset and X-QueryLimit-Reset are seconds since 1970."""
    if answer.status != RATE_LIMITED:
        return None
    for limit in ("ratelimit", "querylimit"):
        reset = answer.headers.get(f"x-{limit}-reset", "").strip()
        if answer.headers.get(f"x-{limit}-remaining", "").strip() == "0" and reset.isdigit() and len(reset) < 12:
            return max(0.0, (datetime.fromtimestamp(int(reset), UTC) - now).total_seconds())
    return None


def _refused(wire: Wire, answer: Answer, capability: str, what: str) -> Refused:
    dataset = wire.dataset
    match answer.status:
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
            return Refused(f"Axiom dataset '{dataset}' not found with this token: create it, or set AXIOM_DATASET")
        case status if 300 <= status < 400:
            return Refused(f"Axiom's address answers with a redirect (HTTP {status}): correct AXIOM_URL")
        case status:
            return Refused(f"Axiom refused {what} for dataset '{dataset}' (HTTP {status}): {wire.text_of(answer)}")
