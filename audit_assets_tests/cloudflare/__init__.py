"""Tests of `audit_assets.cloudflare`."""
