"""APL over everybody's last months → what the hours of a day are judged against besides their actors' own past.

In: the dataset in Axiom. Out, once for each UTC day: the priors of each class of actor, who touched which resource
type, and the scores of the last weeks, from which the alert threshold follows. True afterwards: nothing in it lies
in the day itself, it is made from all that is known before the day, and of every hour that it was made from Axiom held
what had been pulled.
"""

import dagster as dg

from audit_assets.defs.dagster_failures import raise_as_dagster_failure
from audit_assets.defs.hourly_asset import hourly_asset, without_zeros
from audit_assets.defs.materialized_hours import acknowledged_events
from audit_assets.defs.partitions import hours_in
from audit_assets.defs.resources import AxiomResource, RunInputsResource
from audit_assets.defs.steps.organisation_day import METHOD, refresh_day
from audit_assets.defs.steps.people_elsewhere import ACCOUNTS_NOT_READ, PEOPLE_ELSEWHERE, describe_not_read
from audit_assets.detection.verdict_marks import MARKED_HOURS
from audit_assets.storage.hours import day_of, days_of, key_of
from audit_assets.storage.tables import SCORES_BEFORE

OF_SOME_DAYS = (PEOPLE_ELSEWHERE, ACCOUNTS_NOT_READ, *MARKED_HOURS)


@hourly_asset(table=SCORES_BEFORE, kinds={"axiom", "polars"}, code_version=METHOD)
def organisation_history(
    context: dg.AssetExecutionContext,
    axiom: dg.ResourceParam[AxiomResource],
    run_inputs: dg.ResourceParam[RunInputsResource],
) -> None:
    """The organisation before each UTC day: priors, who touched what, and the scores that set the alert threshold."""
    with raise_as_dagster_failure():
        inputs, hours = run_inputs.of_run(context.run.run_id), hours_in(context)
        acknowledged = acknowledged_events(context.instance)
        for day in days_of(hours):
            refresh_day(inputs, day, axiom.with_tables(inputs.tables), acknowledged)
        for hour in hours:
            day = day_of(hour)
            scores = inputs.store.require(SCORES_BEFORE, day, ["actor", "hour"])
            known = inputs.store.metadata(SCORES_BEFORE, day) or {}
            if not_read := known.get(ACCOUNTS_NOT_READ):
                context.log.warning(describe_not_read(not_read))
            metadata = {
                "day": f"{day:%Y-%m-%d}",
                "active_hours": scores.height,
                "actors": scores["actor"].n_unique(),
                "hours_present": known.get("hours_present", 0),
                **without_zeros({name: known.get(name) for name in OF_SOME_DAYS}),
            }
            context.add_asset_metadata(metadata, partition_key=key_of(hour))
