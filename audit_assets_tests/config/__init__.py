"""Tests of `audit_assets/config`."""
