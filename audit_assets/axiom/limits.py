"""How long and how often the client tries. Every number has its reason in docs/facts/axiom.md."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Bounds:
    """Seconds and counts; the defaults suit the service, tests hand in others."""

    connect_seconds: float = 5.0
    read_seconds: float = 120.0
    """Ingest was seen to take more than 10 s for half an hour (2.2); official clients allow queries 120 s (2.3)."""

    answer_seconds: float = 300.0
    """From the first byte sent to the last received."""

    tries: int = 5
    """Of a query, and of a batch that Axiom asked to send later."""

    sends: int = 3
    """Of a batch whose fate was unclear and which then was found lacking."""

    asked_wait_seconds: float = 300.0
    """The longest wait that Axiom may ask for: its limits can last until the next day (2.2), a run can not."""

    visibility_seconds: float = 90.0
    """Rows show after 10 to 20 s as a rule; Axiom's own tests wait up to 60 s (3)."""

    longest_poll_seconds: float = 15.0
    """Between two looks at what has become visible."""
