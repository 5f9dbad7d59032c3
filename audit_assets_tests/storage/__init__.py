"""Tests of `audit_assets/storage`."""
