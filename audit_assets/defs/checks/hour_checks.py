"""What must be true of an hour. A check that fails with severity ERROR stops what comes after it.

In a run over many hours a check speaks of all of them and names those that fail.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from datetime import datetime, timedelta
from statistics import median

import dagster as dg
import polars as pl

from audit_assets.axiom.dataset_health import find_issues
from audit_assets.config.errors import StoreError
from audit_assets.defs.assets.actor_baselines import actor_baselines
from audit_assets.defs.assets.axiom_ingest import axiom_ingest
from audit_assets.defs.assets.flagged_actor_summary import flagged_actor_summary
from audit_assets.defs.assets.opened_tickets import opened_tickets
from audit_assets.defs.assets.raw_audit_entries import raw_audit_entries
from audit_assets.defs.failures import raise_as_dagster_failure
from audit_assets.defs.markdown_tables import markdown_table
from audit_assets.defs.materialized_hours import HOURS_IN_WINDOW, count_hours_present, ingested_hours
from audit_assets.defs.partitions import hours_in
from audit_assets.defs.resources import AxiomResource, CloudflareResource, RunInputsResource, StorageResource
from audit_assets.defs.steps.axiom_events import expected_in_axiom
from audit_assets.defs.steps.dry_runs import DRY_RUN
from audit_assets.defs.steps.run_inputs import RunInputs
from audit_assets.storage.hour_store import HourStore
from audit_assets.storage.hours import AN_HOUR, key_of
from audit_assets.storage.pull_history import SETTLING, HourPull, added_when_settled, pulls_of
from audit_assets.storage.tables import DELIVERIES, ENTRIES, QUARANTINE, TICKETS
from audit_assets.tickets.formatting import pluralize

WEEK = timedelta(days=7)
WEEKS_COMPARED, WEEKS_NEEDED = 4, 3
SILENT_HOURS, LOUD = 3, 10.0
"""Three empty hours in place of ten entries or more: one empty hour is nothing in a small company (judgement)."""

COPIES_TOLERATED = 0.01
"""Of the rows: a batch that is sent twice now and then leaves fewer (docs/facts/reliability.md, 2b)."""

NAMED_HOURS = 10
OUTCOMES_WITHOUT_TICKET = ("unreadable", "too_old", "learning", "failed")
"""Outcomes of `opened_tickets` that leave a flagged actor without a ticket, though nobody said `never`."""


@dg.asset_check(asset=raw_audit_entries, blocking=True)
def hour_is_complete(
    context: dg.AssetCheckExecutionContext,
    cloudflare: dg.ResourceParam[CloudflareResource],
    run_inputs: dg.ResourceParam[RunInputsResource],
) -> dg.AssetCheckResult:
    """Every stream was pulled to its end, after the hour had settled, and the hour holds its own entries, each once."""
    with raise_as_dagster_failure():
        inputs = run_inputs.of_run(context.run.run_id)
        problems = {
            hour: problem
            for hour in hours_in(context)
            if (problem := incompleteness(inputs, hour, cloudflare.streams()))
        }
        return _result(problems, dg.AssetCheckSeverity.ERROR)


def incompleteness(inputs: RunInputs, hour: datetime, streams: Sequence[str]) -> str | None:
    """What an hour lacks to be complete, as far as the store shows it; None if nothing."""
    history = inputs.store.metadata(ENTRIES, hour)
    if history is None:
        return "was not written"
    entries = inputs.entries_of(hour).entries
    if missing := [stream for stream in streams if stream not in history]:
        return f"lacks the stream {', '.join(missing)}"
    began = min(datetime.fromisoformat(history[stream]["started_at"]) for stream in streams)
    if began < hour + AN_HOUR + SETTLING:
        return f"was pulled at {began:%H:%M}, before it had settled: run it again"
    if entries["entry_id"].is_duplicated().any():
        return "holds an entry twice"
    if not entries.filter((pl.col("time") < hour) | (pl.col("time") >= hour + AN_HOUR)).is_empty():
        return "holds entries of another hour"
    return None


@dg.asset_check(asset=raw_audit_entries)
def nothing_quarantined(
    context: dg.AssetCheckExecutionContext, storage: dg.ResourceParam[StorageResource]
) -> dg.AssetCheckResult:
    """Every entry could be understood. Those that could not are kept, with their reason."""
    with raise_as_dagster_failure():
        store = storage.open()
        quarantined = {hour: store.require(QUARANTINE, hour) for hour in hours_in(context)}
        problems = {hour: f"{frame.height} quarantined" for hour, frame in quarantined.items() if frame.height}
        reasons = pl.concat(quarantined.values()).group_by("stream", "reason").len().sort("len", descending=True)
        return _result(problems, dg.AssetCheckSeverity.WARN, reasons.head(NAMED_HOURS))


@dg.asset_check(asset=raw_audit_entries)
def no_sudden_silence(
    context: dg.AssetCheckExecutionContext, storage: dg.ResourceParam[StorageResource]
) -> dg.AssetCheckResult:
    """Hours without any entry are hours that usually have none: a lost permission looks like silence."""
    with raise_as_dagster_failure():
        store = storage.open()
        silences = {hour: silence(store, hour) for hour in hours_in(context)}
        problems = {
            hour: f"and the {SILENT_HOURS - 1} hours before it are empty; usually they hold {usual:.0f} entries"
            for hour, usual in silences.items()
            if usual
        }
        return _result(problems, dg.AssetCheckSeverity.WARN)


def silence(store: HourStore, hour: datetime) -> float:
    """How many entries are missed, if this hour and those before it are empty and usually are not; else 0.

    Usual is the median of the same hours of the last weeks. It says nothing until three weeks of them are stored.
    """
    silent = [hour - AN_HOUR * back for back in range(SILENT_HOURS)]
    try:
        return _missed(store, silent)
    except StoreError:
        return 0.0  # a file that can't be read stops its own hour, not this one


def _missed(store: HourStore, silent: Sequence[datetime]) -> float:
    if list(store.counts(ENTRIES, silent).values()) != [0] * SILENT_HOURS:
        return 0.0
    weeks = [store.counts(ENTRIES, [each - WEEK * back for each in silent]) for back in range(1, WEEKS_COMPARED + 1)]
    whole = [sum(counts.values()) for counts in weeks if len(counts) == SILENT_HOURS]
    usual = median(whole) if len(whole) >= WEEKS_NEEDED else 0.0
    return usual if usual >= LOUD else 0.0


@dg.asset_check(asset=raw_audit_entries)
def settled_hours_stay_as_they_are(
    context: dg.AssetCheckExecutionContext, storage: dg.ResourceParam[StorageResource]
) -> dg.AssetCheckResult:
    """Nothing came after a pull that began a day or more after the hour's end: the log settles within a day."""
    with raise_as_dagster_failure():
        pulls = _pulls(storage.open(), hours_in(context))
        problems = {
            hour: f"{added} entries came after a pull of a day or more after its end"
            for hour, made in pulls.items()
            if (added := added_when_settled(hour, made))
        }
        return _result(problems, dg.AssetCheckSeverity.WARN)


