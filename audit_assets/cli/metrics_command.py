"""`audit-assets metrics`: the pipeline's health and the last 24 hours as metrics for Prometheus."""

from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from audit_assets.cli.account_option import AnyAccount, chosen_accounts
from audit_assets.cli.console import progress
from audit_assets.config.accounts import Account, working_for
from audit_assets.config.env_file import load_env_file
from audit_assets.config.errors import AuditAssetsError, SettingError

if TYPE_CHECKING:
    from audit_assets.reports.open_metrics import Gauge

READABLE = 0o644
"""By whoever collects metrics, who is another user: they name nobody."""


def metrics(
    out: Annotated[Path | None, typer.Option(help="File to write, whole or not at all; else standard output.")] = None,
    account: AnyAccount = None,
) -> None:
    """Print what Prometheus wants to know of the pipeline, as OpenMetrics text: hours, findings, daemon, problems.

    Example: audit-assets metrics --out /var/lib/node_exporter/audit_assets.prom
    """
    from audit_assets.reports.open_metrics import render_metrics
    from audit_assets.storage.durable_files import replace_durably

    load_env_file()
    text = render_metrics(_collect_all(chosen_accounts(account), datetime.now(UTC)))
    if out is None:
        print(text, end="")
        return
    try:
        replace_durably(out.absolute(), text.encode(), READABLE)
    except OSError as error:
        raise AuditAssetsError(f"{out} can't be written: {error.strerror or error}.") from None
    progress.print(f"{out} is written.", markup=False)


def _collect_all(accounts: Sequence[Account], now: datetime) -> "list[Gauge]":
    """The metrics of these accounts; of several, with the label `account`. One that can't be looked at has the problem
    `settings`, and the others their metrics. Raises `AuditAssetsError` for the only one."""
    from audit_assets.config.accounts_file import has_several_accounts
    from audit_assets.reports.alert_state import Found
    from audit_assets.reports.open_metrics import of_each_account
    from audit_assets.reports.pipeline_metrics import problem_metrics

    if not has_several_accounts():
        with working_for(accounts[0]):
            return _collect(now)
    found = {}
    for account in accounts:
        with working_for(account):
            try:
                found[account.key] = _collect(now)
            except SettingError as error:
                progress.print(f"audit-assets: {error}", style="red", markup=False)
                found[account.key] = [*problem_metrics([Found("settings", str(error), "")])]
    return of_each_account(found)


def _collect(now: datetime) -> "list[Gauge]":
    """All metrics that can be had. Raises `AuditAssetsError`."""
    from audit_assets.cli.dagster_record import opened_record
    from audit_assets.config.settings import variable_of
    from audit_assets.defs.automation.operator_watch import alerting_problems, collect_facts
    from audit_assets.defs.resources import CloudflareResource, StorageResource
    from audit_assets.defs.steps.token_record import load_token_facts
    from audit_assets.reports.day_numbers import load_day_numbers
    from audit_assets.reports.pipeline_metrics import day_metrics, health_metrics
    from audit_assets.reports.token_expiry import judge_token

    storage = StorageResource()
    token = load_token_facts(CloudflareResource(), storage, now)
    with opened_record() as instance:
        facts = collect_facts(instance, now)
        problems = [*alerting_problems(instance, facts), *judge_token(token, now, variable_of("CLOUDFLARE_API_TOKEN"))]
    day = load_day_numbers(storage.open())
    versions = {"version": version("audit-assets"), "dagster_version": version("dagster")}
    return [*health_metrics(facts, problems, token, versions), *(day_metrics(day) if day else ())]
