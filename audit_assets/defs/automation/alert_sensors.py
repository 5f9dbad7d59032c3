"""The sensors that alert about the pipeline itself: one looks every few minutes, one when a run has failed.

Neither depends on a run of an hour. Both end with Dagster's daemon, which `audit-assets watchdog` notices.
"""

import dagster as dg

from audit_assets.config.accounts import Account
from audit_assets.defs.account_keys import bound_to
from audit_assets.defs.automation.ledger import is_of_account
from audit_assets.defs.automation.operator_watch import Look, watch_pipeline
from audit_assets.defs.delivery_resources import ChannelsResource, WebhookResource
from audit_assets.defs.resources import CloudflareResource, LinearResource, StorageResource
from audit_assets.defs.steps.operator_alerts import AlertResources
from audit_assets.tickets.formatting import pluralize


def alert_sensors_of(account: Account) -> list[dg.SensorDefinition]:
    """The two sensors of an account."""
    looking = dg.sensor(
        name=account.named("pipeline_watchdog"),
        minimum_interval_seconds=5 * 60,
        default_status=dg.DefaultSensorStatus.STOPPED,
        description="Looks at the pipeline as a whole every five minutes: hours that stop, runs that keep failing, "
        "tickets that can't be opened, tokens that are refused or about to end. Alerts in Linear, at the webhook and "
        "in channels.",
    )
    noticing = dg.run_failure_sensor(
        name=account.named("failed_runs"),
        minimum_interval_seconds=60,
        default_status=dg.DefaultSensorStatus.STOPPED,
        description="Looks as the pipeline_watchdog does as soon as a run has failed.",
    )
    return [looking(bound_to(account, pipeline_watchdog)), noticing(bound_to(account, failed_runs))]


def pipeline_watchdog(
    context: dg.SensorEvaluationContext,
    cloudflare: dg.ResourceParam[CloudflareResource],
    linear: dg.ResourceParam[LinearResource],
    storage: dg.ResourceParam[StorageResource],
    webhook: dg.ResourceParam[WebhookResource],
    channels: dg.ResourceParam[ChannelsResource],
) -> dg.SkipReason:
    """See its description. It requests no run: what it found is the reason of its skipped tick."""
    resources = AlertResources(storage, linear, webhook, channels)
    return dg.SkipReason(describe(watch_pipeline(context.instance, cloudflare, resources)))


def failed_runs(
    context: dg.RunFailureSensorContext,
    cloudflare: dg.ResourceParam[CloudflareResource],
    linear: dg.ResourceParam[LinearResource],
    storage: dg.ResourceParam[StorageResource],
    webhook: dg.ResourceParam[WebhookResource],
    channels: dg.ResourceParam[ChannelsResource],
) -> dg.SkipReason:
    """See its description. The run of another account is that account's."""
    if not is_of_account(context.dagster_run):
        return dg.SkipReason("This run was another account's.")
    resources = AlertResources(storage, linear, webhook, channels)
    return dg.SkipReason(describe(watch_pipeline(context.instance, cloudflare, resources)))


def describe(look: Look) -> str:
    """What a look found, and who could not be reached, as one sentence for Dagster's page."""
    if look.state is None:
        return "Another process is sending alerts now."
    found = "; ".join(each.sentence for each in look.found)
    what = f"{pluralize(len(look.found), 'problem')}: {found}" if look.found else "No problem was found."
    return " ".join([what, *(f"Not sent to {name}: {reason}" for name, reason in look.state.failed.items())])
