"""Measurements, run by a command and never by the test suite."""
