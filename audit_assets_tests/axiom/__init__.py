"""Tests of `audit_assets.axiom`."""
