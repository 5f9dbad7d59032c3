"""What the sandbox's Linear workspace has from the start: one user, two teams, their states and labels."""

import hashlib
import uuid

from audit_assets.sandbox.linear.store import LinearStore


def seeded_id(*words: str) -> str:
    """The id of something that every sandbox has: the same in each, and shaped like a v4 UUID."""
    return str(uuid.UUID(bytes=hashlib.sha256("|".join(("sandbox", *words)).encode()).digest()[:16], version=4))


STATES = (
    ("Triage", "triage"),
    ("Backlog", "backlog"),
    ("Todo", "unstarted"),
    ("In Progress", "started"),
    ("In Review", "started"),
    ("Done", "completed"),
    ("Canceled", "canceled"),
    ("Duplicate", "duplicate"),
)
"""Name and type of each team's states: all seven types, one of them twice (facts/linear.md, 1)."""

TEAMS = {
    "SEC": ("Security", ("cloudflare-audit", "confirmed-incident", "false-positive")),
    "ENG": ("Engineering", ("cloudflare-audit", "bug")),
}
"""Key → name and labels. Engineering catches whoever forgets to name the team: it has a label of the same name."""

WORKSPACE_LABELS = ("Improvement",)
"""Labels of no team."""

VIEWER = seeded_id("user", "bot")
"""Who the API key belongs to: a user of its own, as the facts advise, and not an admin."""


def furnish(store: LinearStore) -> None:
    """Give an empty workspace its user, teams, states and labels. One that has them stays as it is."""
    colour = "#5e6ad2"
    with store.transaction():
        if not store.empty():
            return
        person = {"name": "Audit bot", "displayName": "audit-bot", "email": "audit-bot@sandbox.invalid"}
        store.add("User", {"id": VIEWER, "active": True, "admin": False, "app": False, "isMe": True, **person})
        for key, (name, labels) in TEAMS.items():
            team = seeded_id("team", key)
            states = {state: seeded_id("state", key, state) for state, _ in STATES}
            fields = {"id": team, "key": key, "name": name, "displayName": name, "triageEnabled": True}
            default = {"defaultIssueStateId": states["Backlog"], "triageIssueStateId": states["Triage"]}
            store.add("Team", fields | default, alias=key)
            for position, (state, kind) in enumerate(STATES):
                fields = {"id": states[state], "name": state, "type": kind, "teamId": team, "color": colour}
                store.add("WorkflowState", fields | {"position": float(position)}, parent=team)
            for label in labels:
                fields = {"id": seeded_id("label", key, label), "name": label, "teamId": team, "color": colour}
                store.add("IssueLabel", fields | {"isGroup": False}, parent=team)
        for label in WORKSPACE_LABELS:
            fields = {"id": seeded_id("label", "", label), "name": label, "teamId": None, "color": colour}
            store.add("IssueLabel", fields | {"isGroup": False})
