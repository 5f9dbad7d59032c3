"""Who deviates and how sure that is: pure functions on polars frames.

No input or output, no settings, no Dagster: the same history and hour always give the same result.
"""
