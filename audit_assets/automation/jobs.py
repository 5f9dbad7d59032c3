"""The jobs: a whole hour, and its first half for history that nobody judges any more."""

import dagster as dg

from audit_assets.assets.axiom_ingest import axiom_ingest

hourly_audit = dg.define_asset_job(
    "hourly_audit",
    selection=dg.AssetSelection.all(),
    description="An hour of audit log, from Cloudflare to the tickets.",
)

history = dg.define_asset_job(
    "history",
    selection=dg.AssetSelection.assets(axiom_ingest).upstream(),
    description="Pull and ingest only: hours that serve as history and need no summary of their own.",
)

JOBS = [hourly_audit, history]
"""The executor is that of the definitions: in-process, unless `build_defs` was told otherwise."""
