"""Tests of `audit_assets/reports`."""
