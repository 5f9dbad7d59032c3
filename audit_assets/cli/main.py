"""audit-assets: the command line. Each command has a module of its own, and reports a failure in one sentence."""

import os
import sys
from importlib.metadata import version
from typing import Annotated

import typer

from audit_assets.cli.axiom_command import axiom
from audit_assets.cli.backtest_command import backtest
from audit_assets.cli.console import output, progress
from audit_assets.cli.demo_command import demo
from audit_assets.cli.deploy_command import deploy
from audit_assets.cli.dev_command import dev
from audit_assets.cli.doctor_command import doctor
from audit_assets.cli.metrics_command import metrics
from audit_assets.cli.preview_command import preview
from audit_assets.cli.restore_command import restore
from audit_assets.cli.start_command import start
from audit_assets.cli.stopping import TERMINATED, raise_terminated_on_sigterm, was_terminated
from audit_assets.cli.summary_command import summary
from audit_assets.cli.watch_command import watch
from audit_assets.cli.watchdog_command import watchdog
from audit_assets.config.errors import AuditAssetsError
from audit_assets.config.garbage_collection import collect_rarely
from audit_assets.storage.file_modes import keep_files_private

app = typer.Typer(
    help="Finds abuse in a Cloudflare account: audit log in, Linear tickets out, hour by hour.",
    rich_markup_mode="markdown",  # paragraphs of a help text are wrapped to the terminal
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _print_version(asked: bool) -> None:
    if asked:
        output.print(f"audit-assets {version('audit-assets')}", highlight=False)
        raise typer.Exit


STOPPED = 130
"""Exit code after Ctrl-C, as shells and Typer have it."""


@app.callback()
def _program(
    _asked: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Finds abuse in a Cloudflare account: audit log in, Linear tickets out, hour by hour."""


for command in (demo, start, dev, doctor, summary, preview, backtest, restore, watchdog, metrics, deploy):
    app.command()(command)
app.add_typer(watch, name="watch")
app.add_typer(axiom, name="axiom")


def main() -> None:
    """Run a command. Exit 1 and one sentence on standard error if it fails, 130 and one line after Ctrl-C, 143 and the
    same line after SIGTERM."""
    collect_rarely()
    keep_files_private()
    raise_terminated_on_sigterm()
    os.environ.setdefault("DAGSTER_DISABLE_TELEMETRY", "yes")
    try:
        app()
    except AuditAssetsError as error:
        progress.print(f"audit-assets: {error}", style="red", markup=False, highlight=False)
        sys.exit(1)
    except (KeyboardInterrupt, SystemExit) as ended:
        if isinstance(ended, SystemExit) and ended.code != STOPPED:
            raise
        progress.print("audit-assets: stopped.")
        sys.exit(TERMINATED if was_terminated() else STOPPED)
