"""What `audit-assets doctor --json` prints: names that stay within a schema version (docs/health.md, 3)."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from audit_assets.cli.doctor_checks import Diagnosis
from audit_assets.reports.health_facts import HOURS_IN_WINDOW, DaemonFacts, HealthFacts, HourFacts
from audit_assets.reports.health_problems import state_of
from audit_assets.storage.hours import key_of
from audit_assets.transport.untrusted_text import visible

SCHEMA_VERSION = 1


def diagnosis_json(found: Diagnosis, now: datetime) -> dict[str, Any]:
    """The whole diagnosis. `facts` is null if they could not be collected: then a check says why."""
    return {
        "schema_version": SCHEMA_VERSION,
        "at": _time(now),
        "ok": found.is_well,
        "state": state_of(found.facts, found.problems) if found.facts else "unknown",
        "facts": _facts(found.facts) if found.facts else None,
        "problems": [
            {
                "kind": problem.kind,
                "severity": problem.severity,
                "sentence": visible(problem.sentence),
                "next_step": visible(problem.next_step),
            }
            for problem in found.problems
        ],
        "checks": [
            {
                "subject": subject.lower(),
                "check": result.check,
                "status": result.status,
                "text": visible(result.text),
                "next_step": visible(result.next_step) if result.next_step else None,
            }
            for subject, result in found.results
        ],
    }


def diagnoses_json(by_account: Mapping[str, dict[str, Any]], now: datetime) -> dict[str, Any]:
    """The diagnoses of several accounts, by key."""
    is_well = all(each["ok"] for each in by_account.values())
    return {"schema_version": SCHEMA_VERSION, "at": _time(now), "ok": is_well, "accounts": dict(by_account)}


def _facts(facts: HealthFacts) -> dict[str, Any]:
    return {
        "instance": facts.instance,
        "hours_in_window": HOURS_IN_WINDOW,
        "hours_stored": facts.stored,
        "hours_lost": facts.lost.count if facts.lost else 0,
        "hours": _hours(facts.hours) if facts.hours else None,
        "daemon": _daemon(facts.daemon) if facts.daemon else None,
        "tickets_opened": facts.tickets.passed if facts.tickets else None,
        "proved_in_axiom": facts.proof.passed if facts.proof else None,
        "disks": [
            {"what": disk.what, "path": disk.path, "free_bytes": disk.free, "total_bytes": disk.total}
            for disk in facts.disks
        ],
        "clock_skew_seconds": {name.lower(): round(_seconds(skew), 1) for name, skew in facts.clock_skew.items()},
        "versions": {version.name: version.installed for version in facts.versions},
    }


def _hours(hours: HourFacts) -> dict[str, Any]:
    return {
        "newest_due": key_of(hours.newest_due),
        "newest_judged": key_of(hours.newest_judged) if hours.newest_judged else None,
        "present": hours.present,
        "judged": hours.judged,
        "never_judged": len(hours.never_judged),
        "failed": len(hours.failed),
        "failing": len(hours.failing),
        "overdue": len(hours.overdue),
        "runs_in_progress": hours.running,
    }


def _daemon(daemon: DaemonFacts) -> dict[str, Any]:
    return {"heartbeat": _time(daemon.heartbeat) if daemon.heartbeat else None, "on": dict(daemon.switches)}


def _time(time: datetime) -> str:
    return time.isoformat(timespec="seconds").replace("+00:00", "Z")


def _seconds(duration: timedelta) -> float:
    return duration.total_seconds()
