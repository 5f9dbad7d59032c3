"""Rules of an issue in the sandbox's Linear: its references, its number, and the times that a state sets."""

import re

from audit_assets.sandbox.linear.entity_store import Entity, LinearStore

PRIORITIES = ("No priority", "Urgent", "High", "Medium", "Low")
"""The labels of priorities 0 to 4."""

TICKETS_PATH = "/sandbox/tickets"
"""The path of the ticket pages."""

_IDENTIFIER = re.compile(r"[A-Za-z0-9]+-\d+")


def find_issue(store: LinearStore, reference: str) -> Entity | None:
    """The issue with that id or identifier (`SEC-12`), if there is one."""
    if _IDENTIFIER.fullmatch(reference):
        return store.named("Issue", reference.upper())
    return store.find("Issue", reference.lower())


def next_number(store: LinearStore, team: Entity) -> int:
    """The number of the team's next issue. An issue that was moved away keeps its old identifier."""
    used = (name for issue in store.all("Issue") for name in (issue["identifier"], *issue["previousIdentifiers"]))
    return 1 + sum(name.startswith(f"{team['key']}-") for name in used)


def page_path(issue: Entity) -> str:
    """The path of the issue's page."""
    return f"{TICKETS_PATH}/{issue['identifier']}"


def state_changes(now: str, state: Entity, issue: Entity | None = None, *, duplicate_sets: str = "") -> Entity:
    """The fields that change with the state. The time that `duplicate` sets is not known (docs/facts/linear.md, 1)."""
    kind = state["type"]
    already_started = issue["startedAt"] if issue else None
    times = {
        "startedAt": (already_started or now) if kind in ("started", "completed") else already_started,
        "completedAt": now if kind == "completed" else None,
        "canceledAt": now if kind == "canceled" else None,
    }
    if kind == "duplicate" and duplicate_sets:
        times[duplicate_sets] = now
    return {"stateId": state["id"], **times}
