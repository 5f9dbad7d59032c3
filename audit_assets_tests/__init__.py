"""Tests of audit_assets: behaviour through public seams."""
