"""The jobs: a whole hour, and its first half for history that nobody judges any more."""

import dagster as dg

from audit_assets.assets.axiom_ingest import axiom_ingest
from audit_assets.assets.flagged_actor_summary import flagged_actor_summary

EVERY_HOUR = dg.AssetCheckKey(flagged_actor_summary.key, "every_hour_is_done")
"""Of all hours, and told by the sensor: a run of one hour leaves it alone."""

hourly_audit = dg.define_asset_job(
    "hourly_audit",
    selection=dg.AssetSelection.all() - dg.AssetSelection.checks(EVERY_HOUR),
    description="An hour of audit log, from Cloudflare to the tickets.",
)

history = dg.define_asset_job(
    "history",
    selection=dg.AssetSelection.assets(axiom_ingest).upstream(),
    description="Pull and ingest only: hours that serve as history and need no summary of their own.",
)

JOBS = [hourly_audit, history]
"""The executor is that of the definitions: in-process, unless `build_defs` was told otherwise."""
