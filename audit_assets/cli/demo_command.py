"""`audit-assets demo`: the whole job on this machine, and what to look at afterwards."""

import shlex
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.padding import Padding

from audit_assets.cli.console import output, print_json
from audit_assets.cli.own_name import own_name
from audit_assets.storage.hours import AN_HOUR, hour_of

BACKTEST = timedelta(days=7)
"""The longest span of the backtest that is proposed: it takes seconds."""


def demo(
    history_days: Annotated[
        int | None,
        typer.Option(
            min=1,
            max=90,
            show_default=False,
            help="Days of history. Default: 30, or a file's newest 90 days.",
        ),
    ] = None,
    seed: Annotated[int, typer.Option(help="Another seed generates another organisation.")] = 1,
    entries: Annotated[
        Path | None, typer.Option(help="Use this exported audit log (v1, v2, Logpush; JSON, gzip, zip) instead.")
    ] = None,
    judge_hours: Annotated[int, typer.Option(min=1, max=24, help="How many of the last hours to judge.")] = 6,
    accounts: Annotated[
        int, typer.Option(min=1, max=50, help="So many invented accounts, each with an organisation.")
    ] = 1,
    home: Annotated[Path, typer.Option(help="Folder for the demo's data.")] = Path(".audit_assets/demo"),
    fresh: Annotated[bool, typer.Option("--fresh", help="Delete the demo that is in the folder first.")] = False,
    open_tickets: Annotated[bool, typer.Option("--open", help="Show the tickets in your browser.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print only the summary, as JSON.")] = False,
) -> None:
    """Run the whole job on this machine, without any account: from an audit log to tickets.

    Example: audit-assets demo --entries our-audit-log.ndjson.gz
    """
    from audit_assets.cli.demo_run import run_demo
    from audit_assets.cli.tickets_page import open_page, page_address, with_page_links
    from audit_assets.config.settings import ticket_max_age
    from audit_assets.reports.summary_terminal import print_demo

    summary = run_demo(
        history_days=history_days,
        judge_hours=judge_hours,
        seed=seed,
        home=home,
        entries=entries,
        fresh=fresh,
        accounts=accounts,
    )
    address = page_address(home)
    if as_json:
        print_json({**with_page_links(summary, address), "tickets_page": address})
    else:
        shown = with_page_links(summary, address)
        for each in shown["accounts"].values() if "accounts" in shown else [shown]:
            print_demo(output, each, ticket_max_age())
        _print_next(summary, home, address)
    if open_tickets and address:
        open_page(address)


def _print_next(summary: Mapping[str, Any], home: Path, address: str | None) -> None:
    """Where to look at what the demo found."""
    output.print("\nWhere to look next:")
    if address:
        output.print(f"  {address}", markup=False, soft_wrap=True)
        output.print("    the tickets, about as Linear shows them; `demo --open` opens this page", soft_wrap=True)
    for command, shows in _next_commands(summary, home):
        output.print(f"  {command}", markup=False, soft_wrap=True)
        output.print(Padding(shows, (0, 0, 0, 4)))
    output.print("  README.md explains how to connect your own Cloudflare, Axiom and Linear.")


def _next_commands(summary: Mapping[str, Any], home: Path) -> list[tuple[str, str]]:
    """What works on the demo's folder, and what it shows."""
    key, of_one = "", summary
    if "accounts" in summary:
        key, of_one = next(iter(summary["accounts"].items()))
    first, last = hour_of(of_one["hours"][0]), hour_of(of_one["hours"][-1])
    since = max(first - AN_HOUR * of_one["history_hours"], last - BACKTEST)
    shown = of_one["flagged"][-1]["hour"] if of_one["flagged"] else of_one["hours"][-1]
    name, span = own_name(), f"--from {since:%Y-%m-%dT%H} --to {last + AN_HOUR:%Y-%m-%dT%H}"
    where = f"--home {shlex.quote(str(home))}"
    one = f"{where} --account {key}" if key else where
    return [
        (f"{name} summary {where}", "the last 24 hours of this, again"),
        (f"{name} preview {shown} {one}", "the tickets of an hour, as a run would open them now"),
        (f"{name} backtest {span} {one}", "what other budgets would have opened"),
        (
            f"{name} dev --sandbox cloudflare,axiom,linear {where}",
            "these hours in the Dagster UI, and the services that the tickets link to. Open an address that it prints "
            "first: it has a token, and afterwards the links of the sandbox work in the same browser.",
        ),
    ]
