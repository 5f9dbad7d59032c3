"""A client of one Linear workspace: issues created and changed as the settings have it, verdicts and facts read.

It keeps nothing between calls but what the settings' names lead to. Which issue is read or written, and why, is
decided by whoever calls it. A field that Linear does not accept costs no finding its ticket: it is left out and
reported.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

from audit_assets.config.errors import Refused
from audit_assets.config.policy_tables import TicketFields
from audit_assets.linear.graphql_connection import GraphqlConnection, printable
from audit_assets.linear.issue_api import IssueApi
from audit_assets.linear.issues import IssueContent, KnownIssue, NewIssue, TicketVerdict
from audit_assets.linear.name_lookup import TABLE
from audit_assets.linear.reply_parser import Forbidden, Rejected, is_missing
from audit_assets.linear.routing import TicketSubject, fields_for
from audit_assets.linear.target_resolver import TargetResolver, TicketTarget
from audit_assets.linear.verdict_reader import find_verdict_labels, find_verdicts
from audit_assets.transport.clock import Clock
from audit_assets.transport.http import HttpLimits


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


class LinearClient:
    """A connection to a workspace's issues, which `issues` finds and writes. Closes with `close()`."""

    def __init__(
        self,
        *,
        api_key: str,
        team_key: str,
        label: str | None = None,
        fields: Sequence[TicketFields] = (),
        url: str = "https://api.linear.app/graphql",
        clock: Clock | None = None,
        limits: HttpLimits | None = None,
        connection: type[GraphqlConnection] = GraphqlConnection,
        issues: type[IssueApi] = IssueApi,
        title_start: str = "",
    ) -> None:
        """Nothing is sent yet. Team and label are every ticket's, unless the table `fields` has others. A dry run has
        a `connection` and `issues` of its own. `title_start`: what every title begins with. Raises `SettingError` for a
        setting that can't be right."""
        self._connection = connection(api_key=api_key, url=url, clock=clock, limits=limits)
        self.clock = self._connection.clock
        self.issues = issues(self._connection)
        team_key = printable("LINEAR_TEAM_KEY", team_key)
        self._resolver = TargetResolver(self._connection, team_key, printable("LINEAR_LABEL", label) if label else None)
        self._table = fields
        self._title_start = title_start

    def close(self) -> None:
        """Close the connections."""
        self._connection.close()

    def check(self) -> LinearFacts:
        """What the settings lead to, by reading alone. Raises `Refused` (without a team, or without access) or
        `Unavailable` in one sentence."""
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

    @property
    def default_target(self) -> TicketTarget:
        """Where tickets go to which no row of the table applies. Raises `Refused` without such a team."""
        return self._resolver.default

    def ticket_verdicts(self, tickets: Iterable[UUID]) -> dict[UUID, TicketVerdict]:
        """People's verdicts on these tickets, as far as Linear shows them. Raises `ServiceError`."""
        return find_verdicts(self._connection, tickets)

    def verdict_labels(self) -> frozenset[str]:
        """Which of VERDICT_LABELS the team's tickets can get. Raises `ServiceError`."""
        return find_verdict_labels(self._connection, self._resolver.default.team)

    def priority(self, subject: TicketSubject) -> int:
        """Linear's number for a ticket about that."""
        return fields_for(subject, self._table).priority

    def titled(self, issue: IssueContent) -> IssueContent:
        """The issue, with the title that it gets in Linear."""
        return replace(issue, title=f"{self._title_start}{issue.title}")

    def create_issue(
        self, issue: IssueContent, subject: TicketSubject, at_least: int | None = None
    ) -> tuple[NewIssue | None, str | None]:
        """The new issue, or None if its id is taken; and what it lacks of the fields that it should have, if anything.
        `at_least`: its priority is no lower than that, whatever the table has (Linear's number).

        If Linear refuses the issue with one target, the next is tried: what existed when it was looked up may have been
        deleted since, and what else Linear demands of an issue's fields is not documented. Raises as `IssueApi.create`
        does for the last target.
        """
        fields = fields_for(subject, self._table)
        content = replace(self.titled(issue), priority=min(fields.priority, at_least or fields.priority))
        targets = self._resolver.targets(fields)
        target = next(targets)
        problems = [*target.problems]
        while True:
            try:
                return self.issues.create(content, target), join_sentences(*problems)
            except (Rejected, Forbidden) as refusal:
                if (following := next(targets, None)) is None:
                    raise
                problems.append(_describe_refusal(target, following, refusal))
                target = following

    def change_issue(self, issue: KnownIssue, *, reopen: bool, priority: int | None) -> tuple[bool, str | None]:
        """Reopen an issue, set its priority, or both. Whether it was reopened, and a sentence if Linear refused
        something. Raises `Rejected` if the issue is out of reach."""
        changes: dict[str, Any] = {}
        verbs: list[str] = []
        state, problem = self._state_for_reopening(issue) if reopen else (None, None)
        if state:
            changes["stateId"] = state
            verbs.append("reopen")
        if priority is not None:
            changes["priority"] = priority
            verbs.append("raise the priority of")
        refused = self._change(issue, changes, " and ".join(verbs)) if changes else None
        return bool(state) and not refused, join_sentences(problem, refused)

    def complete_issue(self, issue: KnownIssue) -> str | None:
        """Complete an issue; a sentence if Linear does not let us. Raises `Rejected` if the issue is out of reach."""
        by_hand = "complete it by hand."
        try:
            state = self._resolver.done_state_in(issue.team)
        except Refused as refusal:
            return f"Linear does not show the states of the team of {issue.identifier}: {by_hand} {refusal}"
        if state is None:
            return f"The team of {issue.identifier} has no state for completed tickets: {by_hand}"
        return self._change(issue, {"stateId": state["id"]}, "complete")

    def relate_issues(self, issue: UUID, earlier: UUID, relation: UUID, *, name: str) -> str | None:
        """Relate an issue to an earlier one of that `name`; a sentence if the key may not. An earlier issue that is
        archived may make it impossible, which does no harm."""
        try:
            self.issues.relate(issue, earlier, relation)
        except Forbidden:
            return _needs_write(f"relate a ticket to {name}")
        except Rejected:
            return None
        return None

    def _state_for_reopening(self, issue: KnownIssue) -> tuple[str | None, str | None]:
        """The id of the state that reopens an issue, or why there is none. People may have moved the issue: the states
        are those of its current team, as Linear accepts no other team's."""
        by_hand = "reopen it by hand."
        try:
            state = self._resolver.state_in(issue.team)
        except Refused as refusal:
            return None, f"Linear does not show the states of the team of {issue.identifier}: {by_hand} {refusal}"
        if state is None:
            return None, f"The team of {issue.identifier} has no state for open tickets: {by_hand}"
        return state["id"], None

    def _change(self, issue: KnownIssue, changes: Mapping[str, Any], verbs: str) -> str | None:
        try:
            self.issues.change(issue.id, changes)
        except Forbidden:
            return _needs_write(f"{verbs} {issue.identifier}")
        except Rejected as rejection:
            if is_missing(rejection, "Issue"):
                raise
            return f"Linear would not {verbs} {issue.identifier}, so do it by hand. {rejection}"
        return None


def join_sentences(*sentences: str | None) -> str | None:
    """Those that exist, or None."""
    return " ".join(sentence for sentence in sentences if sentence) or None


def _needs_write(what: str) -> str:
    return f"Linear does not let the owner of LINEAR_API_KEY {what}: give the key the permission Write."


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
