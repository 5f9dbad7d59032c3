"""Tests of `audit_assets.sandbox`."""
