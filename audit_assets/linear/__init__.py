"""Speaks to Linear, and does nothing else: client, issues, routing by name, uploads.

What a ticket contains is decided in `tickets`.
"""
