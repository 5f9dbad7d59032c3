"""Servers of other programs that tests start on this machine: PostgreSQL, and one that speaks S3."""
