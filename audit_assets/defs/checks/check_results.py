"""What a check reports of hours: those of its run that fail, and those of earlier runs that are still unresolved.

Dagster shows the latest evaluation of a check and no other, and in a run of many hours an evaluation has no partition
(docs/facts/dagster.md, B8). So a warning is carried on from evaluation to evaluation until its hour is run again, or is
older than the hours that the sensor looks back on. What stops an hour is not carried on: that hour is not done, and
`every_hour_is_done` names it.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import wraps
from itertools import islice
from typing import Any

import dagster as dg

from audit_assets.config.accounts import Account
from audit_assets.config.errors import AuditAssetsError
from audit_assets.defs.account_keys import asset_key, bound_to
from audit_assets.defs.automation.ledger import LOOKED_BACK
from audit_assets.defs.partitions import hours_in
from audit_assets.defs.unresolved_warnings import UNRESOLVED, last_unresolved
from audit_assets.storage.hours import AN_HOUR, key_of
from audit_assets.tickets.formatting import pluralize

NAMED = 10
"""So many stretches of hours are named in a sentence; the metadata names all."""

LONGEST = 300
"""Characters of an hour's warning: 31 days of them are in the metadata of an evaluation."""


def stop_hours(problems: Mapping[datetime, str]) -> dg.AssetCheckResult:
    """The result of a check that stops what comes after it, for the hours of this run."""
    return dg.AssetCheckResult(
        passed=not problems, severity=dg.AssetCheckSeverity.ERROR, description=name_hours(problems) or None
    )


def warn_of_hours(
    context: dg.AssetCheckExecutionContext,
    problems: Mapping[datetime, str],
    *,
    now: datetime,
    check_name: str | None = None,
    remarks: Sequence[str] = (),
    metadata: Mapping[str, Any] | None = None,
) -> dg.AssetCheckResult:
    """The result of a check that lets the hour go on: the warnings of this run's hours, then those of earlier runs.

    `check_name` is needed where several checks are evaluated at once. `remarks` are no warnings.
    """
    key = next(spec.key for spec in context.check_specs if check_name in (None, spec.name))
    earlier = _unresolved_before(context.instance, key, now)
    for hour in hours_in(context):
        earlier.pop(hour, None)
    unresolved = {key_of(hour): text[:LONGEST] for hour, text in sorted({**earlier, **problems}.items())}
    sentences = [name_hours(problems), name_hours(earlier), *remarks]
    return dg.AssetCheckResult(
        passed=not unresolved,
        check_name=key.name,
        severity=dg.AssetCheckSeverity.WARN,
        description="; ".join(filter(None, sentences)) or None,
        metadata={**(metadata or {}), **({UNRESOLVED: unresolved} if unresolved else {})},
    )


CheckOf = Callable[[Account], dg.AssetChecksDefinition]
"""A check as a module of checks/ has it: given an account, the check of that account's asset."""


def hour_check(*, asset: str, blocking: bool = False) -> Callable[[Callable[..., dg.AssetCheckResult]], CheckOf]:
    """`dagster.asset_check` for a check of an asset, by its name, of each account."""

    def decorate(evaluate: Callable[..., dg.AssetCheckResult]) -> CheckOf:
        @wraps(evaluate)
        def define(account: Account) -> dg.AssetChecksDefinition:
            return dg.asset_check(asset=asset_key(asset, account), blocking=blocking)(bound_to(account, evaluate))

        return define

    return decorate


def warning_check(*, asset: str) -> Callable[[Callable[..., dg.AssetCheckResult]], CheckOf]:
    """`hour_check` for a check that lets the hour go on. It is left without a result if what it looks at can't be read:
    Dagster shows it as skipped then, where an exception would fail the run and show the check as failed."""

    def decorate(evaluate: Callable[..., dg.AssetCheckResult]) -> CheckOf:
        @wraps(evaluate)
        def evaluate_if_readable(context: dg.AssetCheckExecutionContext, **resources: Any) -> Any:
            try:
                return evaluate(context, **resources)
            except AuditAssetsError as error:
                context.log.warning(f"This check was not evaluated: {error}")
                return None

        return hour_check(asset=asset)(evaluate_if_readable)

    return decorate


def _unresolved_before(instance: dg.DagsterInstance, key: dg.AssetCheckKey, now: datetime) -> dict[datetime, str]:
    """The warnings that the last evaluation left, without those of hours that are too old by now."""
    return {hour: text for hour, text in last_unresolved(instance, [key]).items() if hour >= now - LOOKED_BACK}


def name_hours(problems: Mapping[datetime, str]) -> str:
    """One sentence: each stretch of neighbouring hours with the same problem, by its first and last hour."""
    stretches: list[tuple[datetime, datetime, str]] = []
    for hour, problem in sorted(problems.items()):
        if stretches and stretches[-1][1:] == (hour - AN_HOUR, problem):
            stretches[-1] = (stretches[-1][0], hour, problem)
        else:
            stretches.append((hour, hour, problem))
    named = [
        f"{key_of(first)} {problem}" if first == last else f"{key_of(first)} to {key_of(last)} {problem}"
        for first, last, problem in islice(stretches, NAMED)
    ]
    others = sum((last - first) // AN_HOUR + 1 for first, last, _ in stretches[NAMED:])
    return "; ".join([*named, *([f"and {pluralize(others, 'more hour')}"] if others else [])])
