"""`audit-assets doctor`: what is configured, reachable and permitted, as a table with the next steps."""

from datetime import UTC, datetime
from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Column, Table

from audit_assets.cli.console import output
from audit_assets.config.env_file import load_env_file
from audit_assets.transport.untrusted_text import visible

STATUSES = {"ok": "[green]ok[/]", "advice": "[yellow]advice[/]", "problem": "[bold red]problem[/]"}


PROBE_HELP = (
    "Ask the connected services what the documentation leaves open, in about five minutes: reading only in Cloudflare, "
    "one marked event in Axiom, one test ticket in Linear that is archived again."
)


def doctor(
    *,
    probe: Annotated[bool, typer.Option("--probe", help=PROBE_HELP)] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print what a probe found as one JSON object.")] = False,
) -> None:
    """Check what is configured, reachable and permitted, and show what to do next. Exit 1 if there is a problem."""
    from audit_assets.cli.doctor_checks import run_checks
    from audit_assets.cli.probe.command import probe_services

    load_env_file()
    if probe:
        raise typer.Exit(0 if probe_services(as_json=as_json) else 1)
    if as_json:
        raise typer.BadParameter("--json is for --probe")
    table = Table("", "", Column(overflow="fold"), show_header=False, box=None, pad_edge=False)
    results = [*run_checks(datetime.now(UTC))]
    for subject, result in results:
        table.add_row(subject, STATUSES[result.status], escape(visible(result.text)))
        if result.next_step:
            table.add_row("", "→", escape(visible(result.next_step)))
    output.print(table)
    if any(result.status == "problem" for _, result in results):
        raise typer.Exit(1)
