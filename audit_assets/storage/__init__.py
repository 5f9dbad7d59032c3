"""Hours as Parquet, written whole or not at all; the names of hours, and what is recorded of their pulls."""
