"""A finding as a message for people: what it is made of, and which channels it is for."""

from collections.abc import Sequence
from dataclasses import dataclass

from audit_assets.config.policy_tables import Severity
from audit_assets.notify.plain_text import plain_text
from audit_assets.transport.untrusted_text import web_address

TITLE_LENGTH = 250
"""Characters: the titles of tickets are shorter."""

TEXT_LENGTH = 800
"""Of the sentences below the title: a chat shows them whole, and the rest is on the ticket. A judgement."""

IDENTIFIER_LENGTH = 40


@dataclass(frozen=True)
class Message:
    """A finding for people. `id`: of the finding, the same whenever its hour is run again. `title` and `text` are plain
    text; the link to the ticket is the last line of the text. `channels`: the names of those that are to get it."""

    id: str
    severity: Severity
    title: str
    text: str
    channels: tuple[str, ...] = ()


def build_message(
    finding_id: str,
    severity: Severity,
    title: str,
    sentences: Sequence[str],
    *,
    identifier: str | None,
    url: str | None,
) -> Message:
    """The message of a finding from the words of its ticket, which may hold Markdown and an attacker's values.
    `identifier` and `url` are the ticket's, as Linear gave them."""
    body = plain_text(" ".join(sentences), TEXT_LENGTH)
    ticket = " ".join(filter(None, [plain_text(identifier or "", IDENTIFIER_LENGTH), web_address(url)]))
    return Message(
        id=finding_id,
        severity=severity,
        title=plain_text(title, TITLE_LENGTH),
        text=f"{body}\n\n{ticket}" if ticket else body,
    )
