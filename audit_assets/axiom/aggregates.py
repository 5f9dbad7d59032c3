"""Aggregates as rows of the dataset: of each hour its FACTS, and of each day what every actor changed before it.

A row is packed: it holds an hour, or all of an actor, in one text, so that the rows that a query reads do not grow with
the history. Its fields are its own, so that no query of entries finds it. All rows of a day have times in the day's
first two seconds, so that they are read without the entries around them. Whoever reads them knows the digest of what
was sent: rows of another generation, of another sender, or of which some are missing, are not read. Pure.
"""

import hashlib
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from string import ascii_lowercase

import polars as pl

from audit_assets.axiom.events import TIME
from audit_assets.axiom.hour_facts import FACTS
from audit_assets.axiom.query_runner import CHANGES_BY_KIND_SCHEMA, HOUR_KIND, PAST_KIND, UTC_TIME
from audit_assets.axiom.query_window import DAY, EPOCH

A_SECOND = timedelta(seconds=1)

LONGEST_TEXT = 200_000
"""Characters of a row's text; what needs more has several rows. Axiom takes 1 MB (docs/facts/axiom.md, 2.1)."""

AGGREGATE_SCHEMA: dict[str, pl.DataType | type[pl.DataType]] = {
    TIME: UTC_TIME,
    **dict.fromkeys(("aggregate_id", "aggregate_kind", "aggregate_of", "aggregate_actor"), pl.String),
    "aggregate_part": pl.Int64,
    "aggregate_digest": pl.String,
    "aggregate_generation": pl.Int64,
    "aggregate_rows": pl.Int64,
    "aggregate_text": pl.String,
    "aggregate_events": pl.Int64,
}
"""A row of an aggregate. `aggregate_of`: the hour or the day; `aggregate_rows`: so many rows have this digest;
`aggregate_generation`: how many events it was made from, so that of several generations the highest is the newest;
`aggregate_events`: how many events or changes this row counts. The last is never null, which ingest_batches.py relies
on."""

ORGANISATION_TYPES, ORGANISATION_HOURS = "0" * 32, "1".zfill(32)
"""In place of an actor key, in the past: how often all actors together changed each resource type, and how many were
active (`change_kind` ACTIVE) and made how many changes. No hash is like these."""

TOGETHER = (ORGANISATION_TYPES, ORGANISATION_HOURS)

ACTIVE, CHANGED = "active", "changed"

EVERYBODY = ""
"""In place of an actor key: whoever reads an hour reads all of it, so that its actors share rows."""

_LINE = [name for name in FACTS if name != "hour"]
_TIMES = ("oldest", "newest")
_LETTERS = dict(zip(_LINE, ascii_lowercase, strict=False))
"""In place of the names, which each line repeats."""

_FACTS_LINE = pl.Struct({_LETTERS[name]: pl.Int64 if name in _TIMES else FACTS[name] for name in _LINE})
_PAST_LINE = pl.Struct(
    {"type": pl.String, "kind": pl.String, "hours_ago": pl.List(pl.Int64), "changes": pl.List(pl.Int64)}
)


def first_second(day: datetime) -> tuple[datetime, datetime]:
    """Where the aggregates of a UTC day's hours are."""
    return day, day + A_SECOND


def second_second(day: datetime) -> tuple[datetime, datetime]:
    """Where the past of a UTC day is."""
    return day + A_SECOND, day + 2 * A_SECOND


def pack_hour(facts: pl.DataFrame, hour: datetime) -> pl.DataFrame:
    """The rows (AGGREGATE_SCHEMA) that hold the FACTS of an hour; none if it holds none."""
    values = (pl.col(name).dt.epoch("us") if name in _TIMES else pl.col(name) for name in _LINE)
    line = pl.struct(value.alias(_LETTERS[name]) for name, value in zip(_LINE, values, strict=True))
    lines = facts.select("events", actor=pl.lit(EVERYBODY), line=line.struct.json_encode())
    rows = _rows(lines, HOUR_KIND, _name_of_hour(hour), first_second(_day_of(hour))[0])
    return _with_digests(rows, HOUR_KIND, int(facts["events"].sum()))


def digest_of_hour(rows: pl.DataFrame) -> str:
    """By which the rows of an hour are known."""
    return _digest(_contents(rows, HOUR_KIND))


