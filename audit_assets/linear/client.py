"""Speaks to Linear: opens an actor's ticket, or adds an hour to the one that it has.

Every request may be sent twice without harm: ids of issues and comments are computed, and Linear keeps one
attachment per issue and address. So a lost answer is repeated with the same id, and a conflict says that it had been
carried out (facts/linear.md, 1 and 4). Documents are static files; all values travel as variables.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache, cached_property
from importlib.resources import files
from typing import Any, Literal, TypeVar
from uuid import UUID

from audit_assets.clock import Clock
from audit_assets.errors import Incomplete, Refused, SettingError
from audit_assets.linear.replies import Rejected, data_of, is_conflict, is_missing
from audit_assets.linear.tickets import Finding, Ticket, comment_for, link_for, ticket_for
from audit_assets.linear.wording import opening_of
from audit_assets.transport import Limits, Reply, Transport, TryAgain

T = TypeVar("T")

Outcome = Literal["opened", "joined", "seen", "unreadable"]

LIMITS = Limits(attempts=8, attempt_seconds=60.0, total_seconds=4000.0, body_bytes=4 * 1024 * 1024)
"""The limits that Linear counts are filled again within an hour: a run outlasts one."""

CLOSED_STATES = frozenset({"completed", "canceled", "duplicate"})
STATES_FOR_NEW = ("unstarted", "backlog")


@dataclass(frozen=True)
class OpenedTicket:
    """Where a finding went.

    `outcome`: "opened" a ticket · "joined" the actor's ticket as one more hour · "seen": the hour was on the ticket
    already, nothing was written · "unreadable": the id is taken, but by an issue that was thrown away, is archived
    or can't be seen with this key, so nothing could be written and a person has to look (facts/linear.md, 4).
    `identifier` and `url` are None if Linear does not show the issue. `closed`: the ticket's state is a closed one.
    """

    id: str
    identifier: str | None
    url: str | None
    outcome: Outcome
    closed: bool = False


@dataclass(frozen=True)
class LinearFacts:
    """What the settings lead to; `state` and `label` are names, or None."""

    who: str
    team_key: str
    team: str
    state: str | None
    label: str | None


@dataclass(frozen=True)
class _Place:
    """Where new tickets go."""

    who: str
    team: dict[str, Any]
    state: dict[str, Any] | None
    label: dict[str, Any] | None


class LinearClient:
    """A connection to one team's tickets. Closes with `close()` or as a context manager."""

    def __init__(
        self,
        *,
        api_key: str,
        team_key: str,
        label: str | None = None,
        url: str = "https://api.linear.app/graphql",
        clock: Clock | None = None,
        limits: Limits | None = None,
    ) -> None:
        """Nothing is sent yet. Raises `SettingError` for a setting that can't be right."""
        self._team_key = _printable("LINEAR_TEAM_KEY", team_key)
        self._label = _printable("LINEAR_LABEL", label) if label else None
        self._url = _printable("LINEAR_API_URL", url)
        credential = _credential(api_key)
        self._transport = Transport(
            service="Linear",
            base_url=self._url,
            headers={"Authorization": credential, "Content-Type": "application/json"},
            clock=clock,
            limits=limits or LIMITS,
        )

    def __enter__(self) -> "LinearClient":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._transport.close()

    def check(self) -> LinearFacts:
        """What the settings lead to, by reading alone. Raises `Refused` or `Unavailable` in one sentence."""
        place = self._place
        return LinearFacts(
            who=place.who,
            team_key=place.team["key"],
            team=place.team["name"],
            state=place.state["name"] if place.state else None,
            label=place.label["name"] if place.label else None,
        )

    def open_ticket(self, finding: Finding) -> OpenedTicket:
        """Put a finding on its actor's ticket, opening one if there is none. Safe to repeat at any time.

        The hour's attachment is written last: as long as it lacks, a repetition completes what is missing. Raises
        `Refused`, `Unavailable` or `Incomplete`.
        """
        ticket = ticket_for(finding)
        issue = self._create(ticket)
        if issue:
            self._link_hour(finding, ticket.id)
            return _opened(ticket, issue, "opened")
        issue = self._issue(ticket.id, link_for(finding).url)
        if issue is None or issue["trashed"]:
            return _opened(ticket, issue, "unreadable")
        if issue["attachments"]["nodes"]:
            return _opened(ticket, issue, "seen")
        was_opened_for_it = (issue["description"] or "").startswith(opening_of(finding.hour))
        try:
            if not was_opened_for_it:
                self._comment(finding, ticket.id)
            self._link_hour(finding, ticket.id)
        except Rejected as rejection:
            if is_missing(rejection, "Issue"):
                return _opened(ticket, issue, "unreadable")
            raise
        return _opened(ticket, issue, "opened" if was_opened_for_it else "joined")

    def _create(self, ticket: Ticket) -> dict[str, Any] | None:
        """The new issue, or None if the id is taken."""
        values = {
            "id": str(ticket.id),
            "teamId": self._place.team["id"],
            "title": ticket.title,
            "description": ticket.description,
            "priority": ticket.priority,
        }
        if self._place.state:
            values["stateId"] = self._place.state["id"]
        if self._place.label:
            values["labelIds"] = [self._place.label["id"]]
        try:
            issue = self._ask("issue_create", {"input": values}, lambda data: _done(data["issueCreate"])["issue"])
        except Rejected as rejection:
            if is_conflict(rejection, "Issue", ticket.id):
                return None
            raise
        issue = issue or self._issue(ticket.id, "")
        if issue is None:
            raise Incomplete("Linear says that it opened a ticket but does not show it. Run the hour again.")
        return _same_id(issue, ticket.id)

    def _issue(self, ticket: UUID, hour_url: str) -> dict[str, Any] | None:
        """The issue with that id, also an archived one, with its attachments that have that url."""

        def take(data: dict[str, Any]) -> dict[str, Any] | None:
            issues = [_same_id(node, ticket) for node in data["issues"]["nodes"]]
            if any(link["url"] != hour_url for issue in issues for link in issue["attachments"]["nodes"]):
                raise Incomplete("Linear answered with attachments that were not asked for. Run the hour again.")
            return issues[0] if issues else None

        return self._ask("issue", {"id": str(ticket), "url": hour_url}, take)

    def _comment(self, finding: Finding, ticket: UUID) -> None:
        comment = comment_for(finding)
        values = {
            "id": str(comment.id),
            "issueId": str(ticket),
            "body": comment.body,
            "doNotSubscribeToIssue": True,
        }
        try:
            self._ask("comment_create", {"input": values}, lambda data: _done(data["commentCreate"]))
        except Rejected as rejection:
            if not is_conflict(rejection, "Comment", comment.id):
                raise

    def _link_hour(self, finding: Finding, ticket: UUID) -> None:
        hour = link_for(finding)
        values = {
            "issueId": str(ticket),
            "title": hour.title,
            "subtitle": hour.subtitle,
            "url": hour.url,
            "metadata": hour.metadata,
        }
        self._ask("attachment_create", {"input": values}, lambda data: _done(data["attachmentCreate"]))

    @cached_property
    def _place(self) -> _Place:
        def take(data: dict[str, Any]) -> tuple[str, list[dict[str, Any]]]:
            return data["viewer"]["name"], data["teams"]["nodes"]

        who, teams = self._ask("team", {"key": self._team_key}, take)
        if any(team["key"] != self._team_key for team in teams):
            raise Incomplete("Linear answered with teams that were not asked for. Run the hour again.")
        if not teams:
            raise Refused(
                f"Linear shows no team with the key '{self._team_key}' to this API key: set LINEAR_TEAM_KEY to the "
                "letters before the number of the team's tickets, such as SEC in SEC-12."
            )
        return _Place(who=who, team=teams[0], state=_state_for_new(teams[0]), label=self._find_label(teams[0]["id"]))

    def _find_label(self, team_id: str) -> dict[str, Any] | None:
        """The team's own label of that name, else the workspace's, which belongs to no team."""
        if self._label is None:
            return None
        labels = self._ask("label", {"name": self._label}, lambda data: data["issueLabels"]["nodes"])
        if any(label["name"] != self._label for label in labels):
            raise Incomplete("Linear answered with labels that were not asked for. Run the hour again.")
        usable = [label for label in labels if not label["isGroup"]]
        own = [label for label in usable if label["team"] and label["team"]["id"] == team_id]
        found = own + [label for label in usable if label["team"] is None]
        if not found:
            raise Refused(
                f"Linear has no label '{self._label}' for the team '{self._team_key}': create it there, or set "
                "LINEAR_LABEL to one that exists, or leave it empty."
            )
        return found[0]

    def _ask(self, document: str, variables: dict[str, Any], take: Callable[[dict[str, Any]], T]) -> T:
        """Send a document; `take` picks from its data, or raises."""

        def read(reply: Reply) -> T:
            # An error text that repeats the key would end in logs and in Dagster's database
            masked = replace(reply, body=self._transport.masked(reply.body))
            data = data_of(masked, self._transport.clock.now())
            try:
                return take(data)
            except (KeyError, TypeError):
                raise TryAgain("an answer of another shape than its schema") from None

        query = {"query": text_of(document), "variables": variables}
        return self._transport.exchange("POST", self._url, read=read, json=query)


