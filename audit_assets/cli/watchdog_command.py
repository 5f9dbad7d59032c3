"""`audit-assets watchdog`: a look at the pipeline from outside of Dagster, which alerts; for cron."""

import typer
from rich.text import Text

from audit_assets.cli.account_option import AnyAccount, chosen_accounts
from audit_assets.cli.console import output, progress
from audit_assets.config.accounts import Account, working_for
from audit_assets.config.env_file import load_env_file


def watchdog(account: AnyAccount = None) -> None:
    """Look at the pipeline from outside of Dagster, and alert about what is wrong with it. Exit 1 if anything is.

    For cron, every ten minutes: it notices, too, that Dagster's daemon does not run.

    Example: */10 * * * * cd /srv/audit && DAGSTER_HOME=/srv/audit/dagster audit-assets watchdog
    """
    load_env_file()
    accounts = chosen_accounts(account)
    is_well = [_look_at(each, alone=len(accounts) == 1) for each in accounts]
    if not all(is_well):
        raise typer.Exit(1)
    output.print("No problem was found.")


def _look_at(account: Account, *, alone: bool) -> bool:
    """Look at an account, alert, and print what is wrong. Whether nothing is."""
    from audit_assets.cli.dagster_record import RecordError, opened_record
    from audit_assets.defs.automation.operator_watch import answers_for_all, find_problems
    from audit_assets.defs.delivery_resources import ChannelsResource, WebhookResource
    from audit_assets.defs.resources import CloudflareResource, LinearResource, StorageResource
    from audit_assets.defs.steps.operator_alerts import AlertResources, send_alerts
    from audit_assets.reports.alert_state import Found

    resources = AlertResources(StorageResource(), LinearResource(), WebhookResource(), ChannelsResource())
    of = "" if alone else f"{account.name}: "
    with working_for(account):
        try:
            with opened_record() as instance:
                found = find_problems(instance, CloudflareResource(), resources.storage)
        except RecordError as error:
            step = "Without it Dagster runs nothing: look at its disk and its database."
            found = [Found("record", str(error), step)] if answers_for_all(None) else []
        state = send_alerts(found, resources)
    for problem in found:
        output.print(Text(f"{of}{problem.sentence} → {problem.next_step}"), soft_wrap=True)
    for name, reason in (state.failed if state else {}).items():
        progress.print(Text(f"audit-assets: {of}{name} did not get the alert: {reason}", style="red"), soft_wrap=True)
    return not found
