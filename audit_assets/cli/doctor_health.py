"""The doctor's check of the pipeline's own health: collects the facts, and has a line for each thing that is well."""

from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta

from audit_assets.cli.dagster_record import has_record, opened_record, record_home
from audit_assets.cli.doctor_results import CheckResult, DoctorRun, Status
from audit_assets.config.errors import AuditAssetsError, StoreError
from audit_assets.config.settings import is_set, setting
from audit_assets.reports.health_facts import HealthFacts
from audit_assets.reports.health_problems import HealthProblem, Severity
from audit_assets.storage.hours import key_of
from audit_assets.tickets.formatting import duration_name, pluralize
from audit_assets.transport.clock import SystemClock
from audit_assets.transport.reachability import clock_skew

STATUS_OF: Mapping[Severity, Status] = {"error": "problem", "warning": "advice"}

SERVICES = {"Cloudflare": "CLOUDFLARE_API_URL", "Axiom": "AXIOM_URL", "Linear": "LINEAR_API_URL"}


def collect_facts(run: DoctorRun) -> HealthFacts:
    """Everything that can be found out. Raises `StoreError` if Dagster's record can't be read, and `SettingError`."""
    from audit_assets.defs.automation.pipeline_health import collect_disks, collect_versions

    home = record_home()
    facts = _recorded(run)
    stored = None
    with suppress(StoreError):  # reported by the check of the storage
        stored = run.stored.count
    return replace(
        facts,
        instance=str(home),
        stored=stored,
        disks=collect_disks({"the stored hours": setting("AUDIT_ASSETS_STORAGE"), "Dagster's record": str(home)}),
        clock_skew=_clock_skews(),
        versions=collect_versions(),
    )


def _recorded(run: DoctorRun) -> HealthFacts:
    """What Dagster's record knows; nothing where there is none yet, and none is made."""
    if not has_record():
        return HealthFacts(now=run.now)
    from audit_assets.defs.automation.lost_hours import describe_lost, find_lost
    from audit_assets.defs.automation.pipeline_health import collect_health

    with opened_record() as instance:
        facts = collect_health(instance, run.now)
        with suppress(StoreError):  # reported by the check of the storage
            facts = replace(facts, lost=describe_lost(find_lost(instance, run.store, run.now)))
        return facts


def _clock_skews() -> dict[str, timedelta]:
    """By the services that are connected."""
    connected = {name: address for name, address in SERVICES.items() if _is_connected(name)}
    found: dict[str, timedelta] = {}
    for name, address in connected.items():
        with suppress(AuditAssetsError):  # reported by the check of that service
            skew = clock_skew(name, setting(address), SystemClock())
            if skew is not None:
                found[name] = skew
    return found


def _is_connected(service: str) -> bool:
    secrets = {"Cloudflare": "CLOUDFLARE_API_TOKEN", "Axiom": "AXIOM_TOKEN", "Linear": "LINEAR_API_KEY"}
    return is_set(secrets[service])


def describe_health(facts: HealthFacts, problems: list[HealthProblem]) -> Iterator[CheckResult]:
    """A line for each problem, then one for each thing that was looked at and is well."""
    for problem in problems:
        yield CheckResult(problem.kind, STATUS_OF[problem.severity], problem.sentence, problem.next_step)
    wrong = {problem.kind for problem in problems}
    hours, daemon = facts.hours, facts.daemon
    if hours and hours.newest_judged and not wrong & {"coverage", "stale"}:
        text = f"{hours.present:,} of {hours.window} hours of history are present, {hours.judged:,} judged; the newest "
        yield CheckResult("coverage", "ok", f"{text}judged hour is {key_of(hours.newest_judged)}")
    if hours and facts.stored and "lost" not in wrong:
        yield CheckResult("lost", "ok", "the store has what Dagster's record has as done")
    if daemon and daemon.heartbeat and "daemon" not in wrong:
        beat = duration_name(facts.now - daemon.heartbeat)
        on = [name for name, is_on in daemon.switches.items() if is_on]
        yield CheckResult("daemon", "ok", f"Dagster's daemon runs ({beat} ago); on: {', '.join(on) or 'nothing'}")
    if facts.tickets and facts.tickets.passed:
        text = "the check every_flagged_actor_has_a_ticket passed when it was evaluated last"  # as it does in a dry run
        yield CheckResult("tickets", "ok", text)
    if facts.proof and facts.proof.passed:
        yield CheckResult("proof", "ok", "Axiom holds every entry of the hours that were proved last")
    if facts.clock_skew and "clock" not in wrong:
        most = max(abs(skew) for skew in facts.clock_skew.values())
        text = (
            f"the clock is within {pluralize(int(most.total_seconds()) + 1, 'second')} of {', '.join(facts.clock_skew)}"
        )
        yield CheckResult("clock", "ok", text)
    if facts.disks and "disk" not in wrong:
        least = min(disk.free for disk in facts.disks)
        yield CheckResult(
            "disk", "ok", f"{least / (1 << 30):,.0f} GB are free for the stored hours and Dagster's record"
        )
    if facts.versions and "versions" not in wrong:
        named = {each.name: each.installed for each in facts.versions}
        shown = ", ".join(f"{name} {named[name]}" for name in ("audit-assets", "dagster", "polars") if name in named)
        yield CheckResult("versions", "ok", f"{shown}; each of {len(named)} packages is as this version asks for")
