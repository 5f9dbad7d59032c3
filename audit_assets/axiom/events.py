"""Audit entries as the events that Axiom takes: flat snake_case fields, no text longer than Axiom keeps.

Axiom replaces an over-long string by a note that it was too long, and limits the fields of a dataset; open-ended
JSON stays one string (`raw`), so that no entry can add fields to the dataset or fail its batch. The whole text of
every entry is in the Parquet hour. An unreadable entry is an event as well: its raw text, marked as quarantined.
"""

import hashlib
from datetime import datetime

import polars as pl

from audit_assets.config.change_filter import COLUMNS, value_or_not_given
from audit_assets.config.errors import AuditAssetsError

LONGEST_TEXT = 1_000
"""Characters of a string field. Axiom takes 1 MB (docs/facts/axiom.md, 2.1); a judgement: enough to read."""

LONGEST_RAW = 32_768
"""Characters of `raw`. At 6 bytes each, the most that JSON needs, an event stays under 0.5 MB."""

CUT = "…"
"""Ends a truncated text."""

TIME = "_time"
"""Axiom's name for the time of an event; it renames any other leading underscore (docs/facts/axiom.md, 2.1)."""

_TEXTS = (
    "entry_id",
    "stream",
    "account_id",
    "native_id",
    "actor_key",
    "actor",
    "actor_type",
    "actor_email",
    "actor_id",
    "token_id",
    "token_name",
    "interface",
    "ip_address",
    "user_agent",
    "action",
    "change_kind",
    "action_description",
    "action_result",
    "resource_type",
    "resource_id",
    "resource_product",
    "zone_id",
    "zone_name",
    "method",
    "uri",
    "ray_id",
)

EVENT_SCHEMA: dict[str, pl.DataType | type[pl.DataType]] = {
    TIME: pl.Datetime("us", "UTC"),
    **dict.fromkeys(_TEXTS, pl.String),
    "status_code": pl.Int64,
    "raw": pl.String,
    "raw_truncated": pl.Boolean,
    "raw_letters": pl.Int64,
    "raw_sha256": pl.String,
    "quarantine_reason": pl.String,
    "quarantined": pl.Boolean,
    "is_change": pl.Boolean,
}
"""A column for each field of an event. The last is never null, which ingest_batches.py relies on."""

_QUERIED = ("actor_key", "actor", "resource_type")
"""What queries name, besides the columns of the change filter."""

OF_SOME_ENTRIES = ("actor_id", "actor_email", "token_id", "ip_address", "user_agent", "interface")
"""What only some entries have, and queries name: sent empty rather than missing. Axiom knows a new field later than its
events (docs/facts/axiom.md, 0.4), and a query that asked meanwhile would find a dataset's first token without owner."""

_IDENTITIES = frozenset({"entry_id", "actor_key"})
"""Hashes, short by construction; truncated, two could become equal."""


def events_from(entries: pl.DataFrame) -> pl.DataFrame:
    """The events of audit entries, in the same order: a row of `EVENT_SCHEMA` for each row of the entry frame.

    `_time` is the entry's own time. Texts of more than `LONGEST_TEXT` characters (`raw`: `LONGEST_RAW`, then
    `raw_truncated` is true) end with `CUT` after that many. Raises `AuditAssetsError` when a column is missing.
    """
    missing = {"time", "status_code", "raw", "is_change", *_TEXTS} - set(entries.columns)
    if missing:
        raise AuditAssetsError(f"audit entries without the columns {sorted(missing)} can't become events")
    return _as_events(
        entries,
        is_change=pl.col("is_change").fill_null(value=False),
        quarantined=pl.lit(value=False),
        **_nulls("raw_letters", "raw_sha256", "quarantine_reason"),
    )


def quarantined_events(quarantined: pl.DataFrame, account_id: str) -> pl.DataFrame:
    """The events of quarantined entries, in the same order, in `EVENT_SCHEMA`; none of them is a change.

    In: columns stream, reason, native_id, time and raw (text). `raw` is truncated as that of an entry; its full length
    and sha256 are beside it. Actor and resource are empty, so that no query about actors or changes finds these events;
    empty rather than missing, since a query about a field that no event has is an error (docs/facts/axiom.md, 0.4).
    """
    unknown = set(_TEXTS) - set(quarantined.columns) - {"entry_id", "account_id", *_QUERIED}
    return _as_events(
        quarantined,
        entry_id=quarantined_ids(quarantined, account_id)["entry_id"],
        account_id=pl.lit(account_id),
        raw_letters=pl.col("raw").str.len_chars(),
        raw_sha256=pl.Series([_sha256(raw) for raw in quarantined["raw"]], dtype=pl.String),
        quarantine_reason=pl.col("reason"),
        quarantined=pl.lit(value=True),
        is_change=pl.lit(value=False),
        **_nulls(*unknown, "status_code"),
        **dict.fromkeys(_QUERIED, pl.lit("")),
    )


def quarantined_ids(quarantined: pl.DataFrame, account_id: str) -> pl.DataFrame:
    """Which event each quarantined entry is: entry_id and time.

    Entries of one hour with the same text and the same reason are one, as they are in the hour store. One without a
    time of its own may be filed in two hours, by pulls that began at different times; these are two events.
    """
    rows = quarantined.select("stream", "reason", "raw", "time").iter_rows()
    ids = [_quarantined_id(stream, account_id, time, reason, raw) for stream, reason, raw, time in rows]
    return quarantined.select(pl.Series("entry_id", ids, pl.String), "time")


def _quarantined_id(stream: str, account_id: str, time: datetime, reason: str, raw: str) -> str:
    return _sha256("\0".join(("quarantined", stream, account_id, f"{time:%Y-%m-%dT%H}", reason, raw)))


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _as_events(rows: pl.DataFrame, **known: pl.Expr | pl.Series) -> pl.DataFrame:
    """The rows in EVENT_SCHEMA: texts truncated, and a word in place of an empty value that queries compare."""
    texts = {*_TEXTS, "quarantine_reason"} - _IDENTITIES
    return (
        rows.with_columns(**known, raw_truncated=(pl.col("raw").str.len_chars() > LONGEST_RAW).fill_null(value=False))
        .with_columns(value_or_not_given(name) for name in COLUMNS)
        .with_columns(pl.col(OF_SOME_ENTRIES).fill_null(""))
        .with_columns(*(_truncated(name, LONGEST_TEXT) for name in texts), _truncated("raw", LONGEST_RAW))
        .rename({"time": TIME})
        .select(pl.col(name).cast(dtype) for name, dtype in EVENT_SCHEMA.items())
    )


def _nulls(*names: str) -> dict[str, pl.Expr]:
    """Columns without a value."""
    return {name: pl.lit(None, EVENT_SCHEMA[name]) for name in names}


def _truncated(name: str, longest: int) -> pl.Expr:
    text = pl.col(name)
    return pl.when(text.str.len_chars() > longest).then(text.str.head(longest) + CUT).otherwise(text).alias(name)
