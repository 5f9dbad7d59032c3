"""What an issue is in the sandbox's Linear: how it is referred to, and what a state does to it."""

import re

from audit_assets.sandbox.linear.store import Entity, LinearStore

PRIORITIES = ("No priority", "Urgent", "High", "Medium", "Low")
"""The labels of priorities 0 to 4."""

TICKETS_PATH = "/sandbox/tickets"
"""Where the sandbox shows issues to people."""

_IDENTIFIER = re.compile(r"[A-Za-z0-9]+-\d+")


def find_issue(store: LinearStore, reference: str) -> Entity | None:
    """The issue with that id or identifier (`SEC-12`), if there is one."""
    if _IDENTIFIER.fullmatch(reference):
        return store.named("Issue", reference.upper())
    return store.find("Issue", reference.lower())


def next_number(store: LinearStore, team: Entity) -> int:
    """The number of the team's next issue. One that was moved away keeps its old one as a name, so no other gets it."""
    had = (name for issue in store.all("Issue") for name in (issue["identifier"], *issue["previousIdentifiers"]))
    return 1 + sum(name.startswith(f"{team['key']}-") for name in had)


def page_path(issue: Entity) -> str:
    """The path of the issue's page."""
    return f"{TICKETS_PATH}/{issue['identifier']}"


def in_state(now: str, state: Entity, issue: Entity | None = None, *, duplicate_sets: str = "") -> Entity:
    """What changes with the state. Which time `duplicate` sets is not known (facts/linear.md, 1): the named one."""
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
