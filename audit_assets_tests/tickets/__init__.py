"""Tests of `audit_assets/tickets`."""
