"""How an account's assets, checks and jobs are called in Dagster: as ever for the one account of the settings, and with
the account's key before it for one of several.

What runs asks for the names of the account that it works for; who makes definitions names the account.
"""

from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

import dagster as dg
from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition

from audit_assets.config.accounts import ENVIRONMENT, Account, chosen_account, working_for

Job = dg.JobDefinition | UnresolvedAssetJobDefinition

P = ParamSpec("P")
T = TypeVar("T")

PULLED, INGEST, TICKETS = "raw_audit_entries", "axiom_ingest", "opened_tickets"
SUMMARIES, VERDICT_TABLE = "flagged_actor_summary", "ticket_verdicts"

LAST_ASSETS = ("flagged_actor_summary", "daily_digest")
"""An hour is done when both are materialised; nothing comes after them."""

EVERY_HOUR_CHECK = ("flagged_actor_summary", "every_hour_is_done")
"""Of all hours, and evaluated by the sensor: a run of one hour leaves it out."""

OWN_COUNT_CHECK = ("raw_audit_entries", "cloudflare_counts_the_same")
"""Of days: a job of its own evaluates it."""

HOURLY_AUDIT, HISTORY, INDEPENDENT_COUNT = "hourly_audit", "history", "independent_count"
VERDICTS, RETENTION = "verdicts", "retention"
JOBS = (HOURLY_AUDIT, HISTORY, INDEPENDENT_COUNT, VERDICTS, RETENTION)


def asset_key(name: str, account: Account | None = None) -> dg.AssetKey:
    """The key of an account's asset; of the account that the code works for, unless one is named."""
    return dg.AssetKey([*_of(account).prefix, name])


def check_key(check: tuple[str, str], account: Account | None = None) -> dg.AssetCheckKey:
    """The key of a check, by the names of its asset and of itself, as `asset_key`."""
    return dg.AssetCheckKey(asset_key(check[0], account), check[1])


def name_of(name: str, account: Account | None = None) -> str:
    """How an account's job, sensor or schedule is called, as `asset_key`."""
    return _of(account).named(name)


def bound_to(account: Account, body: Callable[P, T]) -> Callable[P, T]:
    """The function, which works for that account whenever Dagster calls it. It must return what it makes: a generator
    would go on without the account."""

    @wraps(body)
    def bound(*args: P.args, **kwargs: P.kwargs) -> T:
        with working_for(account):
            return body(*args, **kwargs)

    return bound


def _of(account: Account | None) -> Account:
    return account or chosen_account() or ENVIRONMENT
