"""A ticket that many findings share: of an hour's flood (floods.py), or of a day under the budget (digests.py).

What it lists comes in parts, and each part has a word for what is in it. The ticket's mark, an attachment that is
written last, holds the words of all parts: what no mark on the ticket holds is told in comments, whose ids are computed
from that word. So anything can be repeated, and nothing is told twice.
"""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from uuid import UUID

from audit_assets.tickets.markdown import address, fence
from audit_assets.tickets.ticket import COMMENT_LENGTH, HourComment, HourLink, Ticket, computed_id

ACTOR_LENGTH = 60
REASON_LENGTH = 90

ROOM_IN_A_COMMENT = 300
"""Characters of a comment that are not the list."""


@dataclass(frozen=True)
class Part:
    """Findings that are told together.

    `word`: of another content it is another. `lines`, each already `one_line`, are the most severe of `total` findings; the
    first `described` of them stand in the description that the ticket is opened with. `opening` begins the comment that
    tells of this part, `further` one that goes on with it.
    """

    content_hash: str
    lines: Sequence[str]
    total: int
    described: int
    opening: str
    further: str


@dataclass(frozen=True)
class SharedTicket:
    """A ticket for many findings, and what is told on it: a part takes at most so many `comments`. The ticket's
    description begins with `opening`; `where` is the sentence that says where the findings stand that are not told."""

    ticket: Ticket
    opening: str
    parts: tuple[Part, ...]
    marker: HourLink
    comments: int
    where: str

    def untold(self, told: frozenset[str]) -> list[Part]:
        """The parts that are not among those whose words are on the ticket."""
        return [part for part in self.parts if part.content_hash not in told]

    def comments_for(self, parts: Iterable[Part], *, described: bool) -> list[HourComment]:
        """What is still to be said of these parts; of what the description tells, only the rest."""
        return [comment for part in parts for comment in self._comments(part, part.described if described else 0)]

    def _comments(self, part: Part, told: int) -> list[HourComment]:
        comments: list[HourComment] = []
        opening = part.further if told else part.opening
        while told < len(part.lines) and len(comments) < self.comments:
            shown = fitting(part.lines[told:], COMMENT_LENGTH - ROOM_IN_A_COMMENT)
            told += len(shown)
            is_last = told == len(part.lines) or len(comments) == self.comments - 1
            rest = left(part.total - told, self.where) if is_last else []
            own_id = computed_id("roll-up list", str(self.ticket.id), part.content_hash, str(told))
            comments.append(HourComment(own_id, "\n\n".join([opening, fence(shown), *rest])))
            opening = part.further
        return comments


def marker_for(
    ticket: UUID, parts: Iterable[Part], about: dict[str, str], *, title: str, subtitle: str, url: str
) -> HourLink:
    """The attachment that says that these parts were told."""
    words = " ".join(part.content_hash for part in parts)
    return HourLink(
        id=computed_id("roll-up list", str(ticket), words),
        title=title,
        subtitle=subtitle,
        url=address(url),
        metadata={**about, "list": words},
    )


def content_hash_of(keys: Iterable[str], length: int) -> str:
    """A word for these keys, whatever their order."""
    return hashlib.sha256("\n".join(sorted(keys)).encode()).hexdigest()[:length]


def left(count: int, where: str) -> list[str]:
    """How many are not told any more, if any, and where they are."""
    return [f"and {count:,} more. {where}"] if count else []


def fitting(lines: Iterable[str], most: int) -> list[str]:
    """As many lines as fit, one at least."""
    shown: list[str] = []
    length = 0
    for line in lines:
        length += len(line) + 1
        if shown and length > most:
            break
        shown.append(line)
    return shown
