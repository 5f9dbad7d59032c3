"""Where tickets go: the team, the state that new ones get, and the label; read once from what the settings name."""

from dataclasses import dataclass
from typing import Any

from audit_assets.errors import Incomplete, Refused
from audit_assets.linear.wire import Wire

STATES_FOR_NEW = ("unstarted", "backlog")


@dataclass(frozen=True)
class Place:
    """Where new tickets go; `state` and `label` as Linear answers them, or None."""

    who: str
    team: dict[str, Any]
    state: dict[str, Any] | None
    label: dict[str, Any] | None


def find_place(wire: Wire, team_key: str, label: str | None) -> Place:
    """Read it. Raises `Refused` for a team or a label that is not there."""

    def take(data: dict[str, Any]) -> tuple[str, list[dict[str, Any]]]:
        return data["viewer"]["name"], data["teams"]["nodes"]

    who, teams = wire.ask("team", {"key": team_key}, take)
    if any(team["key"] != team_key for team in teams):
        raise Incomplete("Linear answered with teams that were not asked for. Run the hour again.")
    if not teams:
        raise Refused(
            f"Linear shows no team with the key '{team_key}' to this API key: set LINEAR_TEAM_KEY to the "
            "letters before the number of the team's tickets, such as SEC in SEC-12."
        )
    found = _find_label(wire, label, teams[0]) if label else None
    return Place(who=who, team=teams[0], state=_state_for_new(teams[0]), label=found)


def _find_label(wire: Wire, name: str, team: dict[str, Any]) -> dict[str, Any]:
    """The team's own label of that name, else the workspace's, which belongs to no team."""
    labels = wire.ask("label", {"name": name}, lambda data: data["issueLabels"]["nodes"])
    if any(label["name"] != name for label in labels):
        raise Incomplete("Linear answered with labels that were not asked for. Run the hour again.")
    usable = [label for label in labels if not label["isGroup"]]
    own = [label for label in usable if label["team"] and label["team"]["id"] == team["id"]]
    found = own + [label for label in usable if label["team"] is None]
    if not found:
        raise Refused(
            f"Linear has no label '{name}' for the team '{team['key']}': create it there, or set "
            "LINEAR_LABEL to one that exists, or leave it empty."
        )
    return found[0]


def _state_for_new(team: dict[str, Any]) -> dict[str, Any] | None:
    """The state that a ticket gets. It is always said: else triage would depend on who asks (facts/linear.md, 4)."""
    if team["defaultIssueState"]:
        return team["defaultIssueState"]
    states = sorted(team["states"]["nodes"], key=lambda state: state["position"])
    return next((state for kind in STATES_FOR_NEW for state in states if state["type"] == kind), None)
