"""What people do in Linear by hand, for tests: read, close, archive, move or edit a ticket."""

from audit_assets.sandbox.linear.entity_store import Entity, LinearStore
from audit_assets.sandbox.linear.issue_rules import PRIORITIES, find_issue, next_number, page_path, state_changes
from audit_assets.sandbox.linear.request_context import Behaviour
from audit_assets.sandbox.linear.seeded_workspace import VIEWER


class ManualActions:
    """Changes the workspace directly, without the API and its limits."""

    def __init__(self, store: LinearStore, behaviour: Behaviour) -> None:
        self.store = store
        self.behaviour = behaviour

    def issues(self) -> list[Entity]:
        """Every issue, oldest first, archived ones included: its fields, and in addition

        `state` and `stateType`, `labels` (names), `team` (key), `project` and `assignee` (names or None),
        `priorityLabel`, `path` (of its page here), and `comments` (with `user`, a name) and `attachments`, oldest
        first, with their own fields; `related`, the identifiers of its related issues.
        """
        with self.store.lock:
            return [self._whole(issue) for issue in self.store.all("Issue")]

    def issue(self, identifier: str) -> Entity:
        """The issue with that identifier or id, as in `issues`. Raises KeyError."""
        with self.store.lock:
            return self._whole(self._find(identifier))

    def archive(self, identifier: str) -> None:
        """Archive it, as Linear does by itself some time after an issue was closed."""
        now = self.store.now()
        self._change(identifier, {"archivedAt": now, "autoArchivedAt": now}, touch=False)

    def trash(self, identifier: str) -> None:
        """Delete it: it is in the trash for 30 days."""
        self._change(identifier, {"archivedAt": self.store.now(), "trashed": True})

    def complete(self, identifier: str) -> None:
        """Move it to Done."""
        self.move(identifier, "Done")

    def cancel(self, identifier: str) -> None:
        """Move it to Canceled."""
        self.move(identifier, "Canceled")

    def move(self, identifier: str, state_name: str) -> None:
        """Move it to one of its team's states. Raises KeyError."""
        with self.store.lock:
            issue = self._find(identifier)
            for state in self.store.all("WorkflowState", issue["teamId"]):
                if state["name"] == state_name:
                    sets = self.behaviour.duplicate_sets
                    return self._change(identifier, state_changes(self.store.now(), state, issue, duplicate_sets=sets))
        raise KeyError(f"no state {state_name}")

    def move_to_team(self, identifier: str, team_key: str) -> None:
        """Move it to another team: it gets a new number and the state of the same name there; labels and a
        project that the team does not have are removed (reported by third parties). Raises KeyError."""
        with self.store.transaction():
            issue = self._find(identifier)
            team = self.store.named("Team", team_key)
            if team is None:
                raise KeyError(f"no team {team_key}")
            number = next_number(self.store, team)
            name = self.store.get("WorkflowState", issue["stateId"])["name"]
            (state,) = (each for each in self.store.all("WorkflowState", team["id"]) if each["name"] == name)
            labels = [label for label in issue["labelIds"] if not self.store.get("IssueLabel", label)["teamId"]]
            project = self.store.get("Project", issue["projectId"]) if issue["projectId"] else None
            changes = {
                "number": number,
                "identifier": f"{team_key}-{number}",
                "previousIdentifiers": [issue["identifier"], *issue["previousIdentifiers"]],
                "teamId": team["id"],
                "stateId": state["id"],
                "labelIds": labels,
                "projectId": project["id"] if project and team["id"] in project["teamIds"] else None,
            }
            self.store.move("Issue", issue["id"], changes, parent=team["id"], alias=changes["identifier"])

    def suspend(self, user_name: str) -> None:
        """Suspend a user. Raises StopIteration."""
        user = next(user for user in self.store.all("User") if user["name"] == user_name)
        with self.store.transaction():
            self.store.change("User", user["id"], {"active": False})

    def retire_label(self, label_name: str, team_key: str | None = None) -> None:
        """Retire a label of a team, or of the workspace: it stays visible, but can be put on no other issue. Raises
        StopIteration."""
        team = self.store.named("Team", team_key) if team_key else None
        own = {"name": label_name, "teamId": team["id"] if team else None}
        label = next(each for each in self.store.all("IssueLabel") if own.items() <= each.items())
        with self.store.transaction():
            self.store.change("IssueLabel", label["id"], {"retiredById": VIEWER})

    def retire_team(self, team_key: str) -> None:
        """Retire a team. Raises KeyError."""
        team = self.store.named("Team", team_key)
        if team is None:
            raise KeyError(f"no team {team_key}")
        with self.store.transaction():
            self.store.change("Team", team["id"], {"retiredAt": self.store.now()})

    def close_as_stale(self, identifier: str) -> None:
        """Close it, as Linear does by itself with an issue without changes for months, if the team has that enabled."""
        self.move(identifier, "Canceled")
        self._change(identifier, {"autoClosedAt": self.store.now()})

    def create_label(self, name: str, team_key: str | None = None) -> None:
        """Create a label of a team's, or of the whole workspace."""
        team = next((each["id"] for each in self.store.all("Team") if each["key"] == team_key), None)
        fields = {"name": name, "teamId": team, "isGroup": False}
        with self.store.transaction():
            self.store.add("IssueLabel", fields, parent=team)

    def rename_label(self, old: str, new: str) -> None:
        """Rename all labels of that name."""
        with self.store.transaction():
            for label in self.store.all("IssueLabel"):
                if label["name"] == old:
                    self.store.change("IssueLabel", label["id"], {"name": new})

    def label(self, identifier: str, label_name: str) -> None:
        """Put a label of its team or of the workspace on it. Raises KeyError."""
        with self.store.lock:
            issue = self._find(identifier)
            for label in self.store.all("IssueLabel"):
                if label["name"] == label_name and label["teamId"] in (issue["teamId"], None):
                    labels = dict.fromkeys([*issue["labelIds"], label["id"]])
                    return self._change(identifier, {"labelIds": list(labels)})
        raise KeyError(f"no label {label_name}")

    def unlabel(self, identifier: str, label_name: str) -> None:
        """Take a label off it."""
        with self.store.lock:
            on_it = self._find(identifier)["labelIds"]
            kept = [label for label in on_it if self.store.get("IssueLabel", label)["name"] != label_name]
            self._change(identifier, {"labelIds": kept})

    def delete_for_good(self, identifier: str) -> None:
        """Delete it permanently, as an admin can, or as Linear does after 30 days in the trash."""
        with self.store.transaction():
            self.store.remove("Issue", self._find(identifier)["id"])

    def edit_description(self, identifier: str, text: str) -> None:
        """Replace its description."""
        self._change(identifier, {"description": text})

    def set_priority(self, identifier: str, priority: int) -> None:
        """Give it a priority, 0 (none) to 4 (low)."""
        self._change(identifier, {"priority": priority})

    def _change(self, identifier: str, changes: Entity, *, touch: bool = True) -> None:
        with self.store.transaction():
            self.store.change("Issue", self._find(identifier)["id"], changes, touch=touch)

    def _find(self, identifier: str) -> Entity:
        issue = find_issue(self.store, identifier)
        if issue is None:
            raise KeyError(f"no issue {identifier}")
        return issue

    def _whole(self, issue: Entity) -> Entity:
        state = self.store.get("WorkflowState", issue["stateId"])
        return issue | {
            "state": state["name"],
            "stateType": state["type"],
            "team": self.store.get("Team", issue["teamId"])["key"],
            "project": self.store.get("Project", issue["projectId"])["name"] if issue["projectId"] else None,
            "assignee": self.store.get("User", issue["assigneeId"])["name"] if issue["assigneeId"] else None,
            "labels": [self.store.get("IssueLabel", label)["name"] for label in issue["labelIds"]],
            "priorityLabel": PRIORITIES[issue["priority"]],
            "path": page_path(issue),
            "comments": [self._with_user(comment) for comment in self.store.all("Comment", issue["id"])],
            "attachments": self.store.all("Attachment", issue["id"]),
            "related": [
                self.store.get("Issue", relation["relatedIssueId"])["identifier"]
                for relation in self.store.all("IssueRelation", issue["id"])
            ],
        }

    def _with_user(self, comment: Entity) -> Entity:
        return comment | {"user": self.store.get("User", comment["userId"])["name"]}
