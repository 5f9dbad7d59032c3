"""Where tickets go: the names of settings and table, looked up in the workspace when a ticket first needs them.

What is there is remembered as long as the connection. A name that leads nowhere costs no ticket its opening: the place
lacks what it stands for, and says so; only without the team of LINEAR_TEAM_KEY there is no place.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from audit_assets.config.errors import Refused
from audit_assets.linear.graphql_connection import Wire
from audit_assets.linear.name_lookup import TABLE, Node, assignee_named, labels_named, not_asked, project_named
from audit_assets.linear.routing import Fields, TicketFields, in_teams_of_others

T = TypeVar("T")

STATES_FOR_NEW = ("unstarted", "backlog")


@dataclass(frozen=True)
class Place:
    """Where new tickets go, and what they get there, as Linear answers it. `problems`: what was wanted and is not."""

    team: Node
    state: Node | None
    labels: tuple[Node, ...] = ()
    project: Node | None = None
    assignee: Node | None = None
    problems: tuple[str, ...] = ()

    @property
    def bare(self) -> "Place":
        """The same team, and nothing besides that Linear could refuse a ticket for."""
        return Place(self.team, self.state)


class TargetResolver:
    """The places of one workspace. Raises `Unavailable` or `Incomplete` if Linear gives no answer to go by."""

    def __init__(self, wire: Wire, team_key: str, label: str | None) -> None:
        """Nothing is asked yet. `label`: the one that every ticket gets."""
        self._wire = wire
        self._team_key = team_key
        self._label = label
        self._known: dict[tuple[object, ...], Any] = {}

    @property
    def who(self) -> str:
        """Whose key it is."""
        return self._teams(self._team_key)[0]

    @property
    def default(self) -> Place:
        """Where tickets go that the table says nothing of. Raises `Refused` if there is no such team."""
        return self._in(self._default_team(), Fields(priority=0))

    def of(self, fields: Fields) -> Place:
        """Where tickets with these fields go. If their team is not there, it is the one of LINEAR_TEAM_KEY, with what
        it has of the other fields."""
        if fields.team in (None, self._team_key):
            return self._in(self._default_team(), fields)
        try:
            return self._in(self._team(fields.team), fields)
        except Refused as refusal:
            return replace(self._in(self._default_team(), fields), problems=(str(refusal),))

    def tried(self, fields: Fields) -> Iterator[Place]:
        """The places to try one after the other: as it is wanted, then without what Linear may refuse, and in the end
        the team of LINEAR_TEAM_KEY."""
        wanted = self.of(fields)
        yield wanted
        if wanted.labels or wanted.project or wanted.assignee:
            yield wanted.bare
        if wanted.team["key"] != self._team_key:
            yield self.default.bare

    def problems(self, table: Sequence[TicketFields]) -> list[str]:
        """What the table names and the workspace lacks, row by row; what every ticket lacks is not repeated."""
        return [
            f"{TABLE} {number}: {problem}"
            for number, row in enumerate(table, start=1)
            for problem in self._of_row(row, row.team).problems
            if problem not in self.default.problems
        ]

    def doubts(self, table: Sequence[TicketFields]) -> list[str]:
        """What rows name that is right in their own team, and not in one that another row may choose for the ticket."""
        wrong = {problem for row in table for problem in self._of_row(row, row.team).problems}
        return [
            f"{TABLE} {here + 1}, if {there + 1} decides on the team: {problem}"
            for here, there in in_teams_of_others(table)
            for problem in self._of_row(table[here], table[there].team).problems
            if problem not in wrong
        ]

    def _of_row(self, row: TicketFields, team: str | None) -> Place:
        return self.of(Fields(0, team, row.project, row.labels, row.assignee))

    def state_in(self, team_id: str) -> Node | None:
        """The state of an open ticket in that team. Raises `Refused` if Linear does not show it."""

        def take(data: dict[str, Any]) -> Node:
            if data["team"]["id"] != team_id:
                raise not_asked("teams")
            return data["team"]

        asked = {"id": team_id}
        return _state_for_new(self._once(asked, lambda: self._wire.ask("team_states", asked, take)))

    def _in(self, team: Node, fields: Fields) -> Place:
        wanted = {"team": team["id"], "labels": fields.labels, "project": fields.project, "assignee": fields.assignee}
        return self._once(wanted, lambda: self._furnished(team, fields))

    def _furnished(self, team: Node, fields: Fields) -> Place:
        problems: list[str] = []

        def there(look: Callable[[], T]) -> T | None:
            try:
                return look()
            except Refused as refusal:
                problems.append(str(refusal))
                return None

        labels, wrong = there(lambda: self._labels(fields.labels, team)) or ([], [])
        problems += wrong
        project = there(lambda: self._project(fields.project, team))
        assignee = there(lambda: self._assignee(fields.assignee, team))
        return Place(team, _state_for_new(team), tuple(labels), project, assignee, tuple(problems))

    def _default_team(self) -> Node:
        _, teams = self._teams(self._team_key)
        if not teams:
            raise Refused(
                f"Linear shows no team with the key '{self._team_key}' to this API key: set LINEAR_TEAM_KEY to the "
                "letters before the number of the team's tickets, such as SEC in SEC-12."
            )
        return teams[0]

    def _team(self, key: str) -> Node:
        _, teams = self._teams(key)
        instead = f"until then such tickets go to '{self._team_key}'."
        if not teams:
            raise Refused(
                f"Linear shows no team with the key '{key}' to this API key: correct `team` in {TABLE}, or let the key "
                f"of LINEAR_API_KEY into that team, if it is restricted to others; {instead}"
            )
        if teams[0]["retiredAt"]:
            raise Refused(f"The team '{key}' was retired in Linear: name another as `team` in {TABLE}; {instead}")
        return teams[0]

    def _teams(self, key: str) -> tuple[str, list[Node]]:
        def take(data: dict[str, Any]) -> tuple[str, list[Node]]:
            if any(team["key"] != key for team in data["teams"]["nodes"]):
                raise not_asked("teams")
            return data["viewer"]["name"], data["teams"]["nodes"]

        asked = {"key": key}
        return self._once(asked, lambda: self._wire.ask("team", asked, take))

    def _labels(self, names: Sequence[str], team: Node) -> tuple[list[Node], list[str]]:
        wanted = list(dict.fromkeys([self._label, *names] if self._label else names))
        if not wanted:
            return [], []

        def take(data: dict[str, Any]) -> tuple[list[Node], list[str]]:
            return labels_named(data["issueLabels"]["nodes"], wanted, team, setting=self._label)

        return self._wire.ask("labels", {"names": wanted, "team": team["id"]}, take)

    def _project(self, name: str | None, team: Node) -> Node | None:
        if name is None:
            return None
        asked = {"name": name, "team": team["id"]}
        return self._wire.ask("projects", asked, lambda data: project_named(data["projects"]["nodes"], name, team))

    def _assignee(self, who: str | None, team: Node) -> Node | None:
        if who is None:
            return None
        asked = {"who": who, "team": team["id"]}
        return self._wire.ask("users", asked, lambda data: assignee_named(data["users"]["nodes"], who, team))

    def _once(self, what: dict[str, Any], ask: Callable[[], T]) -> T:
        """What was asked for before is not asked again; an error is not remembered."""
        key = tuple(what.items())
        if key not in self._known:
            self._known[key] = ask()
        return self._known[key]


def _state_for_new(team: Node) -> Node | None:
    """The state that a ticket gets. It is always said: else triage would depend on who asks (docs/facts/linear.md, 4)."""
    if team["defaultIssueState"]:
        return team["defaultIssueState"]
    states = sorted(team["states"]["nodes"], key=lambda state: state["position"])
    return next((state for kind in STATES_FOR_NEW for state in states if state["type"] == kind), None)
