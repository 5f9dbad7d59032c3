"""`audit-assets backtest`: what would have been flagged, over a file of events or over what Axiom holds."""

from collections import Counter
from contextlib import AbstractContextManager, ExitStack, closing
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from audit_assets.cli.account_option import OneAccount, working_for_one
from audit_assets.cli.console import output, print_json, step
from audit_assets.config.env_file import load_env_file

if TYPE_CHECKING:
    from audit_assets.reports.backtest_input import BacktestInput


def backtest(
    events: Annotated[
        Path | None,
        typer.Argument(help="An exported audit log as the demo takes it, or events as Parquet, NDJSON or CSV."),
    ] = None,
    since: Annotated[
        str | None, typer.Option("--from", help="Read from Axiom, from this day or hour (UTC) on. Default: 24 hours.")
    ] = None,
    until: Annotated[str | None, typer.Option("--to", help="Up to this day or hour (UTC), with --from.")] = None,
    home: Annotated[
        Path | None, typer.Option(help="Folder of a demo, in place of your own Axiom, with --from and --to.")
    ] = None,
    tickets_per_day: Annotated[
        float | None, typer.Option(min=0.01, help="The ticket budget per day. Default: the policy's.")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Write the score of every active hour to this Parquet file.")] = None,
    chart: Annotated[Path | None, typer.Option(help="Write an HTML page with a chart of the scores.")] = None,
    account: OneAccount = None,
    rule: Annotated[
        str | None,
        typer.Option(help="calibrated, or plain (ratio and never-touched types). Default: the policy's."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print only the summary, as JSON.")] = False,
) -> None:
    """Show what would have been flagged, over a file of events or what Axiom holds. Nothing is sent or opened.

    Without EVENTS and a span, the 24 hours up to the newest one that is stored. The policy in force applies: preset and
    budget, allowances, confirmed incidents, severities. In a table of events every one counts as a change.

    Example: audit-assets backtest --from 2026-10-01 --to 2026-11-01 --tickets-per-day 0.5 --chart october.html
    """
    from audit_assets.reports.backtest import backtest_policy, run_backtest, write_scores
    from audit_assets.reports.backtest_page import backtest_html
    from audit_assets.reports.backtest_summary import summarize_backtest
    from audit_assets.reports.backtest_terminal import print_backtest
    from audit_assets.reports.html_page import write_html

    load_env_file()
    with ExitStack() as stack:
        if home is not None:
            stack.enter_context(_opened_demo(home, events))
        if account or events is None:
            stack.enter_context(working_for_one(account))
        policy = backtest_policy(rule, tickets_per_day)
        data = _read_input(events, since, until)
    result = run_backtest(data, policy)
    summary = summarize_backtest(result, data, policy)
    if out is not None:
        write_scores(result.scores, out)
    if chart is not None:
        write_html(backtest_html(result.scores, summary), chart)
    if as_json:
        print_json(summary)
    else:
        print_backtest(output, summary)


def _opened_demo(home: Path, events: Path | None) -> AbstractContextManager[None]:
    from audit_assets.cli.demo_run import opened_demo
    from audit_assets.reports.backtest_input import BacktestError

    if events is not None:
        raise BacktestError("--home is where --from and --to read: leave it out with a file of EVENTS.")
    return opened_demo(home)


def _read_input(events: Path | None, since: str | None, until: str | None) -> "BacktestInput":
    """Read the events, from the file or from Axiom."""
    from audit_assets.defs.resources import StorageResource
    from audit_assets.reports.backtest_export import read_file
    from audit_assets.reports.backtest_input import BacktestError, newest_day, parse_span

    if events is not None and since is None and until is None:
        return read_file(events)
    if events is None and (since is None) == (until is None):
        span = parse_span(since, until) if since and until else newest_day(StorageResource().open())
        return read_what_axiom_holds(*span)
    raise BacktestError("Name either a file of EVENTS, or both --from and --to to read from Axiom.")


def read_what_axiom_holds(since: datetime, until: datetime) -> "BacktestInput":
    """The hours [since, until) as Axiom holds them, with the history before. Raises `AuditAssetsError`."""
    from audit_assets.defs.resources import AxiomResource, StorageResource
    from audit_assets.defs.steps.geography import open_geography
    from audit_assets.defs.steps.origin_history import query_origin_uses
    from audit_assets.defs.steps.verdicts import read_verdicts
    from audit_assets.reports.backtest_input import read_axiom

    axiom = AxiomResource()
    with step("Reading from Axiom", Counter), closing(axiom.client()) as client:
        return read_axiom(
            client,
            since,
            until,
            now=axiom.clock.now(),
            verdicts=read_verdicts(StorageResource().open()),
            query_origins=partial(query_origin_uses, geography=open_geography()),
        )
