"""Resolves the names of settings and table to where a ticket goes, when a ticket first needs them.

What was found is kept as long as the connection. A name that leads nowhere costs no ticket its opening: the target
lacks that field and reports it; only without the team of LINEAR_TEAM_KEY there is no target.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Any, TypeVar

from audit_assets.config.errors import Refused
from audit_assets.config.policy_tables import TicketFields
from audit_assets.linear.graphql_connection import GraphqlConnection
from audit_assets.linear.name_lookup import (
    TABLE,
    Node,
    describe_missing_team,
    find_assignee,
    find_labels,
    find_project,
    wrong_answer,
)
from audit_assets.linear.routing import Fields, rows_in_other_teams

T = TypeVar("T")

STATES_FOR_NEW = ("unstarted", "backlog")


@dataclass(frozen=True)
class TicketTarget:
    """Where new tickets go, and their fields, as Linear answers them. `problems`: what should exist and does not."""

    team: Node
    state: Node | None
    labels: tuple[Node, ...] = ()
    project: Node | None = None
    assignee: Node | None = None
    problems: tuple[str, ...] = ()

    @property
    def bare(self) -> "TicketTarget":
        """The same team without any field that Linear could refuse a ticket for."""
        return TicketTarget(self.team, self.state)


class TargetResolver:
    """The targets in one workspace. Raises `Unavailable` or `Incomplete` if Linear gives no usable answer."""

    def __init__(self, connection: GraphqlConnection, team_key: str, label: str | None) -> None:
        """Nothing is asked yet. `label`: the one that every ticket gets."""
        self._connection = connection
        self._team_key = team_key
        self._label = label
        # An answer is kept, an error is not
        self._teams = cache(self._ask_for_teams)
        self._team_states = cache(self._ask_for_states)
        self._placed = cache(self._look_up)

    @property
    def who(self) -> str:
        """Whose key it is."""
        return self._teams(self._team_key)[0]

    @property
    def default(self) -> TicketTarget:
        """Where tickets go to which no row of the table applies. Raises `Refused` if there is no such team."""
        return self.target(Fields(priority=0))

    def target(self, fields: Fields) -> TicketTarget:
        """Where tickets with these fields go. If their team is missing, it is the one of LINEAR_TEAM_KEY, with
        what it has of the other fields."""
        placed = replace(fields, priority=0, team=fields.team or self._team_key)
        try:
            return self._placed(placed)
        except Refused as refusal:
            if placed.team == self._team_key:
                raise
            return replace(self._placed(replace(placed, team=self._team_key)), problems=(str(refusal),))

    def targets(self, fields: Fields) -> Iterator[TicketTarget]:
        """The targets to try one after the other: with all fields, then without those that Linear may refuse, and in
        the end the team of LINEAR_TEAM_KEY."""
        target = self.target(fields)
        yield target
        if target.labels or target.project or target.assignee:
            yield target.bare
        if target.team["key"] != self._team_key:
            yield self.default.bare

    def problems(self, table: Sequence[TicketFields]) -> list[str]:
        """What the table names and the workspace lacks, row by row, without what every ticket lacks."""
        return [
            f"{TABLE} {number}: {problem}"
            for number, row in enumerate(table, start=1)
            for problem in self._of_row(row, row.team).problems
            if problem not in self.default.problems
        ]

    def warnings(self, table: Sequence[TicketFields]) -> list[str]:
        """What rows name that exists in their own team, but not in one that another row may choose for the ticket."""
        wrong = {problem for row in table for problem in self._of_row(row, row.team).problems}
        return [
            f"{TABLE} {here + 1}, if {there + 1} decides on the team: {problem}"
            for here, there in rows_in_other_teams(table)
            for problem in self._of_row(table[here], table[there].team).problems
            if problem not in wrong
        ]

    def _of_row(self, row: TicketFields, team: str | None) -> TicketTarget:
        return self.target(Fields(0, team, row.project, row.labels, row.assignee))

    def state_in(self, team_id: str) -> Node | None:
        """The state of an open ticket in that team. Raises `Refused` if Linear does not show it."""
        return _state_for_new(self._team_states(team_id))

    def done_state_in(self, team_id: str) -> Node | None:
        """The first state of completed tickets in that team. Raises `Refused` if Linear does not show it."""
        return _first_state(self._team_states(team_id), ("completed",))

    def _look_up(self, fields: Fields) -> TicketTarget:
        team = self._team(fields.team or self._team_key)
        problems: list[str] = []

        def found(look_up: Callable[[], T]) -> T | None:
            try:
                return look_up()
            except Refused as refusal:
                problems.append(str(refusal))
                return None

        labels, wrong = found(lambda: self._labels(fields.labels, team)) or ([], [])
        problems += wrong
        project = found(lambda: self._project(fields.project, team))
        assignee = found(lambda: self._assignee(fields.assignee, team))
        return TicketTarget(team, _state_for_new(team), tuple(labels), project, assignee, tuple(problems))

    def _team(self, key: str) -> Node:
        _, teams = self._teams(key)
        unknown = f"Linear shows no team with the key '{key}' to this API key"
        if key == self._team_key:
            if not teams:
                raise Refused(describe_missing_team(key, self._visible_teams()))
            return teams[0]
        instead = f"until then such tickets go to '{self._team_key}'."
        if not teams:
            raise Refused(
                f"{unknown}: correct `team` in {TABLE}, or let the key of LINEAR_API_KEY into that team, if it is "
                f"restricted to others; {instead}"
            )
        if teams[0]["retiredAt"]:
            raise Refused(f"The team '{key}' was retired in Linear: name another as `team` in {TABLE}; {instead}")
        return teams[0]

    def _ask_for_teams(self, key: str) -> tuple[str, list[Node]]:
        def parse(data: dict[str, Any]) -> tuple[str, list[Node]]:
            found = data["teams"]["nodes"]
            # Whether Linear's `eq` minds the case is not documented: a ticket goes to no team but the one that is named
            if any(team["key"].casefold() != key.casefold() for team in found):
                raise wrong_answer("teams")
            return data["viewer"]["name"], [team for team in found if team["key"] == key]

        return self._connection.ask("team", {"key": key}, parse)

    def _visible_teams(self) -> list[Node]:
        """The teams that the key can see, the first hundred of them."""
        return self._connection.ask("teams", {}, lambda data: data["teams"]["nodes"])

    def _ask_for_states(self, team_id: str) -> Node:
        def parse(data: dict[str, Any]) -> Node:
            if data["team"]["id"] != team_id:
                raise wrong_answer("teams")
            return data["team"]

        return self._connection.ask("team_states", {"id": team_id}, parse)

    def _labels(self, names: Sequence[str], team: Node) -> tuple[list[Node], list[str]]:
        asked = list(dict.fromkeys([self._label, *names] if self._label else names))
        if not asked:
            return [], []

        def parse(data: dict[str, Any]) -> tuple[list[Node], list[str]]:
            return find_labels(data["issueLabels"]["nodes"], asked, team, setting=self._label)

        return self._connection.ask("labels", {"names": asked, "team": team["id"]}, parse)

    def _project(self, name: str | None, team: Node) -> Node | None:
        if name is None:
            return None
        asked = {"name": name, "team": team["id"]}
        return self._connection.ask("projects", asked, lambda data: find_project(data["projects"]["nodes"], name, team))

    def _assignee(self, who: str | None, team: Node) -> Node | None:
        if who is None:
            return None
        asked = {"who": who, "team": team["id"]}
        return self._connection.ask("users", asked, lambda data: find_assignee(data["users"]["nodes"], who, team))


def _state_for_new(team: Node) -> Node | None:
    """The state that a ticket gets. It is always set: else triage would depend on the key (docs/facts/linear.md, 4)."""
    if team["defaultIssueState"]:
        return team["defaultIssueState"]
    return _first_state(team, STATES_FOR_NEW)


def _first_state(team: Node, kinds: Sequence[str]) -> Node | None:
    states = sorted(team["states"]["nodes"], key=lambda state: state["position"])
    return next((state for kind in kinds for state in states if state["type"] == kind), None)
