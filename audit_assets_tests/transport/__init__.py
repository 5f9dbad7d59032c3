"""Tests of `audit_assets/transport`."""
