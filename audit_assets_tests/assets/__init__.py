"""Tests of `audit_assets.assets`."""
