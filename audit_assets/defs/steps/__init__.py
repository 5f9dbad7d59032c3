"""What the assets do to an hour: stored tables and clients in, tables and tickets out; shared with the command line.

No definition of Dagster's belongs here. What decides is pure and lives in `detection` and `tickets`; here are the edges
that read, ask and write.
"""