def unpack_hours(rows: pl.DataFrame, digests: Mapping[datetime, str]) -> dict[datetime, pl.DataFrame]:
    """FACTS of those hours of which all rows with the known digest are there."""
    found = {}
    for hour, digest in digests.items():
        own = rows.filter(pl.col("aggregate_of") == _name_of_hour(hour), pl.col("aggregate_digest") == digest)
        whole = _true_rows(own, HOUR_KIND)
        if digest_of_hour(whole) == digest:
            named = _lines(whole, _FACTS_LINE).rename({letter: name for name, letter in _LETTERS.items()})
            lines = named.with_columns(pl.col(_TIMES).cast(UTC_TIME), hour=pl.lit(hour))
            found[hour] = lines.select(FACTS.names()).cast(FACTS)  # type: ignore[arg-type] - a Schema is one of its columns' types
    return found


def pack_past(changes: pl.DataFrame, day: datetime, generation: int) -> pl.DataFrame:
    """The rows (AGGREGATE_SCHEMA) that hold what actors changed (CHANGES_BY_KIND_SCHEMA) before a day."""
    by_type = (
        changes.sort("hour")
        .group_by("actor_key", "resource_type", "change_kind", maintain_order=True)
        .agg(hours_ago=(day - pl.col("hour")).dt.total_hours(), changes="changes", events=pl.col("changes").sum())
    )
    line = pl.struct("hours_ago", "changes", type="resource_type", kind="change_kind")
    lines = by_type.select(
        pl.col("actor_key").alias("actor"),
        line.struct.json_encode().alias("line"),
        "events",
    )
    rows = _rows(lines, PAST_KIND, f"{day:%Y-%m-%d}", second_second(day)[0])
    return _with_digests(rows, PAST_KIND, generation)


def unpack_past(rows: pl.DataFrame, day: datetime, digests: Mapping[str, str]) -> pl.DataFrame:
    """What was changed (CHANGES_BY_KIND_SCHEMA) by those actors of whom all rows with the known digest are there."""
    known = pl.DataFrame(
        {"aggregate_actor": [*digests], "aggregate_digest": [*digests.values()]},
        schema={"aggregate_actor": pl.String, "aggregate_digest": pl.String},
    )
    own = rows.filter(pl.col("aggregate_of") == f"{day:%Y-%m-%d}").join(known, on=known.columns, how="semi")
    true = _true_rows(own, PAST_KIND)
    whole = [
        part
        for (actor,), part in true.group_by("aggregate_actor")
        if _digest(_contents(part, PAST_KIND)) == digests[str(actor)]
    ]
    if not whole:
        return pl.DataFrame(schema=CHANGES_BY_KIND_SCHEMA)
    lines = _lines(pl.concat(whole), _PAST_LINE).explode("hours_ago", "changes")
    return lines.select(
        pl.col("aggregate_actor").alias("actor_key"),
        (pl.lit(day) - pl.duration(hours="hours_ago")).cast(UTC_TIME).alias("hour"),
        pl.col("type").alias("resource_type"),
        pl.col("kind").alias("change_kind"),
        "changes",
    )


def with_organisation(changes: pl.DataFrame) -> pl.DataFrame:
    """The changes of all actors, and beside them what ORGANISATION_TYPES and ORGANISATION_HOURS made together."""
    types = changes.group_by("hour", "resource_type").agg(pl.col("changes").sum())
    hours = changes.group_by("hour").agg(
        active=pl.col("actor_key").n_unique().cast(pl.Int64), changed=pl.col("changes").sum()
    )
    long = hours.unpivot([ACTIVE, CHANGED], index="hour", variable_name="change_kind", value_name="changes")
    both = [
        types.with_columns(actor_key=pl.lit(ORGANISATION_TYPES), change_kind=pl.lit("")),
        long.with_columns(actor_key=pl.lit(ORGANISATION_HOURS), resource_type=pl.lit("")),
    ]
    columns = [*CHANGES_BY_KIND_SCHEMA]
    return pl.concat([changes.select(columns), *(each.select(columns) for each in both)])


