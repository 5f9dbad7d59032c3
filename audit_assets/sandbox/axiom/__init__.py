"""The sandbox's Axiom: events in DuckDB, queried in the part of APL that our queries need.

Here: ingest, query, the list of datasets, Axiom's own faults, and the page that a ticket's query link opens.
Not here: the faults that any service can have (fault_plan), and any code of audit_assets.axiom.
"""
