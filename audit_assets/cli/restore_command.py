"""`audit-assets restore`: brings back into the hour store what Dagster's record has as done and the store lacks.

Hours are pulled again from Cloudflare and found again in Axiom by their ids, then those that were judged are judged
again, the oldest first. Tickets are found again by their ids: nothing is opened that was not.
"""

import os
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.text import Text

from audit_assets.cli.account_option import AnyAccount, chosen_accounts
from audit_assets.cli.console import output, progress
from audit_assets.cli.dagster_home import DEV_HOME, dagster_home
from audit_assets.cli.home_lock import locked_home
from audit_assets.cli.invented_entries import keep_apart
from audit_assets.config.accounts import working_for
from audit_assets.config.accounts_file import check_all_sources
from audit_assets.config.env_file import load_env_file
from audit_assets.config.settings import paths
from audit_assets.storage.hours import AN_HOUR, day_of, key_of
from audit_assets.tickets.formatting import pluralize
from audit_assets.transport.untrusted_text import visible

if TYPE_CHECKING:
    from dagster import DagsterInstance, Definitions

LISTED_BY_CLOUDFLARE = timedelta(days=18 * 30)
"""So long Cloudflare keeps the audit log: 18 months (docs/facts/cloudflare.md)."""

EVERY_TICKET: Mapping[str, Any] = {"config": {"open_tickets": "always", "dry_run": False}}

GONE = (
    "Not restored: which late entry came with which pull, when verdicts were first read, what was sent to webhook and "
    "channels (findings of the last hours may be sent once more), the alerts about the pipeline, and what "
    "`doctor --probe` found."
)


def restore(
    home: Annotated[Path, typer.Option(help="Folder with Dagster's history, as `dev` takes it.")] = DEV_HOME,
    account: AnyAccount = None,
) -> None:
    """Restore the hour store: pull and judge again what Dagster's record has as done and the store lacks.

    For a store that was lost, or a day or a table of it. Stop `audit-assets dev` or the daemon first. Interrupted, it
    continues when it is started again. Of several accounts, one after the other.

    Example: audit-assets restore
    """
    load_env_file()
    check_all_sources()
    os.environ.update(paths())
    with locked_home(home):
        keep_apart(home, ())
        os.environ["DAGSTER_HOME"] = str(dagster_home(os.environ, home))
        from audit_assets.cli.job_runs import open_instance

        accounts, problems = chosen_accounts(account), list[str]()
        with open_instance() as instance:
            for each in accounts:
                with working_for(each):
                    found = restore_lost(instance, {}, datetime.now(UTC))
                    problems += [f"{each.name}: {problem}" if len(accounts) > 1 else problem for problem in found]
    for problem in problems:
        output.print(Text(visible(problem), "red"))
    if problems:
        _print("Correct the reasons, then run `audit-assets restore` again: it continues.")
        raise typer.Exit(1)


def restore_lost(instance: "DagsterInstance", resources: Mapping[str, Any], now: datetime) -> Iterator[str]:
    """Restore what is lost; a sentence for each thing that could not be. `resources`: in place of those of
    `build_defs`. Raises `StoreError` and `SettingError`."""
    from audit_assets.defs.account_keys import HISTORY, HOURLY_AUDIT, TICKETS, asset_key
    from audit_assets.defs.automation.ledger import hours_under_way
    from audit_assets.defs.automation.lost_hours import find_lost
    from audit_assets.defs.build import build_defs
    from audit_assets.defs.resources import LinearResource
    from audit_assets.defs.steps.ticket_finder import FoundTickets
    from audit_assets.storage.first_start import move_first_hour_back
    from audit_assets.storage.hour_store import open_store

    store, since = open_store(), now - LISTED_BY_CLOUDFLARE
    if hours_under_way(instance):
        yield "Runs of hours are queued or under way: stop `audit-assets dev` or the daemon, and cancel them first."
        return
    lost = find_lost(instance, store, now, since)
    if not lost.tables:
        _print(f"The store {store.root} has what Dagster's record has as done.")
        return
    if lost.hours:
        move_first_hour_back(store, lost.hours[0], now)
    linear = resources.get("linear", LinearResource())
    found = FoundTickets(linear.clock, linear.limits)
    runs, finding = (
        _Runs(instance, build_defs(resources=each)) for each in (resources, {**resources, "linear": found})
    )
    every_ticket = {"ops": {asset_key(TICKETS).to_python_identifier(): EVERY_TICKET}}
    yield from runs.run(HISTORY, "Pulled", lost.not_pulled)
    # Verdicts are about tickets, and decide how an hour is judged
    yield from finding.run(HOURLY_AUDIT, "Found the tickets of", lost.without_their_tickets, every_ticket)
    if lost.verdicts:
        yield from runs.run_verdicts()
    yield from runs.run(HOURLY_AUDIT, "Judged", lost.judged)
    left = find_lost(instance, store, now, since)
    _print(f"Restored: {len(lost.hours) - len(left.hours):,} of {pluralize(len(lost.hours), 'hour')}. {GONE}")


class _Runs:
    """Runs of our jobs in this process, a day of hours each."""

    def __init__(self, instance: "DagsterInstance", defs: "Definitions") -> None:
        self._instance = instance
        self._defs = defs

    def run(
        self, job: str, done: str, hours: Sequence[datetime], config: Mapping[str, Any] | None = None
    ) -> Iterator[str]:
        """Run these hours, the oldest first. A sentence for each stretch that failed."""
        from audit_assets.cli.job_runs import failures_of, run_hours
        from audit_assets.defs.account_keys import name_of
        from audit_assets.defs.automation.ledger import REQUESTED_BY

        definition = self._defs.resolve_job_def(name_of(job))
        for stretch in _stretches(hours):
            name = f"{key_of(stretch[0])} to {key_of(stretch[-1])}"
            result = run_hours(definition, stretch, self._instance, config=config, tags={REQUESTED_BY: "restore"})
            if result.success:
                progress.print(Text(f"{done}: {name}"))
            else:
                yield f"{name} failed in {job}: {'; '.join(failures_of(result)) or 'see its run'}"

    def run_verdicts(self) -> Iterator[str]:
        """Read again what people made of all tickets."""
        from audit_assets.cli.job_runs import SILENT, failures_of
        from audit_assets.defs.account_keys import VERDICTS, name_of

        job = self._defs.resolve_job_def(name_of(VERDICTS))
        result = job.execute_in_process(run_config=SILENT, instance=self._instance, raise_on_error=False)
        if not result.success:
            yield f"The verdicts could not be read: {'; '.join(failures_of(result)) or 'see the run'}"


def _stretches(hours: Sequence[datetime]) -> Iterator[list[datetime]]:
    """Neighbouring hours of one UTC day."""
    stretch: list[datetime] = []
    for hour in sorted(hours):
        if stretch and (hour - stretch[-1] != AN_HOUR or day_of(hour) != day_of(stretch[-1])):
            yield stretch
            stretch = []
        stretch.append(hour)
    if stretch:
        yield stretch


def _print(sentence: str) -> None:
    output.print(Text(sentence), soft_wrap=True)
