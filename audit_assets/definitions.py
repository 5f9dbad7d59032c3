"""The front door: what Dagster loads."""

from audit_assets.build import build_defs

defs = build_defs()
