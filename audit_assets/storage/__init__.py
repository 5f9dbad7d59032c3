"""Stored tables: hours as Parquet and JSON, each written whole or not at all; their names and the history of their pulls."""
