"""The jobs: a whole hour, and its first half for history that nobody judges any more; of no hour, people's verdicts and
the comparison of counts.

The executor is that of the definitions: in-process, unless `build_defs` is given another.
"""

import dagster as dg

from audit_assets.defs.assets.axiom_ingest import HISTORY, axiom_ingest
from audit_assets.defs.assets.daily_digest import daily_digest
from audit_assets.defs.assets.flagged_actor_summary import flagged_actor_summary
from audit_assets.defs.assets.raw_audit_entries import raw_audit_entries
from audit_assets.defs.assets.ticket_verdicts import ticket_verdicts

EVERY_HOUR = dg.AssetCheckKey(flagged_actor_summary.key, "every_hour_is_done")
"""Of all hours, and evaluated by the sensor: a run of one hour leaves it out."""

OWN_COUNT = dg.AssetCheckKey(raw_audit_entries.key, "cloudflare_counts_the_same")
"""Of days: a job of its own evaluates it."""

LAST_ASSETS = (flagged_actor_summary.key, daily_digest.key)
"""An hour is done when both are materialised; nothing comes after them."""

hourly_audit = dg.define_asset_job(
    "hourly_audit",
    selection=dg.AssetSelection.all()
    - dg.AssetSelection.checks(EVERY_HOUR, OWN_COUNT)
    - dg.AssetSelection.assets(ticket_verdicts),
    description="An hour of audit log, from Cloudflare to the tickets.",
)

history = dg.define_asset_job(
    HISTORY,
    selection=dg.AssetSelection.assets(axiom_ingest).upstream() - dg.AssetSelection.checks(OWN_COUNT),
    description="Pull and ingest only: hours that serve as history and need no summary of their own.",
)

independent_count = dg.define_asset_job(
    "independent_count",
    selection=dg.AssetSelection.checks(OWN_COUNT),
    description="What was pulled of the last settled days, compared with Cloudflare's own count. Advice.",
)

verdicts = dg.define_asset_job(
    "verdicts",
    selection=dg.AssetSelection.assets(ticket_verdicts),
    description="What people made of the tickets in Linear.",
)