@cache
def text_of(document: str) -> str:
    """The text of queries/<document>.graphql, as it is sent."""
    return files("audit_assets.linear").joinpath("queries", f"{document}.graphql").read_text(encoding="utf-8")


def _credential(api_key: str) -> str:
    """The Authorization header: a personal key stands bare, an OAuth token behind "Bearer" (facts/linear.md, 2)."""
    key = _printable("LINEAR_API_KEY", api_key)
    scheme, _, rest = key.partition(" ")
    bare = rest.strip() if scheme.lower() == "bearer" else key
    if not bare or not bare.isascii() or " " in bare:
        raise SettingError("LINEAR_API_KEY holds characters that no key has: copy it again.")
    return f"Bearer {bare}" if bare != key and not bare.startswith("lin_api_") else bare


def _printable(name: str, value: str) -> str:
    stripped = value.strip()
    if not stripped:
        raise SettingError(f"{name} is empty: set it.")
    if not stripped.isprintable():
        raise SettingError(f"{name} holds characters that can't be seen: copy it again.")
    return stripped


def _state_for_new(team: dict[str, Any]) -> dict[str, Any] | None:
    """The state that a ticket gets. It is always said: else triage would depend on who asks (facts/linear.md, 4)."""
    if team["defaultIssueState"]:
        return team["defaultIssueState"]
    states = sorted(team["states"]["nodes"], key=lambda state: state["position"])
    return next((state for kind in STATES_FOR_NEW for state in states if state["type"] == kind), None)


def _done(payload: dict[str, Any]) -> dict[str, Any]:
    if payload["success"] is not True:
        raise TryAgain("it says that it did not succeed")
    return payload


def _same_id(node: dict[str, Any], asked: UUID) -> dict[str, Any]:
    """Linear has once answered a filter with other nodes (facts/linear.md, 4): nothing is believed by position."""
    if node["id"] != str(asked):
        raise Incomplete("Linear answered with another issue than the one that was asked for. Run the hour again.")
    return node


def _opened(ticket: Ticket, issue: dict[str, Any] | None, outcome: Outcome) -> OpenedTicket:
    if issue is None:
        return OpenedTicket(str(ticket.id), None, None, outcome)
    closed = issue.get("state", {}).get("type") in CLOSED_STATES
    return OpenedTicket(str(ticket.id), issue["identifier"], issue["url"], outcome, closed)
