"""The charts of one hour's tickets: drawn and uploaded one by one in a bounded time.

Whatever goes wrong, the ticket is opened without a chart, and the reason is kept once for the run to report. What can't
get better within the hour (no activity to draw, a key that may not upload) ends its charts at once.
"""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

import polars as pl

from audit_assets.config.errors import AuditAssetsError
from audit_assets.linear.issues import Upload
from audit_assets.tickets.chart_data import activity_of, describe_chart
from audit_assets.tickets.chart_drawing import draw_png
from audit_assets.tickets.finding import Chart, Finding
from audit_assets.transport.clock import Clock, SystemClock
from audit_assets.transport.http import AGAIN_LATER, LONGEST_QUOTE

TICKET_SECONDS = 20.0
HOUR_SECONDS = 60.0
LEAST_SECONDS = 1.0
"""With less time left in the hour, no chart is drawn any more."""

PNG = "image/png"


class HourCharts:
    """Draws the charts of one hour. `drawn` counts them, `errors` are sentences that explain why others are missing."""

    def __init__(
        self,
        activity: Callable[[], pl.DataFrame],
        known_since: datetime | None,
        *,
        clock: Clock | None = None,
        ticket_seconds: float = TICKET_SECONDS,
        hour_seconds: float = HOUR_SECONDS,
    ) -> None:
        """`activity` is asked when the first chart is needed: rows as `activity_of` takes them, with the actor key of
        the `finding` that they belong to. `known_since` as in `activity_of`."""
        self._ask = activity
        self._known_since = known_since
        self._clock = clock or SystemClock()
        self._ticket_seconds = ticket_seconds
        self._seconds_left = hour_seconds
        self._activity: pl.DataFrame | None = None
        self._has_ended = False
        self.drawn = 0
        self.errors: list[str] = []

    def charted(self, finding: Finding, upload: Upload) -> Finding:
        """The finding with its chart, or as it was. For a finding that is about to open a ticket: it costs an upload,
        and one that was interrupted leaves a file that nothing shows."""
        return replace(finding, chart=self._chart(finding, upload))

    def _chart(self, finding: Finding, upload: Upload) -> Chart | None:
        if self._has_ended:
            return None
        if self._seconds_left < LEAST_SECONDS:
            return self._end("There was no time left for more of them in this hour.")
        began = self._clock.monotonic()
        try:
            return self._uploaded(finding, upload, began + min(self._ticket_seconds, self._seconds_left))
        except AuditAssetsError as error:
            return self._end(str(error)) if error.permanent else self._add_error(str(error))
        except Exception as error:  # a plotting library, its fonts and its folders are no reason to keep a finding back
            return self._end(f"They could not be drawn ({type(error).__name__}: {str(error)[:LONGEST_QUOTE]}).")
        finally:
            self._seconds_left -= self._clock.monotonic() - began

    def _uploaded(self, finding: Finding, upload: Upload, until: float) -> Chart:
        if self._activity is None:
            self._activity = self._ask()
        rows = self._activity.filter(pl.col("finding") == finding.actor_key)
        shown = activity_of(finding, rows, self._known_since)
        picture = draw_png(shown)
        name = f"changes-{finding.hour:%Y-%m-%dT%H}.png"
        url = upload(name, PNG, picture, seconds=max(LEAST_SECONDS, until - self._clock.monotonic()))
        self.drawn += 1
        return Chart(url, describe_chart(shown))

    def _end(self, problem: str) -> None:
        self._has_ended = True
        self._add_error(problem)

    def _add_error(self, problem: str) -> None:
        error = problem.removesuffix(AGAIN_LATER)
        if error not in self.errors:
            self.errors.append(error)
