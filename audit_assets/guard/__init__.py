"""The guard in front of everything that this package serves to a browser: Dagster's UI and the sandbox.

Here: which requests are refused, and the token of a start. Not here: what is served. Nothing of audit_assets is
imported, so that the sandbox may use it.
"""
