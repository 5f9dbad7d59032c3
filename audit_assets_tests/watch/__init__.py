"""Tests of `audit_assets/watch`."""
