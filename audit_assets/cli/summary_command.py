"""`audit-assets summary`: the stored summary of an hour, of all hours of a day or a month, or of the newest."""

from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.text import Text

from audit_assets.cli.account_option import AnyAccount, chosen_accounts
from audit_assets.cli.console import output, print_json, progress
from audit_assets.config.accounts import Account, working_for
from audit_assets.config.env_file import load_env_file
from audit_assets.config.errors import AuditAssetsError
from audit_assets.transport.untrusted_text import visible


def summary(
    period: Annotated[
        str, typer.Argument(help="An hour, a day or a month (UTC): 2026-11-22-09:00, 2026-11-22, 2026-11.")
    ] = "",
    home: Annotated[Path | None, typer.Option(help="Folder of a demo, in place of your own hours.")] = None,
    account: AnyAccount = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print only the summary, as JSON.")] = False,
    as_schema: Annotated[bool, typer.Option("--schema", help="Print the JSON Schema of the summaries.")] = False,
) -> None:
    """Show who was flagged in an hour, a day or a month, and with which ticket. Reads stored hours only.

    Without a period, the 24 hours up to the newest one that was judged; of several accounts, one after the other.

    Example: audit-assets summary 2026-11
    """
    from audit_assets.cli.demo_home import read_demo
    from audit_assets.cli.tickets_page import page_address, with_page_links
    from audit_assets.config.settings import ticket_max_age
    from audit_assets.reports.summary import schema
    from audit_assets.reports.summary_terminal import print_hour, print_period

    if as_schema:
        print_json(schema())
        return
    load_env_file()
    if home:
        read_demo(home)
    accounts = chosen_accounts(account)
    found = [each for each in map(partial(_load, period=period, alone=len(accounts) == 1), accounts) if each]
    if as_json:
        print_json(found[0] if len(accounts) == 1 else found)
    else:
        for each in found:
            shown = with_page_links(each, page_address(home)) if home else each
            show = print_hour if "flagged" in shown else print_period
            show(output, shown, ticket_max_age())
    if len(found) < len(accounts):
        raise typer.Exit(1)


def _load(account: Account, *, period: str, alone: bool) -> Any:
    """The summary of an account. None, after a sentence, if it can't be had and it is not `alone`."""
    from audit_assets.config.settings import setting
    from audit_assets.reports.stored_summaries import load_newest_day, load_summary
    from audit_assets.storage.first_start import first_hour
    from audit_assets.storage.hour_store import HourStore
    from audit_assets.storage.run_cache import RunCache

    with working_for(account):
        try:
            store = HourStore(setting("AUDIT_ASSETS_STORAGE"), RunCache())
            first, now = first_hour(), datetime.now(UTC)
            if period:
                return load_summary(store, period, first_hour=first, now=now)
            return load_newest_day(store, first_hour=first, now=now)
        except AuditAssetsError as error:
            if alone:
                raise
            progress.print(Text(f"{account.name}: {visible(str(error))}", style="red"), soft_wrap=True)
            return None
