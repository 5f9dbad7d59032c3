"""What must be true in Axiom once an hour is ingested: every entry is there once, and the dataset is fit for more."""

from collections.abc import Iterator
from contextlib import closing

import dagster as dg
import polars as pl

from audit_assets.axiom.dataset_health import find_issues
from audit_assets.config.accounts import Account, working_for
from audit_assets.defs.account_keys import asset_key
from audit_assets.defs.checks.check_results import stop_hours, warn_of_hours, warning_check
from audit_assets.defs.dagster_failures import raise_as_dagster_failure
from audit_assets.defs.partitions import hours_in
from audit_assets.defs.resources import AxiomResource, RunInputsResource, StorageResource
from audit_assets.defs.steps.axiom_events import expected_in_axiom
from audit_assets.storage.hours import AN_HOUR

COPIES_TOLERATED = 0.01
"""Of the rows: a batch that is sent twice now and then leaves fewer (docs/facts/reliability.md, 2b)."""


def proof_in_axiom(account: Account) -> dg.AssetChecksDefinition:
    """The checks of an account, which one query answers."""
    asset = asset_key("axiom_ingest", account)

    @dg.multi_asset_check(
        name=asset_key("proof_in_axiom", account).to_python_identifier(),
        specs=[
            dg.AssetCheckSpec(
                "axiom_holds_every_entry",
                asset=asset,
                blocking=True,
                description="The distinct entry ids that can be seen in Axiom are those of the Parquet hours and of "
                "their quarantine. Waits for them to be visible.",
            ),
            dg.AssetCheckSpec(
                "few_copies_in_axiom",
                asset=asset,
                description="Hardly any event is in Axiom more than once. Queries count each once, but copies cost "
                "room.",
            ),
        ],
    )
    def proof_in_axiom(
        context: dg.AssetCheckExecutionContext,
        axiom: dg.ResourceParam[AxiomResource],
        run_inputs: dg.ResourceParam[RunInputsResource],
        storage: dg.ResourceParam[StorageResource],
    ) -> Iterator[dg.AssetCheckResult]:
        with working_for(account):
            results = [*prove_in_axiom(context, axiom, run_inputs, storage)]
        yield from results

    return proof_in_axiom


def prove_in_axiom(
    context: dg.AssetCheckExecutionContext,
    axiom: AxiomResource,
    run_inputs: RunInputsResource,
    storage: StorageResource,
) -> Iterator[dg.AssetCheckResult]:
    """Query once which events can be seen, and find from the answer what is missing and what is there twice."""
    with raise_as_dagster_failure():
        hours, inputs = hours_in(context), run_inputs.of_run(context.run.run_id)
        expected = expected_in_axiom(inputs, hours)
        with closing(axiom.with_tables(inputs.tables).client()) as client:
            proof = client.prove(expected)
    lacking = proof.hours.filter(pl.col("found") < pl.col("expected")).select("hour", "expected", "found")
    missing = {hour: f"entries missing in Axiom: {expected - found}" for hour, expected, found in lacking.iter_rows()}
    numbers = {"expected": proof.expected, "found": proof.found, "missing": proof.missing, "rows": proof.rows}
    held = stop_hours(missing).with_metadata(numbers | {"unexpected": proof.unexpected})
    yield held._replace(check_name="axiom_holds_every_entry")
    copies = f"{proof.copies:,} of {proof.rows:,} rows are copies"
    too_many = proof.copies > proof.rows * COPIES_TOLERATED
    yield warn_of_hours(
        context,
        dict.fromkeys(hours, copies) if too_many else {},
        now=storage.now(),
        check_name="few_copies_in_axiom",
        remarks=[copies] if proof.copies and not too_many else [],
        metadata={"copies": proof.copies, "rows": proof.rows},
    )


@warning_check(asset="axiom_ingest")
def axiom_dataset_is_fit(
    context: dg.AssetCheckExecutionContext,
    axiom: dg.ResourceParam[AxiomResource],
    run_inputs: dg.ResourceParam[RunInputsResource],
) -> dg.AssetCheckResult:
    """The dataset keeps events long enough, has room for their fields, and dropped none of them in these hours.

    `doctor` looks at a year of them: in each run that would cost more the longer the history is.
    """
    hours, inputs = hours_in(context), run_inputs.of_run(context.run.run_id)
    with closing(axiom.with_tables(inputs.tables).client()) as client:
        incomplete = client.incomplete_events(hours[0], hours[-1] + AN_HOUR)
        issues = find_issues(client.dataset_limits(), incomplete)
    return dg.AssetCheckResult(
        passed=all(issue.kind == "unknown" for issue in issues),
        severity=dg.AssetCheckSeverity.WARN,
        description="; ".join(f"{issue.what}. {issue.next_step}" for issue in issues) or None,
    )
