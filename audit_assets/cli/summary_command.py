"""`audit-assets summary`: the stored summary of an hour, of all hours of a day or a month, or of the newest."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from audit_assets.cli.console import output, print_json
from audit_assets.config.env_file import load_env_file


def summary(
    period: Annotated[
        str, typer.Argument(help="An hour, a day or a month (UTC): 2026-11-22-09:00, 2026-11-22, 2026-11.")
    ] = "",
    home: Annotated[Path | None, typer.Option(help="Folder of a demo, in place of your own hours.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print only the summary, as JSON.")] = False,
    as_schema: Annotated[bool, typer.Option("--schema", help="Print the JSON Schema of the summaries.")] = False,
) -> None:
    """Show who was flagged in an hour, a day or a month, and with which ticket. Reads stored hours only.

    Without a period, the 24 hours up to the newest one that was judged.

    Example: audit-assets summary 2026-11
    """
    from audit_assets.cli.demo_home import stored_hours
    from audit_assets.cli.tickets_page import page_address, with_page_links
    from audit_assets.config.settings import setting, ticket_max_age
    from audit_assets.reports.stored_summaries import load_newest_day, load_summary
    from audit_assets.reports.summary import schema
    from audit_assets.reports.summary_terminal import print_hour, print_period
    from audit_assets.storage.first_start import first_hour
    from audit_assets.storage.hour_store import HourStore
    from audit_assets.storage.run_cache import RunCache

    if as_schema:
        print_json(schema())
        return
    load_env_file()
    store = HourStore(str(stored_hours(home)) if home else setting("AUDIT_ASSETS_STORAGE"), RunCache())
    first, now = first_hour(), datetime.now(UTC)
    if period:
        found = load_summary(store, period, first_hour=first, now=now)
    else:
        found = load_newest_day(store, first_hour=first, now=now)
    if as_json:
        print_json(found)
        return
    if home:
        found = with_page_links(found, page_address(home))
    if "flagged" in found:
        print_hour(output, found, ticket_max_age())
    else:
        print_period(output, found, ticket_max_age())
