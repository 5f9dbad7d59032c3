"""`audit-assets doctor`: what is configured, reachable and permitted, whether hours are well, and the next steps."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape
from rich.table import Column, Table

from audit_assets.cli.account_option import AnyAccount, chosen_accounts, working_for_one
from audit_assets.cli.console import output, print_json
from audit_assets.config.accounts import working_for
from audit_assets.config.env_file import load_env_file
from audit_assets.tickets.formatting import pluralize
from audit_assets.transport.untrusted_text import visible

if TYPE_CHECKING:
    from audit_assets.cli.doctor_checks import Diagnosis

STATUSES = {"ok": "[green]ok[/]", "advice": "[yellow]advice[/]", "problem": "[bold red]problem[/]"}


PROBE_HELP = (
    "Ask the connected services what the documentation leaves open, in about five minutes: reading only in Cloudflare, "
    "one marked event in Axiom, one test ticket in Linear that is archived again."
)


def doctor(
    *,
    probe: Annotated[bool, typer.Option("--probe", help=PROBE_HELP)] = False,
    account: AnyAccount = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object, for monitoring.")] = False,
) -> None:
    """Check what is configured, reachable and permitted, and whether hours come in and are judged; show what to do
    next, of several accounts one after the other. Exit 1 if there is a problem."""
    from audit_assets.cli.doctor_checks import diagnose
    from audit_assets.cli.doctor_json import diagnoses_json, diagnosis_json
    from audit_assets.cli.doctor_results import DoctorRun
    from audit_assets.cli.probe.command import probe_services

    load_env_file()
    if probe:
        with working_for_one(account):
            raise typer.Exit(0 if probe_services(as_json=as_json) else 1)
    accounts, now = chosen_accounts(account), datetime.now(UTC)
    found = {}
    for each in accounts:
        with working_for(each):
            found[each] = diagnose(DoctorRun(now))
    if as_json:
        shown = {each.key: diagnosis_json(of_account, now) for each, of_account in found.items()}
        print_json(diagnoses_json(shown, now) if len(accounts) > 1 else next(iter(shown.values())))
    else:
        for each, of_account in found.items():
            if len(accounts) > 1:
                output.rule(f"{escape(each.name)} ({each.key})", align="left")
            _print(of_account, whole=len(accounts) == 1)
    if not all(of_account.is_well for of_account in found.values()):
        raise typer.Exit(1)


def _print(found: "Diagnosis", *, whole: bool) -> None:
    """What was found; unless it is to be `whole`, what is well is only counted."""
    table = Table("", "", Column(overflow="fold"), show_header=False, box=None, pad_edge=False)
    results = [each for each in found.results if whole or each[1].status != "ok"]
    if well := len(found.results) - len(results):
        table.add_row("", STATUSES["ok"], pluralize(well, "check"))
    for subject, result in results:
        table.add_row(subject, STATUSES[result.status], escape(visible(result.text)))
        if result.next_step:
            table.add_row("", "→", escape(visible(result.next_step)))
    output.print(table)
