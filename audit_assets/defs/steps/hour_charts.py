"""The charts of one hour's tickets: drawn from one query to Axiom, and uploaded."""

from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from datetime import datetime

import polars as pl

from audit_assets.axiom.client import count_deletes
from audit_assets.axiom.limits import AxiomLimits
from audit_assets.config.errors import AuditAssetsError
from audit_assets.defs.resources import AxiomResource
from audit_assets.defs.steps.day_history import aggregated_past
from audit_assets.defs.steps.ticket_extras import LEAST_SECONDS, TicketExtras
from audit_assets.detection.baselines import history_since
from audit_assets.detection.schemas import WINDOW
from audit_assets.linear.issues import Upload
from audit_assets.storage.hour_store import HourStore
from audit_assets.storage.hours import AN_HOUR, day_of
from audit_assets.storage.tables import ACTIVITY, BASELINES
from audit_assets.tickets.chart_data import activity_of, describe_chart
from audit_assets.tickets.chart_drawing import draw_png
from audit_assets.tickets.finding import Chart, Finding
from audit_assets.tickets.finding_evidence import members_of
from audit_assets.transport.clock import Clock
from audit_assets.transport.http import LONGEST_QUOTE

SHORT_WAIT = AxiomLimits(attempts=2, attempt_seconds=20.0, total_seconds=5.0, read_seconds=15.0, visibility_seconds=5.0)
"""No ticket waits longer for a picture."""

PNG = "image/png"


class HourCharts(TicketExtras):
    """Draws the charts of one hour."""

    def __init__(self, activity: Callable[[], pl.DataFrame], known_since: datetime | None, clock: Clock) -> None:
        """`activity` is asked when the first chart is needed: rows as `activity_of` takes them, with the actor key of
        the `finding` that they belong to. `known_since` as in `activity_of`."""
        super().__init__(
            clock,
            out_of_time="There was no time left for more of them in this hour.",
            introduction="Tickets went out without a chart. ",
        )
        self._ask = activity
        self._known_since = known_since
        self._activity: pl.DataFrame | None = None

    def charted(self, finding: Finding, upload: Upload) -> Finding:
        """The finding with its chart, or as it was. For a finding that is about to open a ticket: it costs an upload,
        and one that was interrupted leaves a file that nothing shows."""
        return replace(finding, chart=self.attempt(lambda seconds: self._draw(finding, upload, seconds)))

    def _draw(self, finding: Finding, upload: Upload, seconds: float) -> Chart | None:
        until = self.clock.monotonic() + seconds
        try:
            if self._activity is None:
                self._activity = self._ask()
            rows = self._activity.filter(pl.col("finding") == finding.actor_key)
            shown = activity_of(finding, rows, self._known_since)
            picture = draw_png(shown)
            name = f"changes-{finding.hour:%Y-%m-%dT%H}.png"
            url = upload(name, PNG, picture, seconds=max(LEAST_SECONDS, until - self.clock.monotonic()))
            return Chart(url, describe_chart(shown))
        except AuditAssetsError:
            raise
        except Exception as error:  # a plotting library, its fonts and its folders are no reason to keep a finding back
            return self.end(f"They could not be drawn ({type(error).__name__}: {str(error)[:LONGEST_QUOTE]}).")


def build_charts(flagged: pl.DataFrame, store: HourStore, axiom: AxiomResource) -> HourCharts:
    """The charts of the tickets of these flagged actors, of one hour."""
    members, hour = members_of(flagged), flagged["hour"][0]
    known_since = history_since(store.require(BASELINES, hour))
    return HourCharts(lambda: _activity(axiom, store, members, hour), known_since, axiom.clock)


def _activity(axiom: AxiomResource, store: HourStore, members: pl.DataFrame, hour: datetime) -> pl.DataFrame:
    """One query to Axiom serves all tickets of an hour. Raises `ServiceError`."""
    actors, since = [*members["actor_key"].unique()], hour - WINDOW
    with closing(replace(axiom, limits=SHORT_WAIT).client()) as client:
        past = aggregated_past(store, client, day_of(hour), actors)
        if past is None:
            changes = client.activity(actors, since, hour + AN_HOUR)
        else:
            changes = pl.concat([count_deletes(past), store.require(ACTIVITY, hour)]).filter(pl.col("hour") >= since)
    return members.join(changes, on="actor_key")
