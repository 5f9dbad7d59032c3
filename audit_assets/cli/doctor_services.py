"""The doctor's checks of the three services: what each setting leads to, by calls that change nothing."""

import re
from collections.abc import Iterator
from contextlib import closing, suppress

from audit_assets.axiom.dataset_health import ENOUGH_RETENTION_DAYS, find_issues
from audit_assets.axiom.limits import AxiomLimits
from audit_assets.axiom.token_access import TokenAccess, find_access
from audit_assets.cli.doctor_results import IMPATIENT, CheckResult, DoctorRun, Status
from audit_assets.config.errors import AuditAssetsError, StoreError
from audit_assets.config.policy import tables
from audit_assets.config.policy_tables import VERDICT_LABELS
from audit_assets.config.settings import setting
from audit_assets.defs.resources import AxiomResource, CloudflareResource, LinearResource, app_url
from audit_assets.defs.steps.axiom_record import compare_record
from audit_assets.defs.steps.dataset_account import describe_other_accounts
from audit_assets.detection.schemas import WINDOW
from audit_assets.storage.hours import AN_HOUR
from audit_assets.tickets.formatting import listed, pluralize
from audit_assets.transport.clock import SystemClock

AXIOM_LIMITS = AxiomLimits(attempts=1, read_seconds=30, visibility_seconds=0)

ORGANISATION_ID = re.compile(r"[A-Za-z0-9_-]+")
"""A part of an address. Which characters Axiom's own have is not documented: those of a word will do."""


def check_cloudflare(_: DoctorRun) -> Iterator[CheckResult]:
    """Whether the token reads the audit log of the account, in each stream."""
    resource = CloudflareResource(limits=IMPATIENT)
    streams = resource.streams()
    with closing(resource.client()) as client:
        for stream in streams:
            client.probe(stream)
    yield CheckResult("audit_log", "ok", f"the audit log can be read: {listed(streams)}")


def check_axiom(run: DoctorRun) -> Iterator[CheckResult]:
    """The organisation, the dataset and what the token may do with it, then what the dataset holds."""
    org_id = setting("AXIOM_ORG_ID")
    if not ORGANISATION_ID.fullmatch(org_id):
        text = f"AXIOM_ORG_ID is {org_id!r}, which is no id: set it to the part of app.axiom.co/ID/query that is yours"
        yield CheckResult("organisation", "problem", text)
        return
    resource = AxiomResource(limits=AXIOM_LIMITS)
    dataset = resource.dataset()
    access = find_access(
        token=setting("AXIOM_TOKEN"),
        org_id=org_id,
        dataset=dataset,
        url=setting("AXIOM_URL"),
        clock=SystemClock(),
        limits=AXIOM_LIMITS,
    )
    if access.is_of_organisation is False:
        yield CheckResult("organisation", "problem", _other_organisation(org_id, access))
        return
    problem = None
    with closing(resource.client()) as client:
        facts = client.dataset_facts()
        mixed = describe_other_accounts(client, resource, setting("CLOUDFLARE_ACCOUNT_ID"))
        with suppress(StoreError):  # reported by the check of the storage
            problem = compare_record(run.store, client, run.this_hour - WINDOW, run.this_hour).problem
    yield _organisation(org_id, access)
    text = f"dataset {dataset} can be queried; it holds {pluralize(facts.rows, 'row')}"
    yield CheckResult("dataset", "ok", text)
    if mixed:
        yield CheckResult("dataset_account", "problem", mixed)
    yield from _token(dataset, access)
    if problem:
        yield CheckResult("record", "problem", problem)
    for issue in find_issues(facts.limits, facts.incomplete):
        status: Status = "problem" if issue.kind == "problem" else "advice"
        yield CheckResult("dataset_fitness", status, issue.what, issue.next_step)
    if (days := facts.limits.retention_days) is not None and days >= ENOUGH_RETENTION_DAYS:
        yield CheckResult("retention", "ok", f"entries are kept {days} days")
    yield from _check_findings_dataset(resource, run)


