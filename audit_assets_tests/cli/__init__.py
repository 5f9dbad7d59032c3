"""Tests of `audit_assets/cli`."""
