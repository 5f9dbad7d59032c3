"""`audit-assets summary`: the stored summary of an hour, or of all hours of a day or a month."""

from datetime import UTC, datetime
from typing import Annotated

import typer

from audit_assets.cli.console import output, print_json
from audit_assets.config.env_file import load_env_file


def summary(
    period: Annotated[
        str, typer.Argument(help="An hour, a day or a month (UTC): 2026-11-22-09:00, 2026-11-22, 2026-11.")
    ] = "",
    as_json: Annotated[bool, typer.Option("--json", help="Print only the summary, as JSON.")] = False,
    as_schema: Annotated[bool, typer.Option("--schema", help="Print the JSON Schema of the summaries.")] = False,
) -> None:
    """Show who was flagged in an hour, a day or a month, and with which ticket. Reads stored hours only.

    Example: audit-assets summary 2026-11
    """
    from audit_assets.config.settings import first_hour, setting, ticket_max_age
    from audit_assets.reports.stored_summaries import load_summary
    from audit_assets.reports.summary import schema
    from audit_assets.reports.summary_terminal import print_hour, print_period
    from audit_assets.storage.hour_store import HourStore

    if as_schema:
        print_json(schema())
        return
    load_env_file()
    store = HourStore(setting("AUDIT_ASSETS_STORAGE"))
    found = load_summary(store, period, first_hour=first_hour(), now=datetime.now(UTC))
    if as_json:
        print_json(found)
    elif "flagged" in found:
        print_hour(output, found, ticket_max_age())
    else:
        print_period(output, found, ticket_max_age())
