"""What always alerts, whatever is usual: watch rules as data, and what they match.

Pure functions on values and polars frames: no input or output, no settings, no Dagster. Which files rules come from is
`defs/steps/watch_rules.py`; the default pack is `config/watch.toml`; what becomes of an alert is up to `detection` and
`tickets`.
"""
