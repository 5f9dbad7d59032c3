"""A UTC day's findings below the alert threshold → one ticket in Linear, opened by the run that completes the day.

In: the flags of all hours of the day of each hour. Out: the day's digest in Linear, and what became of it. True
afterwards: what the ticket budget had no room for is on it once, however often the day's hours are run. A digest that
fails makes the run fail, but keeps no summary from being written; the hour is run again by the sensor.
"""

from collections.abc import Mapping
from typing import Any

import dagster as dg

from audit_assets.defs.dagster_failures import raise_as_dagster_failure
from audit_assets.defs.hourly_asset import basis_metadata, hourly_asset
from audit_assets.defs.partitions import hours_in
from audit_assets.defs.resources import AxiomResource, LinearResource, RunInputsResource, StorageResource
from audit_assets.defs.steps.day_digest import publish_digest
from audit_assets.defs.steps.dry_runs import is_dry_run
from audit_assets.defs.steps.first_contact import refuse_contradicted
from audit_assets.defs.steps.skip_reasons import stored_mode
from audit_assets.reports.summary import DigestShown
from audit_assets.storage.hours import day_of, key_of
from audit_assets.storage.tables import DIGESTS
from audit_assets.tickets.markdown import ticket_link


@hourly_asset(table=DIGESTS, kinds={"linear"}, pool="linear_tickets")
def daily_digest(
    context: dg.AssetExecutionContext,
    axiom: dg.ResourceParam[AxiomResource],
    linear: dg.ResourceParam[LinearResource],
    storage: dg.ResourceParam[StorageResource],
    run_inputs: dg.ResourceParam[RunInputsResource],
) -> None:
    """One ticket a day for the findings below the alert threshold, once all hours of the day are there. The run config
    of `opened_tickets` decides whether it is opened; that asset also renders it in a dry run."""
    with raise_as_dagster_failure():
        inputs, hours = run_inputs.of_run(context.run.run_id), hours_in(context)
        axiom, linear = axiom.with_tables(inputs.tables), linear.with_tables(inputs.tables)
        last_of = {day_of(hour): hour for hour in hours if not is_dry_run(inputs.store, hour)}
        if last_of:
            refuse_contradicted(inputs.store, "Linear")
        digests = {
            day: publish_digest(inputs, day, stored_mode(inputs.store, hour), storage.now(), axiom, linear)
            for day, hour in last_of.items()
        }
        for hour in hours:
            digest = digests.get(day_of(hour))
            metadata = {**basis_metadata(inputs.store, hour), **(_metadata(digest) if digest else {})}
            context.add_asset_metadata(metadata, partition_key=key_of(hour))
        failed = [digest for digest in digests.values() if digest and digest["problem"]]
        if failed:
            problems = "; ".join(f"{digest['day']}: {digest['problem']}" for digest in failed)
            raise dg.Failure(f"The digest of findings below the alert threshold failed. {problems}")


def _metadata(digest: DigestShown) -> Mapping[str, Any]:
    ticket = ticket_link(digest["identifier"], digest["url"]) if digest["identifier"] else "none"
    shown = f"{digest['day']}: {ticket} ({digest['outcome']})"
    return {"digest": dg.MetadataValue.md(shown), "digest_findings": digest["findings"]}
