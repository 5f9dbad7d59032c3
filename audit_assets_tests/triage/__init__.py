"""Tests of `audit_assets.triage`."""
