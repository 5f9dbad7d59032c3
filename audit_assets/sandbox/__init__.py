"""Local stand-ins of Cloudflare's audit log API, Axiom and Linear, for the demo and for tests.

Here: how the services answer, how they fail (fault_plan and each service's own faults), and what they serve.
Not here: anything shared with the clients under test. The sandbox is written from docs/facts alone, imports nothing
else of audit_assets, and refuses loudly what it does not support.
"""