def _other_organisation(org_id: str, access: TokenAccess) -> str:
    if access.organisations:
        shown = ", ".join(access.organisations)
        return f"AXIOM_ORG_ID is '{org_id}', and AXIOM_TOKEN is of another organisation: set it to {shown}"
    return (
        f"Axiom refuses AXIOM_TOKEN for the organisation '{org_id}' and takes it without one: set AXIOM_ORG_ID to the "
        "part of app.axiom.co/ID/query that is yours"
    )


def _organisation(org_id: str, access: TokenAccess) -> CheckResult:
    if access.is_of_organisation:
        return CheckResult("organisation", "ok", f"the token is of the organisation {org_id}")
    text = f"Axiom does not show with this token whether {org_id} is your organisation; links in tickets name it"
    step = f"Open {app_url(setting('AXIOM_URL'))}/{org_id}/query: dataset {setting('AXIOM_DATASET')} must be there."
    return CheckResult("organisation", "advice", text, step)


def _token(dataset: str, access: TokenAccess) -> Iterator[CheckResult]:
    if access.may_ingest:
        text = f"Axiom takes an ingest into dataset {dataset}; one without any event was sent, so nothing was written"
        yield CheckResult("ingest_permission", "ok", text)
    elif access.may_ingest is False:
        text = f"Axiom's token lacks the capability ingest (create) on dataset '{dataset}'"
        yield CheckResult("ingest_permission", "problem", text, "Make an API token that has it, and set AXIOM_TOKEN.")
    else:
        text = f"whether the token may ingest into dataset {dataset} is unverified: Axiom's answer did not decide it"
        yield CheckResult("ingest_permission", "advice", text, "Run one hour: its ingest shows it.")
    if access.is_personal:
        text = "the token is a personal one, which may do all that its owner may"
        step = "Make an API token with ingest (create) and query (read) on the dataset, and set AXIOM_TOKEN."
        yield CheckResult("token_kind", "advice", text, step)


def _check_findings_dataset(resource: AxiomResource, run: DoctorRun) -> Iterator[CheckResult]:
    """Nothing is written: whether the token may ingest shows with the first finding."""
    try:
        if not (dataset := resource.findings_dataset()):
            return
        with closing(resource.findings_client(dataset)) as client:
            client.entry_ids(run.this_hour - AN_HOUR, run.this_hour)
    except AuditAssetsError as error:
        yield CheckResult("findings_dataset", "problem", str(error))
        return
    text = f"dataset {dataset}, which gets the findings, can be queried; the check findings_are_in_axiom reports "
    yield CheckResult("findings_dataset", "ok", f"{text}if it can't be written")


def check_linear(_: DoctorRun) -> Iterator[CheckResult]:
    """Where tickets go, the labels, and every name in the policy's ticket_fields."""
    with closing(LinearResource(limits=IMPATIENT).client()) as client:
        facts = client.check()
        labels = client.verdict_labels()
    yield CheckResult("team", "ok", f"tickets go to team {facts.team} ({facts.team_key}), opened by {facts.who}")
    if facts.label:
        yield CheckResult("label", "ok", f"every ticket gets the label {facts.label}")
    for problem in facts.problems:
        yield CheckResult("names", "problem", problem)
    for warning in facts.warnings:
        yield CheckResult("names", "advice", warning)
    rows = len(tables().ticket_fields)
    if rows and not facts.problems:
        text = f"all names in {pluralize(rows, 'row')} of ticket_fields exist in Linear"
        yield CheckResult("names", "ok", text)
    for label in (each for each in VERDICT_LABELS if each not in labels):
        text = f"the label {label}, with which people give their verdict on a ticket, does not exist"
        step = f"Create it by hand, for the team {facts.team_key} or the workspace."
        yield CheckResult("verdict_labels", "advice", text, step)
