"""Turns on what the UI turns on under Automation: the schedule and the sensors, in the instance of DAGSTER_HOME."""

import dagster as dg

from audit_assets.cli.automation_state import AUTOMATION
from audit_assets.cli.workspace import MODULE, location_name, open_workspace
from audit_assets.config.accounts import Account
from audit_assets.config.errors import AuditAssetsError


def turn_on_automation(instance: dg.DagsterInstance, account: Account) -> None:
    """Turn on an account's judging, tickets and alerts about the pipeline itself. What is on already stays on. Raises
    `AuditAssetsError` if the definitions can't be loaded."""
    with open_workspace(instance) as workspace:
        context = workspace.create_request_context()
        if not context.has_code_location(location_name()):
            raise AuditAssetsError(
                f"Dagster can't load {MODULE}, so nothing was turned on: `dagster definitions validate -m "
                f"{MODULE}` prints why."
            )
        (repository,) = context.get_code_location(location_name()).get_repositories().values()
        for name in map(account.named, AUTOMATION):
            if repository.has_schedule(name):
                instance.start_schedule(repository.get_schedule(name))
            else:
                instance.start_sensor(repository.get_sensor(name))
