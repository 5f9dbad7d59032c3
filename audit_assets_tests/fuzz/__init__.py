"""Fuzzers of every parser of text from outside: whatever it is given, only its documented errors come out.

`parsers` lists them, `inputs` makes what they are given, and `python -m audit_assets_tests.fuzz` runs them for minutes.
A short form runs in pytest. What a client makes of whole answers over sockets is in `any_answer`.
"""
