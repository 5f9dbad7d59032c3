"""Tests of `audit_assets.detection`."""
