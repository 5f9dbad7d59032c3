"""What a backtest goes over: the events of a file, or what Axiom holds of a span of time with its history.

Both become the same thing, a `Stream` of tidy rows, so that nothing behind it knows where the changes came from.
Nothing is written anywhere.
"""

from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl

from audit_assets.config.errors import AuditAssetsError
from audit_assets.defs.resources import AxiomResource, StorageResource
from audit_assets.detection import alert_threshold, hour_scores
from audit_assets.detection.activity_arrays import activity_of, typed
from audit_assets.detection.schemas import ACTOR_ACTIVITY, MEMORY
from audit_assets.detection.verdict_marks import without_verdicts
from audit_assets.tickets.verdict_table import TABLE as VERDICTS_TABLE
from audit_assets.tickets.verdict_table import decided_verdicts

EVENT_COLUMNS = ("time", "actor", "actor_type", "resource_type")

AN_HOUR = timedelta(hours=1)

REACH = max(hour_scores.HISTORY + MEMORY, alert_threshold.HISTORY)
"""So long before the first hour is read: an actor's history, each day of it with a prior from the 90 days before."""

EARLIEST = datetime(1970, 1, 1, tzinfo=UTC)

KEY_SHOWN = 8
"""So many hex digits of its key tell an actor from another of the same name."""

ACTORS = pl.Schema({"actor_key": pl.String, "actor": pl.String, "actor_type": pl.String, "name": pl.String})
"""Who each actor is: what it is called (`actor`, as the policy names it), and a `name` that no two share."""


class BacktestError(AuditAssetsError):
    """The backtest could not do its job."""


@dataclass(frozen=True)
class Stream:
    """Everybody's changes (`activity`, ACTOR_ACTIVITY, `actor` being the key), who is who (`actors`, ACTORS), and the
    hours [since, until) that are asked about; what lies before is their history. `verdicts` (VERDICTS): what people
    said of its hours on tickets."""

    activity: pl.DataFrame
    actors: pl.DataFrame
    since: datetime
    until: datetime
    verdicts: pl.DataFrame = field(default_factory=without_verdicts)


READERS: Mapping[str, Callable[[Path], pl.DataFrame]] = {
    ".parquet": pl.read_parquet,
    ".csv": lambda path: pl.read_csv(path, infer_schema_length=None),
    ".ndjson": lambda path: pl.read_ndjson(path, infer_schema_length=None),
    ".jsonl": lambda path: pl.read_ndjson(path, infer_schema_length=None),
}


def of_file(path: Path) -> Stream:
    """The events of a file: each counts as a change, an actor's name is its key. Raises `BacktestError`."""
    activity = activity_of(read_events(path)).select(ACTOR_ACTIVITY.names())
    hours = activity["hour"].sort()
    actors = activity.group_by("actor").agg(pl.col("actor_type").min())
    actors = actors.select("actor", "actor_type", actor_key="actor", name="actor").select(ACTORS.names())
    return Stream(activity, actors.cast(ACTORS), hours[0], hours[-1] + AN_HOUR)


def read_events(path: Path) -> pl.DataFrame:
    """Events with the columns time (UTC), actor, actor_type and resource_type; others are left out.

    Reads Parquet, NDJSON and CSV, by the file's ending; a time is a timestamp or text in ISO 8601, without a zone
    taken for UTC. Raises `BacktestError` with one sentence for anything else.
    """
    reader = READERS.get(path.suffix.lower())
    if reader is None:
        raise BacktestError(
            f"{path}: events are read from {', '.join(READERS)} files, not from {path.suffix or 'this'}."
        )
    try:
        events = reader(path)
    except FileNotFoundError:
        raise BacktestError(f"{path} does not exist.") from None
    except (OSError, pl.exceptions.PolarsError) as error:
        raise BacktestError(f"{path} can't be read as {path.suffix[1:]}: {str(error).splitlines()[0]}.") from None
    if missing := [name for name in EVENT_COLUMNS if name not in events.columns]:
        raise BacktestError(f"{path} lacks the columns {', '.join(missing)}: events have {', '.join(EVENT_COLUMNS)}.")
    events = events.select(EVENT_COLUMNS).with_columns(
        _utc(events["time"]), pl.col("actor", "actor_type", "resource_type").cast(pl.String).fill_null("unknown")
    )
    if untimed := events["time"].null_count():
        raise BacktestError(f"{path}: {untimed:,} events have no time that can be read: give it in ISO 8601.")
    if events.is_empty():
        raise BacktestError(f"{path} holds no event.")
    return events


