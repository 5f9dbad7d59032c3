"""The columns of a flagged row that only a watch rule has: what a ticket shows of the rule and of what it matched."""

import polars as pl

WATCH_RULE = "watch_rule"
"""The kind of an alert that no baseline decides about. The rule's name is in place of a resource type, its entries in
place of changes."""

RULE_TEXTS = pl.Struct(
    {
        "title": pl.String,
        "severity": pl.String,
        "technique": pl.String,
        "why": pl.String,
        "check": pl.List(pl.String),
        "benign": pl.List(pl.String),
    }
)
"""What a ticket shows of a rule, as it was when the hour was judged."""

MATCHED_ENTRY = pl.Schema(
    {
        "entry_id": pl.String,
        "time": pl.Datetime("us", "UTC"),
        **dict.fromkeys(("action", "change_kind", "action_result", "resource_type", "resource_id"), pl.String),
        **dict.fromkeys(("zone_name", "ip_address", "user_agent", "interface"), pl.String),
        **dict.fromkeys(("token_id", "token_name", "actor_key", "actor"), pl.String),
    }
)
"""What is kept of an entry that a rule matched: the columns that tickets show."""

MATCHED = pl.List(pl.Struct(MATCHED_ENTRY))
