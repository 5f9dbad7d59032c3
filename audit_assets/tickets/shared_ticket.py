"""A ticket that many findings share: an hour's overflow ticket (overflow.py), or the digest of a day (digest.py).

Its list comes in parts, and each part has a hash of its content. The ticket's marker, an attachment that is written
last, holds the hashes of all parts: a part that no marker has is added in comments, whose ids are computed from its
hash. So a run can be repeated at any time, and nothing is written twice.
"""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from uuid import UUID

from audit_assets.config.policy_tables import Severity
from audit_assets.linear.issues import CommentContent, IssueContent, LinkContent
from audit_assets.tickets.markdown import SafeMarkdown, address, fence
from audit_assets.tickets.rendering import render
from audit_assets.tickets.ticket import COMMENT_LENGTH, computed_id

ACTOR_LENGTH = 60
REASON_LENGTH = 90

ROOM_IN_A_COMMENT = 300
"""Characters of a comment that are not the list."""


@dataclass(frozen=True)
class Part:
    """Findings that are listed together.

    `content_hash`: another content has another one. `lines`, each already `one_line`, are the first of `total`
    findings; the first `described` of them are in the description that the ticket is opened with. `opening` begins the
    comment that lists this part, `further` one that continues it.
    """

    content_hash: str
    lines: Sequence[str]
    total: int
    described: int
    opening: SafeMarkdown
    further: SafeMarkdown


@dataclass(frozen=True)
class SharedTicket:
    """A ticket for many findings and its parts, each of which takes at most so many `comments`. The ticket's
    description begins with `opening`; `where` is the sentence that names where the findings are that don't fit."""

    ticket: IssueContent
    severity: Severity
    opening: SafeMarkdown
    parts: tuple[Part, ...]
    marker: LinkContent
    comments: int
    where: SafeMarkdown

    def missing_parts(self, listed: frozenset[str]) -> list[Part]:
        """The parts whose hashes are not on the ticket."""
        return [part for part in self.parts if part.content_hash not in listed]

    def comments_for(self, parts: Iterable[Part], *, described: bool) -> list[CommentContent]:
        """The comments that list these parts; `described`: without what the description lists."""
        return [comment for part in parts for comment in self._comments(part, part.described if described else 0)]

    def _comments(self, part: Part, listed: int) -> list[CommentContent]:
        comments: list[CommentContent] = []
        opening = part.further if listed else part.opening
        while listed < len(part.lines) and len(comments) < self.comments:
            shown = fitting(part.lines[listed:], COMMENT_LENGTH - ROOM_IN_A_COMMENT)
            listed += len(shown)
            is_last = listed == len(part.lines) or len(comments) == self.comments - 1
            left = count_left(part.total - listed, self.where) if is_last else None
            own_id = computed_id("roll-up list", str(self.ticket.id), part.content_hash, str(listed))
            comments.append(
                CommentContent(own_id, render("shared_comment", opening=opening, lines=fence(shown), left=left))
            )
            opening = part.further
        return comments


def marker_for(
    ticket: UUID, parts: Iterable[Part], about: dict[str, str], *, title: str, subtitle: str, url: str
) -> LinkContent:
    """The attachment that records that these parts are on the ticket."""
    hashes = " ".join(part.content_hash for part in parts)
    return LinkContent(
        id=computed_id("roll-up list", str(ticket), hashes),
        title=title,
        subtitle=subtitle,
        url=address(url),
        metadata={**about, "list": hashes},
    )


def content_hash_of(keys: Iterable[str], length: int) -> str:
    """A hash of these keys, whatever their order."""
    return hashlib.sha256("\n".join(sorted(keys)).encode()).hexdigest()[:length]


def count_left(count: int, where: SafeMarkdown) -> SafeMarkdown | None:
    """How many are not listed, if any, and where they are."""
    return SafeMarkdown(f"and {count:,} more. {where}") if count else None


def fitting(lines: Iterable[str], limit: int) -> list[str]:
    """As many lines as fit into so many characters, one at least."""
    shown: list[str] = []
    length = 0
    for line in lines:
        length += len(line) + 1
        if shown and length > limit:
            break
        shown.append(line)
    return shown
