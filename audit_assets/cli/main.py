"""audit-assets: the command line. Each command does one thing and tells a failure in one sentence."""

import json
import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from dotenv import load_dotenv
from rich.console import Console

from audit_assets.cli.dagster_home import instance_home
from audit_assets.config.errors import AuditAssetsError, SettingError
from audit_assets.config.settings import HOUR_FORMAT
from audit_assets.reports import terminal

if TYPE_CHECKING:
    from audit_assets.reports.backtest_sources import Stream

app = typer.Typer(
    help="Finds abuse in a Cloudflare account: audit log in, Linear tickets out, hour by hour.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
output = Console(highlight=False)
progress = Console(stderr=True, highlight=False)


def main() -> None:
    """Run a command. Exit 1 and one sentence on standard error if it could not do its job."""
    os.environ.setdefault("DAGSTER_DISABLE_TELEMETRY", "yes")
    try:
        app()
    except AuditAssetsError as error:
        progress.print(f"audit-assets: {error}", style="red", markup=False, highlight=False)
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)


@app.command()
def demo(
    history_days: Annotated[int, typer.Option(min=1, max=90, help="Days of history to invent and ingest.")] = 30,
    seed: Annotated[int, typer.Option(help="Another seed invents another organisation.")] = 1,
    entries: Annotated[
        Path | None, typer.Option(help="Serve this exported audit log (v1, v2, Logpush; JSON, NDJSON, gzip) instead.")
    ] = None,
    judge_hours: Annotated[int, typer.Option(min=1, max=24, help="The last hours, which are judged.")] = 6,
    home: Annotated[Path, typer.Option(help="Folder for what the demo leaves behind.")] = Path(".audit_assets/demo"),
    as_json: Annotated[bool, typer.Option("--json", help="Print the summary object alone.")] = False,
) -> None:
    """The whole job on this machine, without any account: from an audit log to tickets.

    Example: audit-assets demo --entries our-audit-log.ndjson.gz
    """
    with _sandbox_installed():
        from audit_assets.cli.demo_run import DemoRequest, run_demo

    request = DemoRequest(history_days, judge_hours, seed, home, entries)
    summary = run_demo(request, partial(terminal.step, progress))
    if as_json:
        print(json.dumps(summary, indent=1))
        return
    terminal.print_summary(output, summary)
    output.print("\nWhere to look next:")
    output.print(f"  audit-assets dev --sandbox cloudflare,axiom,linear --home {home}", markup=False, soft_wrap=True)
    output.print("  shows these hours in the Dagster UI, and the tickets as Linear would.")
    output.print("  README.md tells how to connect your own Cloudflare, Axiom and Linear.")


@app.command()
def dev(
    sandbox: Annotated[str, typer.Option(help="Services to take from the sandbox: cloudflare,axiom,linear.")] = "",
    home: Annotated[Path, typer.Option(help="Folder for Dagster's history and the sandbox's data.")] = Path(
        ".audit_assets/dev"
    ),
    port: Annotated[int, typer.Option(help="Port of the Dagster UI, on loopback.")] = 3000,
) -> None:
    """The Dagster UI on loopback, with its daemon. Ctrl-C ends it.

    Example: audit-assets dev --sandbox axiom,linear
    """
    load_dotenv(Path(".env"))
    wanted = _services(sandbox)
    environment = dict(os.environ)
    with ExitStack() as stack:
        if wanted:
            environment |= _serve(stack, wanted, home)
        environment.setdefault("DAGSTER_HOME", str(instance_home(home)))
        environment.setdefault("AUDIT_ASSETS_DAGSTER_URL", f"http://127.0.0.1:{port}")
        environment.setdefault("PYTHONWARNINGS", "ignore:Function `dev_command` is superseded")
        if "://" not in (storage := environment.get("AUDIT_ASSETS_STORAGE") or ".audit_assets/hours"):
            environment["AUDIT_ASSETS_STORAGE"] = str(Path(storage).absolute())
        if policy := environment.get("AUDIT_ASSETS_POLICY"):
            environment["AUDIT_ASSETS_POLICY"] = str(Path(policy).absolute())
        command = [sys.executable, "-m", "dagster", "dev", "-m", "audit_assets.definitions", "-h", "127.0.0.1"]
        raise typer.Exit(run_to_its_end([*command, "-p", str(port)], environment, home))


