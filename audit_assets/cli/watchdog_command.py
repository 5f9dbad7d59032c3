"""`audit-assets watchdog`: a look at the pipeline from outside of Dagster, which alerts; for cron."""

import typer
from rich.text import Text

from audit_assets.cli.console import output, progress
from audit_assets.config.env_file import load_env_file


def watchdog() -> None:
    """Look at the pipeline from outside of Dagster, and alert about what is wrong with it. Exit 1 if anything is.

    For cron, every ten minutes: it notices, too, that Dagster's daemon does not run.

    Example: */10 * * * * cd /srv/audit && DAGSTER_HOME=/srv/audit/dagster audit-assets watchdog
    """
    from audit_assets.cli.dagster_record import RecordError, opened_record
    from audit_assets.defs.automation.operator_watch import find_problems
    from audit_assets.defs.delivery_resources import ChannelsResource, WebhookResource
    from audit_assets.defs.resources import CloudflareResource, LinearResource, StorageResource
    from audit_assets.defs.steps.operator_alerts import AlertResources, send_alerts
    from audit_assets.reports.alert_state import Found

    load_env_file()
    resources = AlertResources(StorageResource(), LinearResource(), WebhookResource(), ChannelsResource())
    try:
        with opened_record() as instance:
            found = find_problems(instance, CloudflareResource(), resources.storage)
    except RecordError as error:
        found = [Found("record", str(error), "Without it Dagster runs nothing: look at its disk and its database.")]
    state = send_alerts(found, resources)
    for problem in found:
        output.print(Text(f"{problem.sentence} → {problem.next_step}"), soft_wrap=True)
    for name, reason in (state.failed if state else {}).items():
        progress.print(Text(f"audit-assets: {name} did not get the alert: {reason}", style="red"), soft_wrap=True)
    if found:
        raise typer.Exit(1)
    output.print("No problem was found.")
