"""The ways in which a request can fail: of the connection, of any service, and those of one service only.

What each service was seen to do is in docs/facts/; audit_assets/sandbox/fault_plan.py does it. A wrong answer that no
client could recognise, such as rows silently left out, is not among them.
"""

import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from audit_assets.sandbox.fault_plan import Fault

JSON_500 = '{"message": "internal error"}'
HTML = "<!DOCTYPE html><html><body><h1>Service temporarily unavailable</h1></body></html>"


@dataclass(frozen=True)
class Failure:
    """One way to fail. `slow`: it holds the caller for real seconds. `final`: no client tries it again, so that a run
    with several hundred requests, of which some fail so, never ends well."""

    name: str
    kind: str
    options: Mapping[str, Any] = field(default_factory=dict)
    slow: bool = False
    final: bool = False

    def at(self, service: str, number: int, call: str = "*") -> Fault:
        """The `number`-th request from now on fails so: of all to that service, or of those of one call."""
        return Fault(service, call, self.kind, at=number, options=self.options)


CONNECTION_FAILURES = (
    Failure("dropped before", "drop_before"),
    Failure("dropped after it was applied", "drop_after"),
    Failure(
        "429", "status", {"status": 429, "body": '{"message": "rate limit exceeded"}', "headers": {"retry-after": "30"}}
    ),
    Failure("500", "status", {"status": 500, "body": JSON_500}),
    Failure("503 with HTML", "status", {"status": 503, "body": HTML, "headers": {"content-type": "text/html"}}),
    Failure("time-out before", "slow_before", {"seconds": 2.0}, slow=True),
    Failure("time-out after it was applied", "slow_after", {"seconds": 2.0}, slow=True),
    Failure("reset before", "reset_before"),
    Failure("reset after it was applied", "reset_after"),
    Failure("torn body", "torn"),
)

S3_FAILURES = (
    *(failure for failure in CONNECTION_FAILURES if failure.kind != "status"),
    Failure("500", "status", {"status": 500, "body": "<Error><Code>InternalError</Code></Error>"}),
    Failure("503 SlowDown", "status", {"status": 503, "body": "<Error><Code>SlowDown</Code></Error>"}),
    Failure("403", "status", {"status": 403, "body": "<Error><Code>AccessDenied</Code></Error>"}, final=True),
    Failure("503 with HTML", "status", {"status": 503, "body": HTML}),
)
"""Of an object store: what it answers is XML, and what waits in front of it answers in HTML."""

SERVICE_FAILURES: Mapping[tuple[str, str], tuple[Failure, ...]] = {
    ("cloudflare", "*"): (
        Failure("200 with success:false", "not_success"),
        Failure("200 with HTML", "html"),
        Failure("200 with half a body", "cut_json"),
        Failure("a wrong count", "wrong_count"),
        Failure("no result", "result_null"),
    ),
    ("axiom", "ingest"): (
        Failure("200 with failed>0", "rejected_events", {"events": 3}),
        Failure("200 with all failed", "rejected_events", {"events": 10_000}),
        Failure("504, and it surfaces late", "late_surfacing", {"seconds": 60, "status": 504}),
        Failure("no answer, and it surfaces late", "late_surfacing", {"seconds": 60, "silent": True}),
        Failure("no answer, and it surfaces after the last look", "late_surfacing", {"seconds": 100, "silent": True}),
        Failure("a bare receipt", "bare_receipt"),
    ),
    ("axiom", "query"): (
        Failure("a partial result", "partial"),
        Failure("an estimate", "estimate"),
        Failure("an unknown priority", "unknown_priority"),
    ),
    ("linear", "*"): (
        Failure("GraphQL error in a 200", "internal_error", {"status": 200}),
        Failure("GraphQL error in a 400", "internal_error", {"status": 400}),
        Failure("lock timeout", "lock_timeout"),
        Failure("rate limit in a 400", "rate_limited", {"seconds": 30}),
        Failure("a conflict in the store of descriptions", "description_conflict"),
    ),
    ("linear", "issueCreate"): (
        Failure("success:false", "success_false"),
        Failure("applied, but without its entity", "no_entity"),
    ),
    ("linear", "fileUpload"): (
        Failure("success:false", "success_false"),
        Failure("no slot for the file", "no_entity"),
        Failure("forbidden", "forbidden"),
    ),
    ("storage", "put"): (Failure("403", "status", {"status": 403, "body": "<Error/>"}),),
    ("linear", "commentCreate"): (Failure("success:false", "success_false"),),
    ("linear", "attachmentCreate"): (Failure("success:false", "success_false"),),
    ("linear", "issues"): (Failure("other nodes than requested", "wrong_nodes"),),
}
"""By service and call; `*` is any."""

CALLS = (
    ("cloudflare", "v2"),
    ("cloudflare", "v1"),
    ("axiom", "query"),
    ("axiom", "ingest"),
    ("linear", "viewer"),
    ("linear", "issueCreate"),
    ("linear", "issues"),
    ("linear", "commentCreate"),
    ("linear", "attachmentCreate"),
    ("linear", "fileUpload"),
    ("storage", "put"),
)
"""Every call that an hour makes, as the sandbox names them."""

S3_CALLS = (("s3", "GET"), ("s3", "PUT"), ("s3", "LIST"))
"""Those of an hour on an object store."""

SHARE = 0.05
"""The share of requests that fail while runs are killed."""

MOST_REQUESTS_OF_A_CALL = 60
"""In one run: for so many of a call failures are drawn."""


def failures_of(service: str, call: str) -> tuple[Failure, ...]:
    """All ways in which that call of a service can fail."""
    if service == "s3":
        return S3_FAILURES
    return (*CONNECTION_FAILURES, *SERVICE_FAILURES.get((service, "*"), ()), *SERVICE_FAILURES.get((service, call), ()))


def random_faults(rng: random.Random, share: float, *, on_s3: bool = False) -> Iterator[Fault]:
    """Faults for one run: this share of the requests of every call fails, in any way that does not hold the caller.
    `on_s3`: those of an object store are among them."""
    for service, call in (*CALLS, *(S3_CALLS if on_s3 else ())):
        kinds = [failure for failure in failures_of(service, call) if not (failure.slow or failure.final)]
        for number in range(1, MOST_REQUESTS_OF_A_CALL):
            if rng.random() < share:
                yield rng.choice(kinds).at(service, number, call)
