"""Who gets alerts about the pipeline: the operator's ticket in Linear, the webhook, and the channels of the policy.

Each takes what it has not got yet, or that all is well again, in a few seconds or not at all: another look follows in
minutes. None depends on another, so that what is down hides nothing from the others.
"""

from collections.abc import Sequence
from contextlib import closing
from dataclasses import asdict, dataclass, replace
from functools import partial
from typing import Protocol

from audit_assets.config.accounts_file import account_to_name, title_start
from audit_assets.config.errors import Refused, Unavailable
from audit_assets.config.settings import webhook_format
from audit_assets.defs.delivery_resources import ChannelsResource, WebhookResource
from audit_assets.defs.resources import LinearResource
from audit_assets.linear.client import LinearClient
from audit_assets.linear.issues import KnownIssue
from audit_assets.notify.health_alerts import health_alert, problem_events, recovery_events
from audit_assets.notify.messages import Message, build_message
from audit_assets.reports.alert_state import AlertState, TicketShown
from audit_assets.tickets.operator_ticket import (
    SEVERITY,
    OperatorProblem,
    as_sentence,
    operator_comment,
    operator_subject,
    operator_ticket,
    operator_ticket_id,
    operator_title,
    recovery_comment,
)

HEALTHY_TITLE = "audit-assets: the pipeline is healthy again"


class Receiver(Protocol):
    """Somebody who gets alerts. Both raise `AuditAssetsError` if it did not take it."""

    @property
    def name(self) -> str:
        """The same for ever."""
        ...

    def alert(self, problems: Sequence[OperatorProblem], state: AlertState) -> AlertState:
        """Send these problems, of those of the state; the state with what came of it."""
        ...

    def recover(self, state: AlertState) -> AlertState:
        """Send that all is well again."""
        ...


@dataclass(frozen=True)
class OperatorTicket:
    """The operator's ticket of an account."""

    linear: LinearResource
    account_id: str
    name: str = "Linear"

    def alert(self, problems: Sequence[OperatorProblem], state: AlertState) -> AlertState:
        """Open it, or add a comment to the one that is open. Safe to repeat."""
        with closing(self.linear.client()) as client:
            return _with_ticket(state, *self._join_or_open(client, problems, state))

    def recover(self, state: AlertState) -> AlertState:
        """Complete it, with a comment. One that a person closed meanwhile stays as it is."""
        with closing(self.linear.client()) as client:
            generation = self._last(client)
            if generation is None or state.ended is None:
                return state
            ticket = generation[1]
            comment = recovery_comment(ticket.id, state.ended, None)
            known = next(iter(client.issues.find([ticket.id], None, comment.id)), None)
            if known is None or known.has_comment or not _takes_more(known):
                return state
            refused = client.complete_issue(known)
            client.issues.comment(known.id, recovery_comment(known.id, state.ended, refused))
        return state

    def _join_or_open(
        self, client: LinearClient, problems: Sequence[OperatorProblem], state: AlertState
    ) -> tuple[str, str]:
        last = self._last(client)
        if last and _takes_more(last[1]):
            return self._join(client, problems, *last)
        generation = last[0] + 1 if last else 0
        ticket = operator_ticket(self.account_id, generation, state.problems)
        created, _ = client.create_issue(ticket, operator_subject())
        if created:
            return created.identifier, created.url
        # By this very request, whose answer was lost, or by another process
        last = self._last(client)
        if last is None or not _takes_more(last[1]):
            raise Refused("The operator's ticket exists in Linear, but this key can't see it: look in the archive.")
        return self._join(client, problems, *last)

    def _join(
        self, client: LinearClient, problems: Sequence[OperatorProblem], generation: int, ticket: KnownIssue
    ) -> tuple[str, str]:
        opened_for_these = operator_ticket(self.account_id, generation, problems).description == ticket.description
        if not opened_for_these:  # else by an earlier request, whose answer was lost
            client.issues.comment(ticket.id, operator_comment(ticket.id, problems))
        return ticket.identifier, ticket.url

    def _last(self, client: LinearClient) -> tuple[int, KnownIssue] | None:
        id_of = partial(operator_ticket_id, self.account_id)
        known = client.issues.find_generations(id_of, None, id_of(0))
        return (max(known), known[max(known)]) if known else None


@dataclass(frozen=True)
class WebhookReceiver:
    """The team's webhook."""

    webhook: WebhookResource
    name: str = "webhook"

    def alert(self, problems: Sequence[OperatorProblem], state: AlertState) -> AlertState:
        """Send all problems that last; as OCSF, those that are new."""
        ticket, at = asdict(state.ticket) if state.ticket else None, self.webhook.clock.now()
        if webhook_format() == "ocsf":
            self.webhook.post_alert(problem_events([_as_text(each) for each in problems], ticket, at, _account()))
        else:
            self.webhook.post_alert(health_alert([_as_text(each) for each in state.problems], ticket, at, _account()))
        return state

    def recover(self, state: AlertState) -> AlertState:
        """Send that there are none."""
        at = self.webhook.clock.now()
        if webhook_format() == "ocsf":
            self.webhook.post_alert(recovery_events(state.sent[self.name], at, _account()))
        else:
            self.webhook.post_alert(health_alert([], asdict(state.ticket) if state.ticket else None, at, _account()))
        return state


@dataclass(frozen=True)
class ChannelReceiver:
    """One channel of the policy."""

    channels: ChannelsResource
    channel: str

    @property
    def name(self) -> str:
        """With what it is, as a channel may be called webhook."""
        return f"channel {self.channel}"

    def alert(self, problems: Sequence[OperatorProblem], state: AlertState) -> AlertState:
        """Send one message."""
        sentences = [as_sentence(text) for each in problems for text in (each.sentence, each.next_step)]
        self._send(problems[0].key, operator_title(len(problems)), sentences, state)
        return state

    def recover(self, state: AlertState) -> AlertState:
        """Send one message."""
        self._send("recovery", HEALTHY_TITLE, ["No problem was seen for half an hour."], state)
        return state

    def _send(self, own_id: str, title: str, sentences: Sequence[str], state: AlertState) -> None:
        message = _message(own_id, title, sentences, state)
        if problem := self.channels.send(self.channel, [message]).problem:
            raise Unavailable(problem)


def _message(own_id: str, title: str, sentences: Sequence[str], state: AlertState) -> Message:
    identifier, url = (state.ticket.identifier, state.ticket.url) if state.ticket else (None, None)
    severity = SEVERITY if state.problems else "low"
    title = f"{title_start()}{title}"
    return build_message(own_id, severity, title, sentences, identifier=identifier, url=url)


def _account() -> str:
    """The name of the account, where there are several."""
    account = account_to_name()
    return account.name if account else ""


def _as_text(problem: OperatorProblem) -> dict[str, str]:
    return {
        "kind": problem.kind,
        "key": problem.key,
        "sentence": as_sentence(problem.sentence),
        "next_step": as_sentence(problem.next_step),
        "since": problem.since.isoformat(timespec="seconds"),
    }


def _takes_more(ticket: KnownIssue) -> bool:
    return not (ticket.is_closed or ticket.trashed or ticket.archived_at)


def _with_ticket(state: AlertState, identifier: str, url: str) -> AlertState:
    return replace(state, ticket=TicketShown(identifier, url))
