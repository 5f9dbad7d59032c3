"""Axiom: the durable, queryable record of every audit entry."""
