"""A client of one Linear workspace: issues found by id and changed, verdicts read, settings checked.

It keeps nothing between calls but what the settings' names lead to. Which issue is read or written, and why, is
decided by whoever calls it.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from uuid import UUID

from audit_assets.config.policy_tables import TicketFields
from audit_assets.linear.graphql_connection import GraphqlConnection, printable
from audit_assets.linear.issue_api import IssueApi
from audit_assets.linear.issue_opener import IssueOpener, LinearFacts, join_sentences
from audit_assets.linear.issues import KnownIssue, TicketVerdict
from audit_assets.linear.reply_parser import Forbidden, Rejected, is_missing
from audit_assets.linear.target_resolver import TargetResolver
from audit_assets.linear.verdict_reader import find_verdict_labels, find_verdicts
from audit_assets.transport.clock import Clock
from audit_assets.transport.http import HttpLimits


class LinearClient:
    """A connection to a workspace's issues. Closes with `close()` or as a context manager.

    `issues` finds and writes them; `opener` creates and reopens them as the settings have it.
    """

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
    ) -> None:
        """Nothing is sent yet. Team and label are every ticket's, unless the table `fields` has others. A dry run has
        a `connection` and `issues` of its own. Raises `SettingError` for a setting that can't be right."""
        self._connection = connection(api_key=api_key, url=url, clock=clock, limits=limits)
        self.clock = self._connection.clock
        self.issues = issues(self._connection)
        team_key = printable("LINEAR_TEAM_KEY", team_key)
        resolver = TargetResolver(self._connection, team_key, printable("LINEAR_LABEL", label) if label else None)
        self.opener = IssueOpener(self.issues, resolver, fields)

    def __enter__(self) -> "LinearClient":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._connection.close()

    def check(self) -> LinearFacts:
        """What the settings lead to, by reading alone. Raises `Refused` or `Unavailable` in one sentence."""
        return self.opener.facts()

    def ticket_verdicts(self, tickets: Iterable[UUID]) -> dict[UUID, TicketVerdict]:
        """People's verdicts on these tickets, as far as Linear shows them. Raises `ServiceError`."""
        return find_verdicts(self._connection, tickets)

    def verdict_labels(self) -> frozenset[str]:
        """Which of VERDICT_LABELS the team's tickets can get. Raises `ServiceError`."""
        return find_verdict_labels(self._connection, self.opener.team)

    def change_issue(self, issue: KnownIssue, *, reopen: bool, priority: int | None) -> tuple[bool, str | None]:
        """Reopen an issue, set its priority, or both. Whether it was reopened, and a sentence if Linear refused
        something. Raises `Rejected` if the issue is out of reach."""
        changes: dict[str, Any] = {}
        verbs: list[str] = []
        state, problem = self.opener.state_for_reopening(issue) if reopen else (None, None)
        if state:
            changes["stateId"] = state
            verbs.append("reopen")
        if priority is not None:
            changes["priority"] = priority
            verbs.append("raise the priority of")
        refused = self._change(issue, changes, " and ".join(verbs)) if changes else None
        return bool(state) and not refused, join_sentences(problem, refused)

    def relate_issues(self, issue: UUID, earlier: KnownIssue, relation: UUID) -> str | None:
        """Relate an issue to an earlier one; a sentence if the key may not. An earlier issue that is archived may make
        it impossible, which does no harm."""
        try:
            self.issues.relate(issue, earlier.id, relation)
        except Forbidden:
            return _needs_write(f"relate a ticket to {earlier.identifier}")
        except Rejected:
            return None
        return None

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


def _needs_write(what: str) -> str:
    return f"Linear does not let the owner of LINEAR_API_KEY {what}: give the key the permission Write."
