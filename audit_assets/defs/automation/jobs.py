"""The jobs of an account: a whole hour, and its first half for history that nobody judges any more; of no hour,
people's verdicts and the comparison of counts. (retention.py has the one that deletes.)

The executor is that of the definitions: in-process, unless `build_defs` is given another.
"""

import dagster as dg

from audit_assets.config.accounts import Account
from audit_assets.defs.account_keys import (
    EVERY_HOUR_CHECK,
    HISTORY,
    HOURLY_AUDIT,
    INDEPENDENT_COUNT,
    INGEST,
    OWN_COUNT_CHECK,
    VERDICTS,
    Job,
    asset_key,
    check_key,
)
from audit_assets.storage.tables import TABLES_OF

OF_NO_HOUR = "ticket_verdicts"


def jobs_of(account: Account) -> list[Job]:
    """The jobs that make or check assets of an account."""
    own_count, every_hour = check_key(OWN_COUNT_CHECK, account), check_key(EVERY_HOUR_CHECK, account)
    hourly = dg.AssetSelection.assets(*(asset_key(name, account) for name in TABLES_OF if name != OF_NO_HOUR))
    return [
        dg.define_asset_job(
            account.named(HOURLY_AUDIT),
            selection=hourly - dg.AssetSelection.checks(every_hour, own_count),
            description="An hour of audit log, from Cloudflare to the tickets.",
        ),
        dg.define_asset_job(
            account.named(HISTORY),
            selection=dg.AssetSelection.assets(asset_key(INGEST, account)).upstream()
            - dg.AssetSelection.checks(own_count),
            description="Pull and ingest only: hours that serve as history and need no summary of their own.",
        ),
        dg.define_asset_job(
            account.named(INDEPENDENT_COUNT),
            selection=dg.AssetSelection.checks(own_count),
            description="What was pulled of the last settled days, compared with Cloudflare's own count. Advice.",
        ),
        dg.define_asset_job(
            account.named(VERDICTS),
            selection=dg.AssetSelection.assets(asset_key(OF_NO_HOUR, account)),
            description="What people made of the tickets in Linear.",
        ),
    ]
