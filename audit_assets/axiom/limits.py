"""How long and how often the client of Axiom tries; what has no fact behind it is called a judgement."""

from dataclasses import dataclass

from audit_assets.transport.retry_policy import HttpLimits

CONNECT_SECONDS = 5.0
"""A judgement."""

LONGEST_POLL_SECONDS = 15.0
"""Between two looks at what has become visible. A judgement."""


@dataclass(frozen=True)
class AxiomLimits(HttpLimits):
    """The limits of every service, and what only Axiom needs. The defaults suit the service; tests pass in others."""

    attempts: int = 5
    """Of a query, and of a batch that Axiom certainly did not take. A judgement."""

    attempt_seconds: float = 300.0
    """From the first byte sent to the last received. A judgement: more than twice `read_seconds`."""

    total_seconds: float = 300.0
    """Also the longest wait that Axiom may ask for: its limits can last until the next day (docs/facts/axiom.md, 2.2),
    but a run can't."""

    body_bytes: int = 256 * 1024 * 1024
    """Far above 50,000 rows of our queries, far below what would use up the memory. A judgement."""

    read_seconds: float = 120.0
    """Without a byte. Ingest was seen to take more than 10 s for half an hour (docs/facts/axiom.md, 2.2); official
    clients allow queries 120 s (2.3)."""

    sends: int = 3
    """Of a batch that may have arrived, but then was found missing. A judgement."""

    visibility_seconds: float = 90.0
    """Rows show after 10 to 20 s as a rule; Axiom's own tests wait up to 60 s (docs/facts/axiom.md, 3)."""
