"""The jobs: a whole hour, its first half for history that nobody judges any more, and people's verdicts, of no hour.

The executor is that of the definitions: in-process, unless `build_defs` is given another.
"""

import dagster as dg

from audit_assets.defs.assets.axiom_ingest import HISTORY, axiom_ingest
from audit_assets.defs.assets.daily_digest import daily_digest
from audit_assets.defs.assets.flagged_actor_summary import flagged_actor_summary
from audit_assets.defs.assets.ticket_verdicts import ticket_verdicts

EVERY_HOUR = dg.AssetCheckKey(flagged_actor_summary.key, "every_hour_is_done")
"""Of all hours, and evaluated by the sensor: a run of one hour leaves it out."""

LAST_ASSETS = (flagged_actor_summary.key, daily_digest.key)
"""An hour is done when both are materialised; nothing comes after them."""

hourly_audit = dg.define_asset_job(
    "hourly_audit",
    selection=dg.AssetSelection.all()
    - dg.AssetSelection.checks(EVERY_HOUR)
    - dg.AssetSelection.assets(ticket_verdicts),
    description="An hour of audit log, from Cloudflare to the tickets.",
)

history = dg.define_asset_job(
    HISTORY,
    selection=dg.AssetSelection.assets(axiom_ingest).upstream(),
    description="Pull and ingest only: hours that serve as history and need no summary of their own.",
)

verdicts = dg.define_asset_job(
    "verdicts",
    selection=dg.AssetSelection.assets(ticket_verdicts),
    description="What people made of the tickets in Linear.",
)