@dg.asset_check(asset=raw_audit_entries)
def nothing_is_taken_back(
    context: dg.AssetCheckExecutionContext, storage: dg.ResourceParam[StorageResource]
) -> dg.AssetCheckResult:
    """The last pull listed every entry that earlier ones had brought. What it did not list is kept."""
    with raise_as_dagster_failure():
        pulls = _pulls(storage.open(), hours_in(context))
        problems = {
            hour: f"{made[-1].no_longer_listed} entries are no longer in Cloudflare's answer"
            for hour, made in pulls.items()
            if made and made[-1].no_longer_listed
        }
        return _result(problems, dg.AssetCheckSeverity.WARN)


def _pulls(store: HourStore, hours: Sequence[datetime]) -> dict[datetime, list[HourPull]]:
    return {hour: pulls_of(store.metadata(ENTRIES, hour) or {}) for hour in hours}


@dg.multi_asset_check(
    specs=[
        dg.AssetCheckSpec(
            "axiom_holds_every_entry",
            asset=axiom_ingest,
            blocking=True,
            description="The distinct entry ids that can be seen in Axiom are those of the Parquet hours and of their "
            "quarantine. Waits for them to be visible.",
        ),
        dg.AssetCheckSpec(
            "few_copies_in_axiom",
            asset=axiom_ingest,
            description="Hardly any event is in Axiom more than once. Queries count each once, but copies cost room.",
        ),
    ]
)
def proof_in_axiom(
    context: dg.AssetCheckExecutionContext,
    axiom: dg.ResourceParam[AxiomResource],
    run_inputs: dg.ResourceParam[RunInputsResource],
) -> Iterator[dg.AssetCheckResult]:
    """Ask once which events can be seen, and judge by it what is missing and what is there twice."""
    with raise_as_dagster_failure():
        inputs = run_inputs.of_run(context.run.run_id)
        expected = expected_in_axiom(inputs, hours_in(context))
        with closing(axiom.with_tables(inputs.tables).client()) as client:
            proof = client.prove(expected)
    lacking = proof.hours.filter(pl.col("found") < pl.col("expected"))
    held = _result(
        {row["hour"]: f"{row['expected'] - row['found']} entries are not in Axiom" for row in lacking.to_dicts()},
        dg.AssetCheckSeverity.ERROR,
    )
    numbers = {"expected": proof.expected, "found": proof.found, "missing": proof.missing, "rows": proof.rows}
    yield held._replace(check_name="axiom_holds_every_entry", metadata=numbers | {"unexpected": proof.unexpected})
    yield dg.AssetCheckResult(
        passed=proof.copies <= proof.rows * COPIES_TOLERATED,
        check_name="few_copies_in_axiom",
        severity=dg.AssetCheckSeverity.WARN,
        description=f"{proof.copies:,} of {proof.rows:,} rows are copies" if proof.copies else None,
        metadata={"copies": proof.copies, "rows": proof.rows},
    )


