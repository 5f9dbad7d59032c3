"""Tests of `audit_assets.linear`."""
