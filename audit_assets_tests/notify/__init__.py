"""Tests of `audit_assets/notify`."""
