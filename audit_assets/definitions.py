"""The front door: what Dagster loads."""

from audit_assets.defs.build import build_defs

defs = build_defs()
