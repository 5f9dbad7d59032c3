"""An hour's findings as messages to the channels of the policy: which are news, and which channel took which.

What is news is decided and stored with the tickets (`add_messages`), in the very words of the ticket; sending follows
with the summary (`deliver_messages`), so that no channel can cost a ticket. Each message is sent to each channel once,
by what the hour store has of earlier runs. If a run dies between a channel's answer and that record, or a service took
a message and its answer was lost, or one address has several receivers of whom one refused, it is sent once more.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from datetime import datetime
from typing import Any, NamedTuple

import polars as pl

from audit_assets.config.accounts_file import title_start
from audit_assets.config.policy_tables import SEVERITIES, Channel
from audit_assets.defs.delivery_resources import ChannelsResource
from audit_assets.notify.messages import Message, build_message
from audit_assets.storage.hour_store import HourStore
from audit_assets.storage.tables import MESSAGES, SENT_MESSAGES, TICKETS
from audit_assets.tickets.finding import Finding
from audit_assets.tickets.formatting import pluralize
from audit_assets.tickets.opening_sentences import build_title, opening_sentence, severity_sentence
from audit_assets.tickets.shared_ticket import SharedTicket

SHARED = "shared ticket"
"""The id of the one message about all findings that share the hour's ticket."""

ON_A_TICKET_ALREADY = ("already_on_ticket", "on_shared_ticket")
"""Outcomes of a run that may have written nothing."""


class TicketMessage(NamedTuple):
    """The message of a ticket, and its row of OPENED_TICKETS."""

    message: Message
    row: Mapping[str, Any]


def message_of(finding: Finding, row: Mapping[str, Any]) -> TicketMessage:
    """The message about a finding, in the words of its ticket."""
    sentences = [opening_sentence(finding), severity_sentence(finding)]
    return _message(finding.actor_key, finding.severity, build_title(finding), sentences, row)


def message_of_shared(ticket: SharedTicket, row: Mapping[str, Any]) -> TicketMessage:
    """The one message about many findings."""
    return _message(SHARED, ticket.severity, ticket.ticket.title, [ticket.opening], row)


def add_messages(
    store: HourStore,
    hour: datetime,
    messages: Sequence[TicketMessage],
    before: pl.DataFrame | None,
    channels: Sequence[Channel],
) -> None:
    """Store the messages of an hour that are news, for the channels of their severity. `before`: OPENED_TICKETS rows of
    an earlier run; what it put on a ticket is no news, even if there was no channel then."""
    known = {message.id for message in _stored(store, hour)}
    done = set() if before is None else {*before.drop_nulls("identifier").select(_ticket_key(before)).to_series()}
    new = [
        replace(message, channels=tuple(channel.name for channel in channels if message.severity in channel.severities))
        for message, row in messages
        if message.id not in known and _is_news(row, done)
    ]
    if due := [message for message in new if message.channels]:
        stored = [asdict(message) for message in (*_stored(store, hour), *due)]
        store.write_json(MESSAGES, hour, {"messages": stored})


def deliver_messages(store: HourStore, hour: datetime, channels: Sequence[Channel], resource: ChannelsResource) -> None:
    """Send each channel what it has not got yet of an hour, the most severe first. What fails is reported by a check,
    and sent with the next run of the hour; what people have closed since is sent no more."""
    if not (messages := _stored(store, hour)):
        return
    closed = _closed(store, hour)
    messages.sort(key=lambda message: -SEVERITIES.index(message.severity))
    record, sent_to = store.read_json(SENT_MESSAGES, hour) or {}, set[str]()
    for channel in (each.name for each in channels):
        taken = record.get(channel, {}).get("sent", [])
        due = [each for each in messages if channel in each.channels and each.id not in taken and each.id not in closed]
        if due:
            sent_to.add(channel)
            delivery = resource.send(channel, due)
            unsent = len(due) - len(delivery.sent)
            record[channel] = {"sent": [*taken, *delivery.sent], "unsent": unsent, "problem": delivery.problem}
            store.write_json(SENT_MESSAGES, hour, record)
    if left := {name for name, of_channel in record.items() if of_channel["problem"]} - sent_to:
        cleared = {name: record[name] | {"unsent": 0, "problem": None} for name in left}
        store.write_json(SENT_MESSAGES, hour, record | cleared)


def unsent_reason(store: HourStore, hour: datetime) -> str | None:
    """Which channels did not take findings of an hour, and why; None if all did."""
    record = store.read_json(SENT_MESSAGES, hour) or {}
    return "; ".join(
        f"has {pluralize(of_channel['unsent'], 'finding')} that the channel {channel} did not get: "
        f"{of_channel['problem']}"
        for channel, of_channel in record.items()
        if of_channel["problem"]
    ) or None  # fmt: skip


def _message(
    finding_id: str, severity: Any, title: str, sentences: Sequence[str], row: Mapping[str, Any]
) -> TicketMessage:
    title = f"{title_start()}{title}"
    made = build_message(finding_id, severity, title, sentences, identifier=row.get("identifier"), url=row.get("url"))
    return TicketMessage(made, row)


def _is_news(row: Mapping[str, Any], done: set[str]) -> bool:
    """Whether a ticket was opened or reopened for the finding, or its priority raised. If the hour is on a ticket
    without an earlier run's record of it, that run was interrupted and sent nothing."""
    if row["outcome"] in ON_A_TICKET_ALREADY:
        return row["ticket_key"] not in done
    return row["outcome"] in ("opened", "reopened") or (row["outcome"] == "joined" and row["raised"])


def _ticket_key(rows: pl.DataFrame) -> pl.Expr:
    """Whose ticket each actor is on; rows of earlier versions have no column for it."""
    return pl.coalesce("ticket_key", "actor_key") if "ticket_key" in rows.columns else pl.col("actor_key")


def _closed(store: HourStore, hour: datetime) -> set[str]:
    """The messages whose tickets people closed, and whose findings came on them before that."""
    rows = store.require(TICKETS, hour)
    unseen = pl.col("closed") & (pl.col("outcome") == "already_on_ticket") | (pl.col("outcome") == "dismissed")
    return {*rows.filter(unseen).select(_ticket_key(rows)).to_series()}


def _stored(store: HourStore, hour: datetime) -> list[Message]:
    stored = store.read_json(MESSAGES, hour) or {}
    return [Message(**{**each, "channels": tuple(each["channels"])}) for each in stored.get("messages", ())]
