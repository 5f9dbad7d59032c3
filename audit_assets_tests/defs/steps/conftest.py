"""The model on loopback, for the notes of an hour."""

from audit_assets_tests.triage.conftest import server, triage_settings

__all__ = ["server", "triage_settings"]
