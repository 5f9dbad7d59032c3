"""`audit-assets doctor`: what is configured, reachable and permitted, as a table with the next steps."""

from datetime import UTC, datetime

import typer
from rich.markup import escape
from rich.table import Column, Table

from audit_assets.cli.console import output
from audit_assets.config.env_file import load_env_file
from audit_assets.transport.untrusted_text import visible

STATUSES = {"ok": "[green]ok[/]", "advice": "[yellow]advice[/]", "problem": "[bold red]problem[/]"}


def doctor() -> None:
    """Check what is configured, reachable and permitted, and show what to do next. Exit 1 if there is a problem."""
    from audit_assets.cli.doctor_checks import run_checks

    load_env_file()
    table = Table("", "", Column(overflow="fold"), show_header=False, box=None, pad_edge=False)
    results = [*run_checks(datetime.now(UTC))]
    for subject, result in results:
        table.add_row(subject, STATUSES[result.status], escape(visible(result.text)))
        if result.next_step:
            table.add_row("", "→", escape(visible(result.next_step)))
    output.print(table)
    if any(result.status == "problem" for _, result in results):
        raise typer.Exit(1)
