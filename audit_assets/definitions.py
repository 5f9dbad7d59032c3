"""The front door: what Dagster loads."""

from audit_assets.config.garbage_collection import collect_rarely

collect_rarely()

from audit_assets.defs.build import build_defs  # noqa: E402 - most of what stays is made by importing it

defs = build_defs()