def organisation_hours_in(changes: pl.DataFrame) -> pl.DataFrame:
    """How many actors changed anything in each hour, and how many changes they made (ORGANISATION_HOURS_SCHEMA), from
    what `with_organisation` added."""
    own = changes.filter(pl.col("actor_key") == ORGANISATION_HOURS)
    counted = [pl.col("changes").filter(pl.col("change_kind") == kind).sum() for kind in (ACTIVE, CHANGED)]
    return own.group_by("hour").agg(counted[0].alias("active_actors"), counted[1].alias("changes")).sort("hour")


def organisation_types_in(changes: pl.DataFrame) -> pl.DataFrame:
    """How often all actors together changed each resource type, by hour (ORGANISATION_TYPES_SCHEMA), likewise."""
    own = changes.filter(pl.col("actor_key") == ORGANISATION_TYPES)
    return own.select("hour", "resource_type", "changes").sort("hour", "resource_type")


def digests_of_past(rows: pl.DataFrame) -> pl.DataFrame:
    """By which the past of each actor is known: actor_key, digest."""
    return rows.select(actor_key="aggregate_actor", digest="aggregate_digest").unique().sort("actor_key")


def _rows(lines: pl.DataFrame, kind: str, of: str, time: datetime) -> pl.DataFrame:
    """The lines of each actor (`line`, `events`) in as few rows as their length allows; without digest."""
    length = pl.col("line").str.len_chars() + 1
    return (
        lines.sort("actor", "line")
        .with_columns(aggregate_part=(length.cum_sum() - length).over("actor").cast(pl.Int64) // LONGEST_TEXT)
        .group_by("actor", "aggregate_part", maintain_order=True)
        .agg(text=pl.col("line").str.join(","), aggregate_events=pl.col("events").sum())
        .with_columns(
            pl.lit(time).cast(UTC_TIME).alias(TIME),
            aggregate_kind=pl.lit(kind),
            aggregate_of=pl.lit(of),
            aggregate_text="[" + pl.col("text") + "]",
        )
        .rename({"actor": "aggregate_actor"})
        .drop("text")
    )


def _with_digests(rows: pl.DataFrame, kind: str, generation: int) -> pl.DataFrame:
    """The rows in AGGREGATE_SCHEMA. A row that is equal in two generations has an id in each."""
    marked = [pl.DataFrame(schema=AGGREGATE_SCHEMA)]
    for _, part in rows.group_by("aggregate_actor", maintain_order=True):
        contents = _contents(part, kind)
        digest = _digest(contents)
        known = part.with_columns(
            pl.Series("aggregate_id", [_identity(digest, content) for content in contents]),
            aggregate_digest=pl.lit(digest),
            aggregate_rows=pl.lit(part.height, pl.Int64),
            aggregate_generation=pl.lit(generation, pl.Int64),
        )
        marked.append(known.select(pl.col(name).cast(dtype) for name, dtype in AGGREGATE_SCHEMA.items()))
    return pl.concat(marked)


def _true_rows(rows: pl.DataFrame, kind: str) -> pl.DataFrame:
    """Each row once, and none whose content is not what its id was made from."""
    single = rows.unique(["aggregate_id", "aggregate_text"])
    made_from = zip(single["aggregate_digest"], _contents(single, kind), strict=True)
    return single.filter(pl.col("aggregate_id") == pl.Series([_identity(*each) for each in made_from], dtype=pl.String))


def _contents(rows: pl.DataFrame, kind: str) -> list[str]:
    """Of each row a hash of what it holds."""
    named = rows.select("aggregate_of", "aggregate_actor", "aggregate_part", "aggregate_text").iter_rows()
    return [_sha256(f"{kind}\0{of}\0{actor}\0{part}\0{text}") for of, actor, part, text in named]


def _digest(contents: Iterable[str]) -> str:
    return _sha256("\n".join(sorted(contents)))


def _identity(digest: str, content: str) -> str:
    return _sha256(f"{digest}\0{content}")


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _lines(rows: pl.DataFrame, line: pl.Struct) -> pl.DataFrame:
    """The lines of rows that are known to be ours: aggregate_actor, and the fields of each line."""
    decoded = rows.select("aggregate_actor", line=pl.col("aggregate_text").str.json_decode(pl.List(line)))
    return decoded.explode("line").unnest("line")


def _name_of_hour(hour: datetime) -> str:
    return f"{hour:%Y-%m-%d-%H:00}"


def _day_of(hour: datetime) -> datetime:
    return EPOCH + (hour - EPOCH) // DAY * DAY
