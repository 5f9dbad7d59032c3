"""Tests of `audit_assets.automation`."""
