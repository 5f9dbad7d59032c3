"""Stored hours, each written whole or not at all; the names of hours and tables; the history of an hour's pulls."""
