"""`audit-assets doctor`: what is configured, reachable and permitted, whether hours are well, and the next steps."""

from datetime import UTC, datetime
from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Column, Table

from audit_assets.cli.console import output, print_json
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
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object, for monitoring.")] = False,
) -> None:
    """Check what is configured, reachable and permitted, and whether hours come in and are judged; show what to do
    next. Exit 1 if there is a problem."""
    from audit_assets.cli.doctor_checks import diagnose
    from audit_assets.cli.doctor_json import diagnosis_json
    from audit_assets.cli.doctor_results import DoctorRun
    from audit_assets.cli.probe.command import probe_services

    load_env_file()
    if probe:
        raise typer.Exit(0 if probe_services(as_json=as_json) else 1)
    run = DoctorRun(datetime.now(UTC))
    found = diagnose(run)
    if as_json:
        print_json(diagnosis_json(found, run.now))
    else:
        table = Table("", "", Column(overflow="fold"), show_header=False, box=None, pad_edge=False)
        for subject, result in found.results:
            table.add_row(subject, STATUSES[result.status], escape(visible(result.text)))
            if result.next_step:
                table.add_row("", "→", escape(visible(result.next_step)))
        output.print(table)
    if not found.is_well:
        raise typer.Exit(1)