def run_to_its_end(command: list[str], environment: dict[str, str], folder: Path) -> int:
    """Run a command until it ends or we are told to end; its exit code.

    In a folder of its own: Dagster lets a `.env` where it runs override what it is given, the sandbox's address too.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with subprocess.Popen(command, env=environment, cwd=folder) as child:  # noqa: S603 - our own words
        signal.signal(signal.SIGTERM, lambda *_: child.terminate())
        while True:
            try:
                return child.wait()
            except KeyboardInterrupt:
                continue  # Ctrl-C reached the child as well, which ends in its own time


def _serve(stack: ExitStack, wanted: list[str], home: Path) -> dict[str, str]:
    """Start the sandbox; the settings of the wanted services, and where their hours are kept."""
    with _sandbox_installed():
        from audit_assets.sandbox.server import free_port, running
        from audit_assets.sandbox.world import CannotServe, furnish

    try:
        sandbox, world = furnish(home / "sandbox")
    except CannotServe as error:
        raise SettingError(f"The sandbox can't start: {error}.") from None
    stack.enter_context(running(sandbox, free_port()))
    output.print(f"The sandbox's tickets: {sandbox.url}/sandbox/tickets")
    settings = {"AUDIT_ASSETS_STORAGE": str((home / "hours").absolute())}
    if "cloudflare" in wanted:
        settings["AUDIT_ASSETS_FIRST_HOUR"] = world.first.strftime(HOUR_FORMAT)
    for service in wanted:
        settings |= getattr(sandbox, service).environment(sandbox.url)
    return settings


@contextmanager
def _sandbox_installed() -> Iterator[None]:
    """Imports that need the extra `sandbox`."""
    try:
        yield
    except ModuleNotFoundError as error:
        raise SettingError(f"The sandbox lacks {error.name}: pip install 'audit-assets[sandbox]'.") from None


def _services(names: str) -> list[str]:
    wanted = [name.strip().lower() for name in names.split(",") if name.strip()]
    if unknown := set(wanted) - {"cloudflare", "axiom", "linear"}:
        raise SettingError(f"--sandbox knows cloudflare, axiom and linear, not {', '.join(sorted(unknown))}.")
    return wanted


@app.command()
def doctor() -> None:
    """What is configured, reachable and permitted, and what to do next. Exit 1 if anything stands in the way."""
    load_dotenv(Path(".env"))
    from audit_assets.cli.health_checks import examine

    findings = examine(datetime.now(UTC))
    terminal.print_findings(output, findings)
    if any(finding.verdict == "problem" for finding in findings):
        raise typer.Exit(1)


@app.command()
def summary(
    period: Annotated[
        str, typer.Argument(help="An hour, a day or a month (UTC): 2026-11-22-09:00, 2026-11-22, 2026-11.")
    ] = "",
    as_json: Annotated[bool, typer.Option("--json", help="Print the object alone.")] = False,
    as_schema: Annotated[bool, typer.Option("--schema", help="Print the JSON Schema of these objects.")] = False,
) -> None:
    """Who was flagged in an hour, a day or a month, and what became of it. Reads the hours that are stored.

    Example: audit-assets summary 2026-11
    """
    from audit_assets.reports.summary import schema

    if as_schema:
        print(json.dumps(schema(), indent=1))
        return
    load_dotenv(Path(".env"))
    from audit_assets.reports.stored_summaries import of_period

    found = of_period(period, datetime.now(UTC))
    if as_json:
        print(json.dumps(found, indent=1))
    elif "flagged" in found:
        terminal.print_hour(output, found)
    else:
        terminal.print_period(output, found)


@app.command()
def preview(
    hour: Annotated[str, typer.Argument(help="An hour (UTC) that was judged: 2026-11-22-09:00.")],
    html: Annotated[Path | None, typer.Option(help="Write a page with the tickets to this file.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the object alone.")] = False,
) -> None:
    """The tickets of an hour as they would be opened now. Opens nothing, and needs no key of Linear.

    With Linear's settings it reads which tickets are there, and says what would join which.

    Example: audit-assets preview 2026-11-22-09:00 --html tickets.html
    """
    load_dotenv(Path(".env"))
    from audit_assets.cli.preview_hour import preview_of
    from audit_assets.reports.preview_page import write_page
    from audit_assets.reports.preview_terminal import print_tickets

    rendered = preview_of(hour)
    if html is not None:
        write_page(rendered, html)
    if as_json:
        print(json.dumps(rendered.as_json(), indent=1))
    else:
        print_tickets(output, rendered)


@app.command()
def backtest(
    events: Annotated[
        Path | None, typer.Argument(help="Parquet, NDJSON or CSV: time, actor, actor_type, resource_type.")
    ] = None,
    since: Annotated[
        str | None, typer.Option("--from", help="In place of EVENTS: what Axiom holds from this day or hour (UTC) on.")
    ] = None,
    until: Annotated[str | None, typer.Option("--to", help="And up to this day or hour.")] = None,
    tickets_per_day: Annotated[
        float | None, typer.Option(min=0.01, help="Tickets a day that people can read; without it, as the policy says.")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Write the score of every active hour to this Parquet file.")] = None,
    chart: Annotated[Path | None, typer.Option(help="Write a page with a chart of the scores to this file.")] = None,
    rule: Annotated[
        str | None,
        typer.Option(help="calibrated, or plain: ratio and never-touched types; without it, as the policy says."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the summary object alone.")] = False,
) -> None:
    """What would have been flagged, over a file of events or what Axiom holds. Nothing is pulled, sent or opened.

    The policy in force is applied: preset and budget, allowances, confirmed incidents, severities. Of a file every
    event counts as a change; deletes and actions are not known here and raise no severity.

    Example: audit-assets backtest --from 2026-10-01 --to 2026-11-01 --tickets-per-day 0.5 --chart october.html
    """
    from audit_assets.reports.backtest import backtest_of, policy_of, write_scores
    from audit_assets.reports.backtest_page import write_page
    from audit_assets.reports.backtest_summary import summary_of

    load_dotenv(Path(".env"))
    in_force = policy_of(rule, tickets_per_day)
    stream = _stream(events, since, until)
    tested = backtest_of(stream, in_force)
    summary = summary_of(tested, stream, in_force)
    if out is not None:
        write_scores(tested.scores, out)
    if chart is not None:
        write_page(tested.scores, summary, chart)
    if as_json:
        print(json.dumps(summary, indent=1))
    else:
        terminal.print_backtest(output, summary)


def _stream(events: Path | None, since: str | None, until: str | None) -> "Stream":
    """What a backtest is asked to go over."""
    from audit_assets.defs.resources import AxiomResource
    from audit_assets.reports.backtest_sources import BacktestError, of_axiom, of_file, span_of

    if events is not None and since is None and until is None:
        return of_file(events)
    if events is None and since is not None and until is not None:
        span = span_of(since, until)
        with terminal.step(progress, "Reading what Axiom holds", Counter):
            return of_axiom(AxiomResource(), *span)
    raise BacktestError("Name either a file of EVENTS, or both --from and --to for what Axiom holds.")
