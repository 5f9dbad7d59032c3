"""Flagged actors → Linear: one ticket for each, as many as people can read; one for all the others.

In: the hour's deviations that are to get a ticket, and the Parquet hour behind them. Out: per flagged actor the ticket,
and whether it was opened, joined or had the hour already. True afterwards: every flagged actor of an hour that opens
tickets is on exactly one, or was dismissed by people. A backfill opens none: the hour must have ended not long ago
(AUDIT_ASSETS_TICKET_MAX_AGE_HOURS), and a week of history must be known, unless the run config has it otherwise.
"""

from collections.abc import Mapping
from typing import Any

import dagster as dg

from audit_assets.config import settings
from audit_assets.defs.dagster_failures import raise_as_dagster_failure
from audit_assets.defs.hourly_asset import hourly_asset
from audit_assets.defs.partitions import hours_in
from audit_assets.defs.resources import (
    AxiomResource,
    LinearResource,
    RunInputsResource,
    StorageResource,
    TriageResource,
)
from audit_assets.defs.steps.day_digest import build_digest_ticket
from audit_assets.defs.steps.dry_runs import in_markdown
from audit_assets.defs.steps.first_contact import refuse_contradicted
from audit_assets.defs.steps.hour_tickets import HourTickets, TicketRun, put_on_tickets
from audit_assets.defs.steps.skip_reasons import OpenTickets
from audit_assets.storage.hours import day_of, key_of
from audit_assets.storage.tables import TICKETS
from audit_assets.tickets.markdown import ticket_link


class TicketConfig(dg.Config):
    """The run config of `opened_tickets`, which the digest of the day follows. `open_tickets`: `auto`, `always` or
    `never`. `dry_run`: render the tickets and open none; without it, LINEAR_DRY_RUN decides."""

    open_tickets: OpenTickets = OpenTickets.auto
    dry_run: bool | None = None

    def is_dry_run(self) -> bool:
        """Whether the run opens nothing. Raises `SettingError`."""
        return settings.dry_run() if self.dry_run is None else self.dry_run


@hourly_asset(table=TICKETS, kinds={"linear"}, pool="linear_tickets")
def opened_tickets(
    context: dg.AssetExecutionContext,
    config: TicketConfig,
    axiom: dg.ResourceParam[AxiomResource],
    linear: dg.ResourceParam[LinearResource],
    storage: dg.ResourceParam[StorageResource],
    triage: dg.ResourceParam[TriageResource],
    run_inputs: dg.ResourceParam[RunInputsResource],
) -> None:
    """One Linear ticket per flagged actor, and one for all beyond AUDIT_ASSETS_TICKETS_PER_HOUR. Safe to run again: a
    ticket's id follows from account and actor, or from account and hour."""
    with raise_as_dagster_failure():
        inputs, hours, dry_run = run_inputs.of_run(context.run.run_id), hours_in(context), config.is_dry_run()
        if not dry_run:
            refuse_contradicted(inputs.store, "Linear")
        linear = linear.with_tables(inputs.tables)
        run = TicketRun(
            inputs=inputs,
            axiom=axiom.with_tables(inputs.tables),
            linear=linear.dry_run() if dry_run else linear,  # nothing that gets it from here on can write
            connect_notes=triage.hour_notes,
            open_tickets=config.open_tickets,
            dry_run=dry_run,
            now=storage.now(),
            run_id=context.run.run_id,
        )
        last_of, failed, unrelated = {day_of(hour): hour for hour in hours}, [], []
        for hour in hours:
            rendered_too = dry_run and hour == last_of[day_of(hour)]
            digest = build_digest_ticket(inputs, day_of(hour), run.axiom) if rendered_too else None
            found = put_on_tickets(run, hour, digest)
            for warning in found.warnings:
                context.log.warning(warning)
            context.add_asset_metadata(_metadata(found), partition_key=key_of(hour))
            failed += found.failed
            unrelated += found.unrelated
        if failed:
            what = "could not be rendered" if dry_run else "got no ticket"
            raise dg.Failure(f"{len(failed):,} flagged actors {what}. First: {failed[0]}")
        if unrelated:
            raise dg.Failure(
                f"The tickets are open, but {len(unrelated):,} of them or of related ones could not be written to: run "
                f"the hour again. First: {unrelated[0]}"
            )


def _metadata(found: HourTickets) -> Mapping[str, Any]:
    outcomes = {outcome: count for outcome, count in found.rows.group_by("outcome").len().iter_rows() if outcome}
    each = found.rows.drop_nulls("url").unique("ticket_id", maintain_order=True)
    links = [ticket_link(identifier, url) for identifier, url in each.select("identifier", "url").iter_rows()]
    refused = found.rows["refused"].drop_nulls().unique(maintain_order=True).to_list()
    return {
        **found.metadata,
        **({"rendered": dg.MetadataValue.md(in_markdown(found.rendered))} if found.rendered else {}),
        "tickets": len(links),
        **outcomes,
        **({"refused": " ".join(refused)} if refused else {}),
        "links": dg.MetadataValue.md(" · ".join(links) or "none"),
    }
