"""Tests of `audit_assets.defs.steps`."""