@dg.asset_check(asset=axiom_ingest)
def axiom_dataset_is_fit(
    context: dg.AssetCheckExecutionContext,
    axiom: dg.ResourceParam[AxiomResource],
    run_inputs: dg.ResourceParam[RunInputsResource],
) -> dg.AssetCheckResult:
    """The dataset keeps events long enough, has room for their fields, and dropped none of them."""
    with raise_as_dagster_failure():
        hours, tables = hours_in(context), run_inputs.of_run(context.run.run_id).tables
        with closing(axiom.with_tables(tables).client()) as client:
            incomplete = client.incomplete_events(hours[0], hours[-1] + AN_HOUR)
            told = find_issues(client.dataset_limits(), incomplete)
    return dg.AssetCheckResult(
        passed=all(doubt.kind == "unknown" for doubt in told),
        severity=dg.AssetCheckSeverity.WARN,
        description="; ".join(f"{doubt.what}. {doubt.next_step}" for doubt in told) or None,
    )


@dg.asset_check(asset=actor_baselines)
def baseline_coverage(context: dg.AssetCheckExecutionContext) -> dg.AssetCheckResult:
    """All 720 hours before the hour were ingested: what is missing there looks unusual here."""
    ingested = ingested_hours(context.instance)
    problems = {}
    for hour in hours_in(context):
        present = count_hours_present(ingested, hour)
        if present < HOURS_IN_WINDOW:
            problems[hour] = f"rests on {present} of {HOURS_IN_WINDOW} hours: backfill the others"
    return _result(problems, dg.AssetCheckSeverity.WARN)


@dg.asset_check(asset=opened_tickets)
def every_flagged_actor_has_a_ticket(
    context: dg.AssetCheckExecutionContext, storage: dg.ResourceParam[StorageResource]
) -> dg.AssetCheckResult:
    """Nobody is flagged without a ticket that people can read, or that they dismissed: none is out of reach, none is
    missing_ticket_reason for its age, and Linear refused none what it needed. A dry run is told, and is no fault."""
    with raise_as_dagster_failure():
        store = storage.open()
        tickets = {hour: store.require(TICKETS, hour) for hour in hours_in(context)}
        problems = {hour: want for hour, of_hour in tickets.items() if (want := missing_ticket_reason(of_hour))}
        rendered = sum(of_hour.filter(pl.col("outcome") == DRY_RUN).height for of_hour in tickets.values())
        remarks = [f"a dry run: nothing was opened for {pluralize(rendered, 'flagged actor')}"] if rendered else []
        return _result(problems, dg.AssetCheckSeverity.WARN, remarks=remarks)


def missing_ticket_reason(tickets: pl.DataFrame) -> str | None:
    """What the tickets of an hour (OPENED_TICKETS) leave to be desired; None if nothing."""
    without = tickets.filter(pl.col("outcome").is_in(OUTCOMES_WITHOUT_TICKET))
    told = [f"{without.height} without: {', '.join(without['outcome'].unique().sort())}"] if without.height else []
    return "; ".join([*told, *tickets["refused"].drop_nulls().unique(maintain_order=True)]) or None


@dg.asset_check(asset=flagged_actor_summary)
def summary_was_delivered(
    context: dg.AssetCheckExecutionContext, storage: dg.ResourceParam[StorageResource]
) -> dg.AssetCheckResult:
    """The team's webhook, if it has one, took the hour's summary. It is sent again when the hour is run again."""
    with raise_as_dagster_failure():
        store = storage.open()
        told = {hour: store.read_json(DELIVERIES, hour) or {} for hour in hours_in(context)}
        problems = {hour: f"was not delivered: {each['problem']}" for hour, each in told.items() if each.get("problem")}
        return _result(problems, dg.AssetCheckSeverity.WARN)


CHECKS = [
    hour_is_complete,
    nothing_quarantined,
    no_sudden_silence,
    settled_hours_stay_as_they_are,
    nothing_is_taken_back,
    proof_in_axiom,
    axiom_dataset_is_fit,
    baseline_coverage,
    every_flagged_actor_has_a_ticket,
    summary_was_delivered,
]


def _result(
    problems: Mapping[datetime, str],
    severity: dg.AssetCheckSeverity,
    details: pl.DataFrame | None = None,
    remarks: Sequence[str] = (),
) -> dg.AssetCheckResult:
    named = [f"{key_of(hour)} {problem}" for hour, problem in list(problems.items())[:NAMED_HOURS]]
    more = [f"and {len(problems) - NAMED_HOURS} more hours"] if len(problems) > NAMED_HOURS else []
    return dg.AssetCheckResult(
        passed=not problems,
        severity=severity,
        description="; ".join([*named, *more, *remarks]) or None,
        metadata={"details": dg.MetadataValue.md(markdown_table(details))} if details is not None else {},
    )
