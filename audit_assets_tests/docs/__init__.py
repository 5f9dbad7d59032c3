"""Tests of `audit_assets/docs`."""
