"""What the checks of Linear share: one test ticket, which is archived at the end, however the probe ends.

The ticket goes to the team of LINEAR_TEAM_KEY, without labels, project and assignee, with the lowest priority and an
id of its own for each probe.
"""

from dataclasses import dataclass, field, replace
from datetime import datetime
from secrets import token_hex
from types import TracebackType
from uuid import UUID

from audit_assets.config.errors import AuditAssetsError, Incomplete
from audit_assets.linear.client import LinearClient
from audit_assets.linear.issues import PRIORITY, CommentContent, IssueContent, KnownIssue, LinkContent, NewIssue
from audit_assets.linear.reply_parser import Rejected, is_conflict
from audit_assets.tickets.ticket import COMMENT_LENGTH, DESCRIPTION_LENGTH, computed_id

TITLE = "Test ticket of `audit-assets doctor --probe`: nothing to do, it archives itself"

QUOTED = "hxxps[:]//example[.]com @nobody linear[.]app ![picture](nowhere) +++"
"""In a fence, as the evidence of a ticket stands in one. None of it leads anywhere."""

LAST_WORDS = "The end of the test ticket."
LINE = "This line only makes the ticket as long as one may be.\n\n"

LINK = "https://audit-assets.invalid/probe"
"""The address of the attachment: no host has this name (RFC 2606)."""


@dataclass
class LinearScene:
    """One team. `left_behind`: names of tickets that could not be archived, for the terminal alone."""

    client: LinearClient
    left_behind: list[str] = field(default_factory=list)
    archived: bool = False
    """Whether the test ticket is, with success."""

    refused_description: bool = False
    """Whether Linear took the test ticket only with a short description."""

    _ticket: IssueContent | None = None
    _made: dict[UUID, str] = field(default_factory=dict)
    """Every issue that this probe may have made, with its name as far as it is known."""

    def __enter__(self) -> "LinearScene":
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        try:
            self.clean_up()
        finally:
            self.client.close()

    def ticket(self) -> IssueContent:
        """The content of the test ticket: the same for the whole probe."""
        if self._ticket is None:
            self._ticket = IssueContent(computed_id("probe", token_hex(16)), TITLE, description(), PRIORITY["low"])
        return self._ticket

    def create(self) -> NewIssue | None:
        """Send the test ticket once more, or for the first time: the issue that Linear made, None if it knows the
        id."""
        content = self.ticket()
        self._made.setdefault(content.id, "")  # it may be made though no answer comes
        try:
            made = self.client.issues.create_as_answered(content, self.client.default_target.bare)
        except Rejected as rejection:
            if is_conflict(rejection, "Issue", content.id):
                return None
            raise
        self._made[made.id] = made.identifier
        return made

    def create_first(self) -> NewIssue | None:
        """The same for the first time; with a short description, if Linear refuses the long one."""
        try:
            return self.create()
        except Rejected:
            self._ticket = replace(self.ticket(), description=TITLE)
            made = self.create()
            self.refused_description = True
            return made

    def known(self) -> KnownIssue | None:
        """The test ticket as Linear shows it, archived or not."""
        found = self.client.issues.find([self.ticket().id], self.link(), self.comment().id)
        return found[0] if found else None

    def shown(self) -> KnownIssue:
        """The same. Raises `Incomplete` if it is not shown."""
        if (known := self.known()) is None:
            raise Incomplete("Linear does not show the test ticket.")
        return known

    def comment(self) -> CommentContent:
        """A comment as long as one may be."""
        body = (LINE * COMMENT_LENGTH)[: COMMENT_LENGTH - len(LAST_WORDS)] + LAST_WORDS
        return CommentContent(computed_id("probe comment", str(self.ticket().id)), body)

    def link(self, number: int = 1) -> LinkContent:
        """An attachment; another number has another id and the same address."""
        own_id = computed_id("probe attachment", str(self.ticket().id), str(number))
        return LinkContent(own_id, "Test attachment", "of a probe", LINK, {"probe": number})

    def archive(self) -> None:
        """Archive the test ticket. Raises `Forbidden` and others."""
        self.client.issues.archive(self.ticket().id)
        self.archived = True

    def clean_up(self) -> None:
        """Archive whatever this probe has made."""
        for issue, name in self._made.items():
            if self.archived and issue == self.ticket().id:
                continue
            try:
                self.client.issues.archive(issue)
            except AuditAssetsError:
                if name:  # without one, no answer ever showed that it was made
                    self.left_behind.append(name)

    def closing_times(self) -> tuple[datetime | None, datetime | None]:
        """When the test ticket was canceled and completed."""
        known = self.shown()
        return known.canceled_at, known.completed_at


def description() -> str:
    """The longest description that a ticket may have, with quoted text in it."""
    first = f"{TITLE}.\n\n```text\n{QUOTED}\n```\n\n"
    return first + (LINE * DESCRIPTION_LENGTH)[: DESCRIPTION_LENGTH - len(first) - len(LAST_WORDS)] + LAST_WORDS
