"""The sandbox's Axiom: events on DuckDB, asked in APL."""
