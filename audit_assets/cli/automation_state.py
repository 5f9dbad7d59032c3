"""Which of the automation is on, as Dagster's instance has it."""

from dagster import DagsterInstance

from audit_assets.config.accounts_file import all_accounts
from audit_assets.reports.health_facts import (
    EVERY_HOUR,
    FAILED_RUNS,
    MISSING_HOURS,
    PIPELINE_WATCHDOG,
    TICKET_VERDICTS,
)

AUTOMATION = {
    MISSING_HOURS: "the sensor missing_hours (brings in what is missing)",
    EVERY_HOUR: "the schedule every_hour",
    TICKET_VERDICTS: "the sensor ticket_verdicts",
    PIPELINE_WATCHDOG: "the sensor pipeline_watchdog (alerts when hours stop or a token ends)",
    FAILED_RUNS: "the sensor failed_runs (alerts when runs fail)",
    "daily_retention": "the schedule daily_retention (deletes what is superseded in Dagster's storage)",
}
"""By name: what `audit-assets start`, or a person, turns on once. Not the schedule `every_day`, which is advice, for a
token that may read more."""


def automation_that_is_off(instance: DagsterInstance) -> list[str]:
    """What a person still has to turn on, in words; of several accounts, by the name that it has there."""
    on = {state.instigator_name for state in instance.all_instigator_state() if state.is_running}
    return [
        words.replace(name, account.named(name))
        for account in all_accounts()
        for name, words in AUTOMATION.items()
        if account.named(name) not in on
    ]
