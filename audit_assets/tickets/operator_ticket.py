"""The operator's ticket: the one about the pipeline itself, which later problems join and which ends when all is well.

Its id is computed from the account and its generation, as an actor's (ticket.py), so that every process finds the same
one. What a problem's sentence repeats of a service is quoted.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

from audit_assets.config.policy_tables import Severity
from audit_assets.linear.issues import PRIORITY, CommentContent, IssueContent
from audit_assets.linear.routing import TicketSubject
from audit_assets.tickets.formatting import pluralize
from audit_assets.tickets.markdown import SafeMarkdown, code, remark
from audit_assets.tickets.rendering import render
from audit_assets.tickets.ticket import computed_id

SEVERITY: Severity = "high"

ACTOR = "audit-assets"
"""As which a row of a team's table of ticket fields can name it."""

SENTENCE_LENGTH = 600
"""Characters of a problem's sentence, and of its next step: all problems fit into a comment."""


@dataclass(frozen=True)
class OperatorProblem:
    """A problem of the pipeline. `kind`: the same as long as it lasts; `since` and `seen`: when it was seen first and
    last."""

    kind: str
    sentence: str
    next_step: str
    since: datetime
    seen: datetime

    @property
    def key(self) -> str:
        """Another one whenever the problem comes back. By the hour, so that whoever lost track of it adds one comment
        an hour at most."""
        return f"{self.kind} {self.since.astimezone(UTC):%Y-%m-%dT%H}"


def operator_ticket_id(account_id: str, generation: int) -> UUID:
    """The id of the account's operator's ticket of that generation."""
    return computed_id("operator ticket", account_id, str(generation))


def operator_subject() -> TicketSubject:
    """What it is about, as far as a team's table of ticket fields asks."""
    return TicketSubject(SEVERITY, frozenset({ACTOR}))


def operator_ticket(account_id: str, generation: int, problems: Sequence[OperatorProblem]) -> IssueContent:
    """The ticket that these problems open."""
    return IssueContent(
        id=operator_ticket_id(account_id, generation),
        title=operator_title(len(problems)),
        description=render(
            "operator_ticket",
            opening=_opening(len(problems)),
            problems=_shown(problems),
            account=code(account_id, 64),
        ),
        priority=PRIORITY[SEVERITY],
    )


def operator_title(problems: int) -> str:
    """In our own words alone."""
    return f"audit-assets needs an operator: {pluralize(problems, 'problem')} of the pipeline"


def operator_comment(ticket: UUID, problems: Sequence[OperatorProblem]) -> CommentContent:
    """The comment that adds problems to it: one for the same problems."""
    own_id = computed_id("operator problems", str(ticket), *sorted(problem.key for problem in problems))
    shown = render("operator_comment", opening=_opening(len(problems)), problems=_shown(problems))
    return CommentContent(own_id, shown)


def recovery_comment(ticket: UUID, ended: datetime, refused: str | None) -> CommentContent:
    """The comment that ends it: `ended` is when the last problem was seen last; `refused`, why it is still open."""
    own_id = computed_id("operator recovery", str(ticket), f"{ended.astimezone(UTC):%Y-%m-%dT%H:%M}")
    last = f"{ended.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
    healthy = SafeMarkdown(f"The pipeline is healthy again: the last problem was seen at {last}.")
    return CommentContent(own_id, SafeMarkdown(f"{healthy} {remark(refused)}") if refused else healthy)


def _opening(problems: int) -> SafeMarkdown:
    verb = "keeps" if problems == 1 else "keep"
    return SafeMarkdown(f"{pluralize(problems, 'problem')} {verb} the pipeline from working as it should:")


def _shown(problems: Sequence[OperatorProblem]) -> list[dict[str, SafeMarkdown]]:
    return [
        {"sentence": remark(as_sentence(problem.sentence)), "next_step": remark(as_sentence(problem.next_step))}
        for problem in problems
    ]


def as_sentence(text: str) -> str:
    """The text as a sentence of its own, cut if it is long."""
    cut = text if len(text) <= SENTENCE_LENGTH else f"{text[: SENTENCE_LENGTH - 1]}…"
    ended = cut if cut.endswith((".", "…", "!", "?")) else f"{cut}."
    return f"{ended[:1].upper()}{ended[1:]}"
