"""Runs all checks of `audit-assets doctor`: what is configured, reachable and permitted, and whether hours are well.

What is wrong with one setting is reported once, by the first check that meets it; whoever else needs it is not checked.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from audit_assets.cli import doctor_services, doctor_settings
from audit_assets.cli.doctor_health import collect_facts, describe_health
from audit_assets.cli.doctor_instance import check_instance
from audit_assets.cli.doctor_results import CheckResult, DoctorRun
from audit_assets.config.accounts import chosen_account
from audit_assets.config.errors import AuditAssetsError, SettingError
from audit_assets.config.settings import is_set, variable_of
from audit_assets.config.settings_table import SETTINGS
from audit_assets.reports.health_facts import HealthFacts
from audit_assets.reports.health_problems import HealthProblem, judge_health

CHECKS: dict[str, Callable[[DoctorRun], Iterator[CheckResult]]] = {
    "Settings": doctor_settings.check_settings,
    "Policy": doctor_settings.check_policy,
    "Storage": doctor_settings.check_storage,
    "Files": doctor_settings.check_files,
    "Cloudflare": doctor_services.check_cloudflare,
    "Axiom": doctor_services.check_axiom,
    "Linear": doctor_services.check_linear,
    "Webhook": doctor_settings.check_webhook,
    "Channels": doctor_settings.check_channels,
    "Geography": doctor_settings.check_geography,
    "Triage": doctor_settings.check_triage,
    "Dagster": check_instance,
}
"""By subject, in the order in which they are shown: what others rest on comes first."""

ACCOUNT, HEALTH = "Account", "Health"


@dataclass
class Diagnosis:
    """All that the doctor found: each result with its subject, and the facts and problems of the pipeline's health."""

    results: list[tuple[str, CheckResult]] = field(default_factory=list)
    facts: HealthFacts | None = None
    problems: list[HealthProblem] = field(default_factory=list)

    @property
    def is_well(self) -> bool:
        """Whether nothing is in the way."""
        return all(result.status != "problem" for _, result in self.results)


def diagnose(run: DoctorRun) -> Diagnosis:
    """Check everything. A problem of one subject does not stop the checks of others."""
    found = Diagnosis()
    account = chosen_account()
    if account and account.problem:
        found.results.append((ACCOUNT, CheckResult("account", "problem", account.problem)))
        return found
    reported: dict[str, str] = {}

    def health(run: DoctorRun) -> Iterator[CheckResult]:
        found.facts = collect_facts(run)
        found.problems = judge_health(found.facts)
        yield from describe_health(found.facts, found.problems)

    for subject, check in {**CHECKS, HEALTH: health}.items():
        for result in _results(subject, check, run):
            first = reported.setdefault(result.text, subject) if result.status == "problem" else subject
            found.results.append((subject, result if first == subject else _left_out(result, first)))
    return found


def _left_out(result: CheckResult, first: str) -> CheckResult:
    """In place of what another subject has reported already."""
    return CheckResult(result.check, "advice", f"not checked: what {first} shows comes first")


def _results(
    subject: str, check: Callable[[DoctorRun], Iterator[CheckResult]], run: DoctorRun
) -> Iterator[CheckResult]:
    missing = [name for name in SETTINGS if name.startswith(f"{subject.upper()}_") and not is_set(name)]
    for name in missing:
        yield CheckResult(
            "missing_setting", "problem", f"{variable_of(name)} is not set", f"Set it to the {SETTINGS[name].meaning}."
        )
    if missing:
        return
    try:
        yield from check(run)
    except SettingError as error:
        yield CheckResult("setting", "problem", str(error), "Correct the setting, then run this again.")
    except AuditAssetsError as error:
        yield CheckResult("error", "problem", str(error))
