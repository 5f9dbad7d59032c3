"""Speaks to Linear, and does nothing else: a client, issues as plain data, routing by name, uploads, verdicts.

What a ticket contains and when one is opened is decided elsewhere (`tickets`, `defs/steps/ticket_opener.py`).
"""
