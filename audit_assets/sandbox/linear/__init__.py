"""The sandbox's Linear: the part of its GraphQL API that our client needs, and pages that show the tickets.

Here: the schema and its resolvers, rules for values, limits, errors, file storage, and actions by hand for tests.
Not here: connection faults (fault_plan), and any code of audit_assets.linear.
"""
