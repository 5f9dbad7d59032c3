"""Creates issues, and finds the state that reopens one, as a team's table has it or as near to that as Linear allows.

A field that Linear does not accept costs no finding its ticket: it is left out and reported.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from audit_assets.config.errors import Refused
from audit_assets.config.policy_tables import TicketFields
from audit_assets.linear.issue_api import IssueApi
from audit_assets.linear.issues import IssueContent, KnownIssue, NewIssue
from audit_assets.linear.name_lookup import TABLE, Node
from audit_assets.linear.reply_parser import Forbidden, Rejected
from audit_assets.linear.routing import TicketSubject, fields_for
from audit_assets.linear.target_resolver import TargetResolver, TicketTarget


@dataclass(frozen=True)
class LinearFacts:
    """What the settings lead to; `state` and `label` are names, or None. `problems`: what LINEAR_LABEL and the table
    name and Linear lacks, a sentence each; `warnings`: what some tickets will lack, if several rows apply to them."""

    who: str
    team_key: str
    team: str
    state: str | None
    label: str | None
    problems: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


class IssueOpener:
    """Opens issues of one workspace as the table and the settings have it."""

    def __init__(self, api: IssueApi, resolver: TargetResolver, table: Sequence[TicketFields]) -> None:
        self._api = api
        self._resolver = resolver
        self._table = table

    @property
    def team(self) -> Node:
        """The team of LINEAR_TEAM_KEY. Raises `Refused` if it does not exist."""
        return self._resolver.default.team

    def facts(self) -> LinearFacts:
        """What the settings lead to. Raises `Refused` without a team, or without access."""
        target = self._resolver.default
        return LinearFacts(
            who=self._resolver.who,
            team_key=target.team["key"],
            team=target.team["name"],
            state=target.state["name"] if target.state else None,
            label=next((label["name"] for label in target.labels), None),
            problems=(*target.problems, *self._resolver.problems(self._table)),
            warnings=tuple(self._resolver.warnings(self._table)),
        )

    def priority(self, subject: TicketSubject) -> int:
        """Linear's number for a ticket about that."""
        return fields_for(subject, self._table).priority

    def create(self, issue: IssueContent, subject: TicketSubject) -> tuple[NewIssue | None, str | None]:
        """The new issue, or None if its id is taken; and what it lacks of the fields that it should have, if anything.

        If Linear refuses the issue with one target, the next is tried: what existed when it was looked up may have been
        deleted since, and what else Linear demands of an issue's fields is not documented. Raises as `IssueApi.create`
        does for the last target.
        """
        fields = fields_for(subject, self._table)
        content = replace(issue, priority=fields.priority)
        targets = self._resolver.targets(fields)
        target = next(targets)
        problems = [*target.problems]
        while True:
            try:
                return self._api.create(content, target), join_sentences(*problems)
            except (Rejected, Forbidden) as refusal:
                if (following := next(targets, None)) is None:
                    raise
                problems.append(_describe_refusal(target, following, refusal))
                target = following

    def state_for_reopening(self, issue: KnownIssue) -> tuple[str | None, str | None]:
        """The id of the state that reopens an issue, or why there is none. People may have moved the issue: the states
        are those of its current team, as Linear accepts no other team's."""
        try:
            state = self._resolver.state_in(issue.team)
        except Refused as refusal:
            return (
                None,
                f"Linear does not show the states of the team of {issue.identifier}: reopen it by hand. {refusal}",
            )
        if state is None:
            return None, f"The team of {issue.identifier} has no state for open tickets: reopen it by hand."
        return state["id"], None


def join_sentences(*sentences: str | None) -> str | None:
    """Those that exist, or None."""
    return " ".join(sentence for sentence in sentences if sentence) or None


def _describe_refusal(target: TicketTarget, instead: TicketTarget, refusal: Rejected | Forbidden) -> str:
    named = {"labels": target.labels, "project": target.project, "assignee": target.assignee}
    fields = " and ".join(name for name, value in named.items() if value)
    result = "so it has none of them"
    if instead.team["id"] != target.team["id"]:
        result = f"so it went to '{instead.team['key']}'"
    return (
        f"Linear would not open a ticket in the team '{target.team['key']}'{f' with its {fields}' if fields else ''}, "
        f"{result}: correct {TABLE} in the policy file, or what the key of LINEAR_API_KEY may do. {refusal}"
    )
