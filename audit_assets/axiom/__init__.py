"""The durable, queryable record of every audit entry: ingest, proof that it is there, APL queries, links.

What the answers mean for an actor is decided in `detection`.
"""