def _utc(time: pl.Series) -> pl.Series:
    """The times in UTC; null where a text is none."""
    if time.dtype == pl.String:
        iso = time.str.replace(" ", "T", literal=True)
        zoned = iso.str.to_datetime("%+", strict=False, time_unit="us", time_zone="UTC")
        bare = (iso + "Z").str.to_datetime("%+", strict=False, time_unit="us", time_zone="UTC")
        return zoned.zip_with(zoned.is_not_null(), bare).alias("time")
    if not isinstance(time.dtype, pl.Datetime):
        return pl.Series("time", [None] * len(time), pl.Datetime("us", "UTC"))
    in_utc = time.dt.replace_time_zone("UTC") if time.dtype.time_zone is None else time.dt.convert_time_zone("UTC")
    return in_utc.dt.cast_time_unit("us").alias("time")


def span_of(first: str, end: str) -> tuple[datetime, datetime]:
    """The hours from --from up to --to: days or full hours in ISO 8601, in UTC unless they say otherwise.

    Raises `BacktestError` for what is no such time, or no span.
    """
    since, until = _hour("--from", first), _hour("--to", end)
    if until <= since:
        raise BacktestError(f"--to {end} is not after --from {first}: name a later day or hour.")
    return since, until


def _hour(option: str, text: str) -> datetime:
    try:
        time = datetime.fromisoformat(text)
        hour = time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)
    except (ValueError, OverflowError):
        hour = None
    if hour is None or hour != hour.replace(minute=0, second=0, microsecond=0) or hour < EARLIEST:
        raise BacktestError(
            f"{option} is {text!r}: give a day or a full hour (UTC) such as 2026-10-01 or 2026-10-01T05."
        )
    return hour


def of_axiom(axiom: AxiomResource, since: datetime, until: datetime) -> Stream:
    """What Axiom holds of the hours [since, until) and of the REACH before, and what people said of them. The span ends
    now at the latest, and begins with the first change that is known, so that no day counts of which nothing can be
    known.

    Raises `BacktestError` if there is no change in it, and as `AxiomClient` and `HourStore` do.
    """
    with closing(axiom.client()) as client:
        changes = client.organisation_activity(since - REACH, until)
        actors = client.actors(since - REACH, until)
    activity = typed(changes, actors)
    hours = activity["hour"].sort()
    if hours.is_empty() or hours[-1] < since:
        raise BacktestError(
            f"Axiom dataset '{axiom.dataset()}' holds no change from {since:%Y-%m-%d %H:%M} to {until:%Y-%m-%d %H:%M} "
            "UTC: name a span that it holds (`audit-assets doctor` says how far back that is)."
        )
    verdicts = decided_verdicts(StorageResource().open().read(VERDICTS_TABLE, None))
    return Stream(activity, _told_apart(actors), max(since, hours[0]), min(until, axiom.clock.now()), verdicts)


def _told_apart(actors: pl.DataFrame) -> pl.DataFrame:
    """ACTORS: those of one name get the beginning of their keys beside it."""
    name = pl.coalesce("actor", "actor_key")
    marked = pl.format("{} ({})", name, pl.col("actor_key").str.head(KEY_SHOWN))
    apart = actors.with_columns(name=pl.when(name.is_duplicated()).then(marked).otherwise(name))
    return apart.select(ACTORS.names()).cast(ACTORS)
