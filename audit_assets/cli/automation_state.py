"""Which of the automation is on, as Dagster's instance has it."""

from dagster import DagsterInstance

AUTOMATION = {
    "missing_hours": "the sensor missing_hours (brings in what is missing)",
    "every_hour": "the schedule every_hour",
    "ticket_verdicts": "the sensor ticket_verdicts",
    "pipeline_watchdog": "the sensor pipeline_watchdog (alerts when hours stop or a token ends)",
    "failed_runs": "the sensor failed_runs (alerts when runs fail)",
    "daily_retention": "the schedule daily_retention (deletes what is superseded in Dagster's storage)",
}
"""By name: what a person turns on once."""


def automation_that_is_off(instance: DagsterInstance) -> list[str]:
    """What a person still has to turn on, in words."""
    on = {state.instigator_name for state in instance.all_instigator_state() if state.is_running}
    return [words for name, words in AUTOMATION.items() if name not in on]
