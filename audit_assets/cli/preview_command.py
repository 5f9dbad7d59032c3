"""`audit-assets preview`: the tickets of stored hours as a run would open them now."""

from contextlib import ExitStack
from pathlib import Path
from typing import Annotated

import typer

from audit_assets.cli.account_option import OneAccount, working_for_one
from audit_assets.cli.console import output, print_json
from audit_assets.config.env_file import load_env_file


def preview(
    hour: Annotated[
        str | None,
        typer.Argument(help="An hour (UTC) that was judged: 2026-11-22-09:00. Default: the newest 24 hours."),
    ] = None,
    home: Annotated[
        Path | None, typer.Option(help="Folder of a demo, in place of your own hours and services.")
    ] = None,
    account: OneAccount = None,
    html: Annotated[Path | None, typer.Option(help="Write the tickets as an HTML page to this file.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print only the tickets, as JSON.")] = False,
) -> None:
    """Show the tickets of an hour, or of the newest 24 hours that were judged, as they would be opened now. Opens
    nothing, and needs no Linear API key.

    With Linear's settings it also reads the existing tickets, and shows which of them would be used.

    Example: audit-assets preview 2026-11-22-09:00 --html tickets.html
    """
    from audit_assets.cli.demo_run import opened_demo
    from audit_assets.cli.preview_hour import render_stored_hours
    from audit_assets.reports.html_page import write_html
    from audit_assets.reports.preview_page import preview_html
    from audit_assets.reports.preview_terminal import print_tickets

    load_env_file()
    with ExitStack() as stack:
        if home is not None:
            stack.enter_context(opened_demo(home))
        stack.enter_context(working_for_one(account))
        rendered = render_stored_hours(hour)
    if html is not None:
        write_html(preview_html(rendered), html)
    if as_json:
        print_json(rendered.as_json())
    else:
        print_tickets(output, rendered)
