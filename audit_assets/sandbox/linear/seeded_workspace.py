"""The initial contents of the sandbox's Linear workspace: users, two teams, their states, labels and projects."""

import hashlib
import uuid
from typing import Any

from audit_assets.sandbox.linear.entity_store import LinearStore


def seeded_id(*words: str) -> str:
    """The id of an entity that every sandbox has: the same in each, and a v4 UUID."""
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
"""Name and type of each team's states: all seven types, one of them twice (docs/facts/linear.md, 1)."""

TEAMS = {
    "SEC": ("Security", ("cloudflare-audit", "confirmed-incident", "false-positive")),
    "ENG": ("Engineering", ("cloudflare-audit", "bug")),
}
"""Key → name and labels. A query that forgets the team also finds Engineering's label of the same name."""

WORKSPACE_LABELS = ("Improvement",)
"""Labels of no team."""

LABEL_GROUPS = {"Area": ("Edge", "Identity")}
"""Groups of labels of no team: of each an issue has one label at most."""

PROJECTS = {"Incident response": ("SEC",), "Edge hardening": ("ENG",), "Zero trust": ("SEC", "ENG")}
"""Name → keys of its teams."""

USERS = {"Anne Archer": ("SEC", "ENG"), "Ben Okafor": ("ENG",), "Clara Voss": ("SEC",)}
"""Name → keys of the teams of which they are members; the addresses are anne@sandbox.invalid and so on."""

VIEWER = seeded_id("user", "bot")
"""The user of the API key: one of its own, as docs/facts/linear.md advises, and no admin."""


def seed_workspace(store: LinearStore) -> None:
    """Fill an empty workspace with users, teams, states and labels; one that has them is left unchanged."""
    with store.transaction():
        if not store.is_empty():
            return
        _user(store, VIEWER, "Audit bot", "audit-bot", tuple(TEAMS))
        for name, teams in USERS.items():
            _user(store, seeded_id("user", name), name, name.split()[0].lower(), teams)
        for name, teams in PROJECTS.items():
            own = {"id": seeded_id("project", name), "name": name, "trashed": None}
            store.add("Project", own | {"teamIds": [seeded_id("team", key) for key in teams]})
        for key, (name, labels) in TEAMS.items():
            team = seeded_id("team", key)
            states = {state: seeded_id("state", key, state) for state, _ in STATES}
            fields = {"id": team, "key": key, "name": name}
            default = {"defaultIssueStateId": states["Backlog"], "triageIssueStateId": states["Triage"]}
            store.add("Team", fields | default, alias=key)
            for position, (state, kind) in enumerate(STATES):
                fields = {"id": states[state], "name": state, "type": kind, "teamId": team}
                store.add("WorkflowState", fields | {"position": float(position)}, parent=team)
            for label in labels:
                _label(store, label, key)
        for label in WORKSPACE_LABELS:
            _label(store, label)
        for group, labels in LABEL_GROUPS.items():
            _label(store, group, isGroup=True)
            for label in labels:
                _label(store, label, parentId=seeded_id("label", "", group))


def _label(store: LinearStore, name: str, team_key: str = "", **fields: Any) -> None:
    team = seeded_id("team", team_key) if team_key else None
    own = {"id": seeded_id("label", team_key, name), "name": name, "teamId": team, "isGroup": False}
    store.add("IssueLabel", own | fields, parent=team)


def _user(store: LinearStore, own_id: str, name: str, short_name: str, teams: tuple[str, ...]) -> None:
    person = {"name": name, "displayName": short_name, "email": f"{short_name}@sandbox.invalid"}
    fields = {"active": True, "isAssignable": True, "teamIds": [seeded_id("team", key) for key in teams]}
    store.add("User", {"id": own_id, **person, **fields})
