"""`audit-assets demo`: the whole job on this machine, and what to look at afterwards."""

import shlex
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any

import typer

from audit_assets.cli.console import output, print_json
from audit_assets.storage.hours import AN_HOUR, hour_of

BACKTEST = timedelta(days=7)
"""The longest span of the backtest that is proposed: it takes seconds."""


def demo(
    history_days: Annotated[int, typer.Option(min=1, max=90, help="Days of history to generate and ingest.")] = 30,
    seed: Annotated[int, typer.Option(help="Another seed generates another organisation.")] = 1,
    entries: Annotated[
        Path | None, typer.Option(help="Use this exported audit log (v1, v2, Logpush; JSON, gzip, zip) instead.")
    ] = None,
    judge_hours: Annotated[int, typer.Option(min=1, max=24, help="How many of the last hours to judge.")] = 6,
    home: Annotated[Path, typer.Option(help="Folder for the demo's data.")] = Path(".audit_assets/demo"),
    fresh: Annotated[bool, typer.Option("--fresh", help="Delete the demo that is in the folder first.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print only the summary, as JSON.")] = False,
) -> None:
    """Run the whole job on this machine, without any account: from an audit log to tickets.

    Example: audit-assets demo --entries our-audit-log.ndjson.gz
    """
    from audit_assets.cli.demo_run import run_demo
    from audit_assets.config.settings import ticket_max_age
    from audit_assets.reports.summary_terminal import print_demo

    summary = run_demo(
        history_days=history_days, judge_hours=judge_hours, seed=seed, home=home, entries=entries, fresh=fresh
    )
    if as_json:
        print_json(summary)
        return
    print_demo(output, summary, ticket_max_age())
    output.print("\nWhere to look next:")
    for command, shows in _next_commands(summary, home):
        output.print(f"  {command}", markup=False, soft_wrap=True)
        output.print(f"    {shows}", soft_wrap=True)
    output.print("  README.md explains how to connect your own Cloudflare, Axiom and Linear.")


def _next_commands(summary: Mapping[str, Any], home: Path) -> list[tuple[str, str]]:
    """What works on the demo's folder, and what it shows."""
    first, last = hour_of(summary["hours"][0]), hour_of(summary["hours"][-1])
    since = max(first - AN_HOUR * summary["history_hours"], last - BACKTEST)
    shown = summary["flagged"][-1]["hour"] if summary["flagged"] else summary["hours"][-1]
    span = f"--from {since:%Y-%m-%dT%H} --to {last + AN_HOUR:%Y-%m-%dT%H}"
    where = f"--home {shlex.quote(str(home))}"
    return [
        (f"audit-assets summary {where}", "the last 24 hours of this, again"),
        (f"audit-assets preview {shown} --html tickets.html {where}", "the tickets of an hour, as a page"),
        (f"audit-assets backtest {span} {where}", "what other budgets would have opened"),
        (
            f"audit-assets dev --sandbox cloudflare,axiom,linear {where}",
            "these hours in the Dagster UI, and the tickets about as Linear shows them. Open an address that\n"
            "    it prints first: it has a token, and afterwards the links above work in the same browser.",
        ),
    ]
