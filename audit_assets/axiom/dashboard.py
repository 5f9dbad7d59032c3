"""The dashboard of a dataset as Axiom's API takes it: charts, their queries, and where they are on the page.

Each chart is a file in queries/charts/. The document has what both Axiom's OpenAPI document and those who tried it
know: a chart has an id, a name, a type and a query, and nothing else (docs/facts/axiom.md, 10).
"""

from dataclasses import dataclass
from typing import Any, Literal

from audit_assets.axiom.query_texts import chart_text
from audit_assets.config.change_filter import ChangeFilter

EVERYBODY = "X-AXIOM-EVERYONE"
"""The owner of a dashboard that the whole organisation can open."""

WIDTH = 12
"""Columns of the page."""

REFRESH_SECONDS = 300
"""The longest that Axiom takes: each refresh is paid for like a query."""


@dataclass(frozen=True)
class Chart:
    """A chart: its query file, which is its id too, its title, how it is drawn, and its size."""

    query: str
    title: str
    type: Literal["TimeSeries", "Table"]
    width: int = WIDTH
    height: int = 6


OF_ENTRIES = (
    Chart("changes_by_kind", "Changes by kind", "TimeSeries"),
    Chart("changes_by_actor", "Changes by actor", "Table", width=6, height=8),
    Chart("changes_by_type", "Changes by resource type", "Table", width=6, height=8),
    Chart("lateness", "Entries by the hours until they reached Axiom", "Table", width=6, height=8),
)

OF_FINDINGS = (
    Chart("findings_by_disposition", "What became of findings", "Table", width=6, height=8),
    Chart("findings_by_severity", "Findings with a ticket, by severity", "TimeSeries"),
    Chart("latest_findings", "Latest findings with a ticket", "Table", height=10),
)
"""In a dashboard only if a dataset holds findings."""


def dashboard_uid(dataset: str) -> str:
    """The identifier of a dataset's dashboard: the same for ever, so that it is never there twice."""
    return f"audit-assets-{dataset}"


def build_dashboard(dataset: str, findings_dataset: str | None, change_filter: ChangeFilter) -> dict[str, Any]:
    """The document of the dashboard. `findings_dataset`: None to leave its charts out. `change_filter`: which entries
    count as changes, as in everything else."""
    parts = [(chart, dataset) for chart in OF_ENTRIES]
    if findings_dataset:
        parts += [(chart, findings_dataset) for chart in OF_FINDINGS]
    return {
        "name": f"Audit log: {dataset}",
        "owner": EVERYBODY,
        "description": "Changes, findings and lateness of the audit entries that audit-assets ingests.",
        "charts": [
            {
                "id": chart.query,
                "name": chart.title,
                "type": chart.type,
                "query": {"apl": chart_text(chart.query, of, change_filter)},
            }
            for chart, of in parts
        ],
        "layout": _layout([chart for chart, _ in parts]),
        "refreshTime": REFRESH_SECONDS,
        "schemaVersion": 2,
        "timeWindowStart": "qr-now-30d",
        "timeWindowEnd": "qr-now",
    }


def _layout(charts: list[Chart]) -> list[dict[str, Any]]:
    """From left to right, and down where a line is full."""
    cells, x, y, line_height = [], 0, 0, 0
    for chart in charts:
        if x + chart.width > WIDTH:
            x, y, line_height = 0, y + line_height, 0
        cells.append({"i": chart.query, "x": x, "y": y, "w": chart.width, "h": chart.height})
        x, line_height = x + chart.width, max(line_height, chart.height)
    return cells
