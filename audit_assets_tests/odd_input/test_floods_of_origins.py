"""An actor with more user agents in an hour than Axiom lists loses its own addresses on its ticket, nobody else's."""

from datetime import UTC, datetime, timedelta
from typing import Any

from audit_assets_tests.defs.conftest import pipeline, sandbox
from audit_assets_tests.pipeline import DAY, Pipeline, v2_burst, v2_entry

__all__ = ["pipeline", "sandbox"]

JUDGED = datetime(2026, 11, 22, 9, tzinfo=UTC)
FLOOD = 50_500
"""More than the 50,000 rows that Axiom returns at most."""


def views_of_bob() -> list[dict[str, Any]]:
    """Of one hour of the day before, each with a user agent of its own."""
    start, every = JUDGED - DAY, timedelta(milliseconds=70)
    views = [v2_entry(start + every * n, actor="bob@example.com", action="view", number=n) for n in range(FLOOD)]
    return [view | {"raw": view["raw"] | {"user_agent": f"agent {n}"}} for n, view in enumerate(views)]


def test_only_the_ticket_of_the_flooding_actor_lacks_what_was_used_before(pipeline: Pipeline) -> None:
    past = [
        v2_entry(JUDGED - DAY * day, actor=f"{name}@example.com", number=5)
        for day in range(1, 15)
        for name in ("alice", "bob")
    ]
    pipeline.remember([*past, *views_of_bob()])
    for name in ("alice", "bob"):
        pipeline.sandbox.cloudflare.add("v2", v2_burst(JUDGED, 40, actor=f"{name}@example.com"))
    result = pipeline.run(JUDGED)
    assert result.success
    alice, bob = sorted((each["description"] for each in pipeline.tickets()), key=lambda text: "bob@" in text)
    assert "- Address `192.0.2.1`: 40 changes, used on 14 of the last 30 days\n" in alice
    assert "- Address `192.0.2.1`: 40 changes\n" in bob
    assert (
        "Whether any of it was used before is not known: this actor used more addresses and user agents in the 30 days "
        "before than Axiom lists."
    ) in bob
    assert "is not known" not in alice
