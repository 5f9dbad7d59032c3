"""How the sandbox's Axiom behaves, as values that a test can change, and its error answers.

The defaults are documented or reported for a Cloud dataset (docs/facts/axiom.md, 2 and 3). Where the real behaviour is
unknown, the error message begins with "the sandbox", so that it is not mistaken for Axiom's own.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any


@dataclass
class AxiomBehaviour:
    """What a test can vary. A change applies to the calls after it."""

    capabilities: set[str] = field(default_factory=lambda: {"ingest", "query", "datasets", "dashboards"})
    """What the token may do; `datasets` is reading their fields (listing them needs no capability), `organisations`
    listing those, which no API token was seen to do."""

    refuses_other_organisations: bool = False
    """Whether a call that names another organisation than the token's is refused. Documented is only that a personal
    token must name one: either may be so for an API token."""

    dashboard_owner: str = "X-AXIOM-EVERYONE"
    """The owner that a dashboard must have: as documented, or empty, as was reported of API tokens."""

    row_delay: timedelta = timedelta(seconds=2)
    """From ingest until a query sees the rows. Axiom's own tests wait up to 60 s; a demo should not."""

    field_delay: timedelta = timedelta(seconds=3)
    """From ingest until a query may name a field that was new: until then it is `invalid field`."""

    field_limit: int = 1_024
    """Fields per dataset: 1,024 on Cloud, 256 on Personal."""

    batch_events: int = 10_000
    """A batch of more events is refused."""

    string_bytes: int = 1_000_000
    """A longer string is replaced by a note. "1 MB" is documented; the smaller reading is taken."""

    body_bytes: int = 256 * 1024 * 1024
    """Decompressed. Axiom's own bound is unknown; this one protects the machine."""

    default_rows: int = 1_000
    """Rows of a result whose query sets no limit. That it cuts a summarize too is unknown, and assumed."""

    default_cuts_summaries: bool = True
    """Whether they cut the output of a summarize: not known."""

    default_is_announced: bool = True
    """Whether a message with the code default_limit_warning goes with it: inferred."""

    most_rows: int = 50_000
    """Rows of any result."""

    most_summarized: int | None = None
    """Rows that come out of a summarize at most, whatever limit the query names; None: no bound. Not published."""

    most_distinct: int | None = None
    """Rows that a distinct in the middle of a query passes on at most; None: all. Not known."""

    range_start_included: bool = True
    """Whether an event at the very start of a range is in it, as documented."""

    longest_range: timedelta | None = None
    """A longer range is refused; None: none is. The plans' longest windows are not published."""

    oldest_event: timedelta | None = None
    """An older event is counted as failed; None: none is. Not known."""

    unknown_token_status: int = 401
    """401 and 403 contradict each other in the documentation."""

    retention_days: int | None = 95
    """Of the dataset that exists from the start; None keeps data for ever. It is shown, and nothing is ever removed, so
    that last year's audit log can be tried: how Axiom treats events that are too old on arrival is unknown."""

    requests_per_minute: int = 10_000
    """Above it: 429."""


class AxiomRefusal(Exception):
    """An answer other than 200: status, message, and for queries the detail of what is wrong with the text."""

    def __init__(
        self,
        status: int,
        message: str,
        *,
        detail: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.detail = detail
        self.headers = dict(headers or {})

    def body(self) -> dict[str, Any]:
        """The JSON of the answer (docs/facts/axiom.md, 2.2)."""
        plain = {"code": self.status, "message": self.message}
        return plain if self.detail is None else {**plain, "detail": dict(self.detail)}


def bad_query(message: str, line: int = 1, column: int = 1) -> AxiomRefusal:
    """A query that is refused, with the place in its text (both counted from 1)."""
    detail = {"message": message, "line": line, "column": column, "errorType": 1, "compileErrorCode": 1}
    return AxiomRefusal(400, message, detail=detail)


def invalid_field(name: str) -> AxiomRefusal:
    """A field that the dataset does not have, or does not have yet."""
    return bad_query(f'invalid field "{name}"')
