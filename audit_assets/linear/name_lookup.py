"""Finds among Linear's answers what a name means, and words the problem if nothing matches.

Pure: nodes as queries/*.graphql asks for them, and the team that the ticket is to be in. An answer about something else
is refused (docs/facts/linear.md, 4); a name that is not found raises `Refused` with a sentence for whoever wrote it.
"""

from collections.abc import Sequence
from typing import Any

from audit_assets.config.errors import Incomplete, Refused

Node = dict[str, Any]

TABLE = "[[ticket_fields]]"
"""The name of the table in a policy file, and so in error messages."""

MOST_TEAMS = 12
"""So many teams are named in an error. A judgement."""

WITHOUT = "until then tickets open without it."


def find_labels(
    nodes: list[Node], names: Sequence[str], team: Node, *, setting: str | None
) -> tuple[list[Node], list[str]]:
    """The labels of these names that a ticket can have together, and the problems of the others.

    Of two of one name it is the team's own, else the workspace's, which belongs to no team. Of a group it is the first:
    third parties report that Linear takes no second ("labelIds not exclusive child labels"). `setting`: the value
    of LINEAR_LABEL.
    """
    if any(label["name"] not in names or _id_of(label["team"]) not in (None, team["id"]) for label in nodes):
        raise wrong_answer("labels")
    usable = [label for label in nodes if not label["isGroup"] and not label["retiredBy"]]
    found: dict[str, Node] = {}
    problems: list[str] = []
    for name in names:
        named = sorted((label for label in usable if label["name"] == name), key=lambda label: label["team"] is None)
        if not named:
            problems.append(_no_label(name, team, is_setting=name == setting))
            continue
        group = _id_of(named[0]["parent"]) or named[0]["id"]
        if group in found:
            problems.append(
                f"The labels '{found[group]['name']}' and '{name}' are of one group in Linear, which puts but one of "
                f"them on a ticket: leave one out of {TABLE}; until then tickets open without '{name}'."
            )
            continue
        found[group] = named[0]
    return list(found.values()), problems


def find_project(nodes: list[Node], name: str, team: Node) -> Node:
    """The team's project of that name: third parties report that Linear puts a ticket into no other ("Discrepancy
    between issue team and state, cycle or project")."""
    if any(project["name"] != name for project in nodes):
        raise wrong_answer("projects")
    kept = [project for project in nodes if not project["trashed"]]
    remedy = f"or correct `project` in {TABLE}"
    if not kept:
        wrong = f"Linear shows no project '{name}' to this API key: create it, {remedy}"
    else:
        wrong = f"The project '{name}' is not of the team '{team['key']}' in Linear: add the team to it, {remedy}"
    several = f"Linear has several projects '{name}' of the team '{team['key']}': rename all but one"
    return _only([project for project in kept if _is_of(project, team)], wrong, several)


def find_assignee(nodes: list[Node], who: str, team: Node) -> Node:
    """The active member of the team with that e-mail address, or else that name."""
    if any(not _is_called(user, who) for user in nodes):
        raise wrong_answer("users")
    working = [user for user in nodes if user["active"] and user["isAssignable"]]
    members = [user for user in working if _is_of(user, team)]
    remedy = f"or correct `assignee` in {TABLE}, which takes an e-mail address or a name"
    if not nodes:
        wrong = f"Linear shows no user '{who}' to this API key: invite them, {remedy}"
    elif not working:
        wrong = f"The user '{who}' is suspended in Linear, or can be assigned nothing: let them in again, {remedy}"
    else:
        wrong = f"The user '{who}' is no member of the team '{team['key']}' in Linear: add them to it, {remedy}"
    several = f"Several members of the team '{team['key']}' are called '{who}' in Linear: name the e-mail address"
    return _only([user for user in members if user["email"].lower() == who.lower()] or members, wrong, several)


def describe_missing_team(key: str, visible: Sequence[Node]) -> str:
    """Why there is no team of LINEAR_TEAM_KEY, by the teams that the API key can see."""
    unknown = f"Linear shows no team with the key '{key}' to this API key"
    if same := next((team for team in visible if team["key"].casefold() == key.casefold()), None):
        return f"{unknown}: set LINEAR_TEAM_KEY to '{same['key']}', spelled as Linear has it."
    if not visible:
        return f"{unknown}, nor any other: let the key of LINEAR_API_KEY into the team that gets the tickets."
    teams = sorted(f"{team['key']} ({team['name']})" for team in visible)
    shown = ", ".join(teams[:MOST_TEAMS]) + (f" and {len(teams) - MOST_TEAMS} more" if len(teams) > MOST_TEAMS else "")
    return f"{unknown}: set LINEAR_TEAM_KEY to one that it sees, which are {shown}, or let the API key into that team."


def wrong_answer(what: str) -> Incomplete:
    """Linear answered something else."""
    return Incomplete(f"Linear answered with {what} that were not asked for. Run the hour again.")


def _no_label(name: str, team: Node, *, is_setting: bool) -> str:
    remedy = "set LINEAR_LABEL to one that exists, or leave it empty" if is_setting else f"correct `labels` in {TABLE}"
    return (
        f"Linear has no label '{name}' for the team '{team['key']}' (a group of labels is none, nor is a retired one): "
        f"create it there, or {remedy}; {WITHOUT}"
    )


def _only(found: list[Node], if_none: str, if_several: str) -> Node:
    if len(found) != 1:
        raise Refused(f"{if_several if found else if_none}; {WITHOUT}")
    return found[0]


def _id_of(node: Node | None) -> str | None:
    return node["id"] if node else None


def _is_of(node: Node, team: Node) -> bool:
    return any(each["id"] == team["id"] for each in node["teams"]["nodes"])


def _is_called(user: Node, who: str) -> bool:
    return who in (user["name"], user["displayName"]) or user["email"].lower() == who.lower()
