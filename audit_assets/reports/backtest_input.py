"""The input of a backtest: the events of a file, or what Axiom holds of a span of time and of the history before it.

Both become the same tidy rows, so that the backtest does not know where the changes came from. Nothing is written.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import polars as pl

from audit_assets.axiom.client import AxiomClient
from audit_assets.cloudflare.actor_keys import with_owners
from audit_assets.cloudflare.addresses import with_canonical_addresses
from audit_assets.config.errors import AuditAssetsError
from audit_assets.config.periods import parse_period
from audit_assets.detection.activity_arrays import add_actor_types, count_changes
from audit_assets.detection.alert_threshold import SCORE_HISTORY
from audit_assets.detection.networks import network_of
from audit_assets.detection.origin_uses import ORIGIN_HISTORY, uses_of
from audit_assets.detection.ranking import REACH
from audit_assets.detection.schemas import ACTOR_ACTIVITY, DELETES, OWNER
from audit_assets.detection.verdict_marks import VERDICTS
from audit_assets.reports.event_times import FORMS, parse_times
from audit_assets.storage.hour_store import HourStore
from audit_assets.storage.hours import A_DAY, AN_HOUR
from audit_assets.storage.tables import ENTRIES
from audit_assets.tickets.formatting import pluralize
from audit_assets.transport.untrusted_text import one_line

EVENT_COLUMNS = ("time", "actor", "actor_type", "resource_type")

ACTION = "action"
"""A further column, where a file has it: create, update or delete."""

ORIGIN_COLUMNS = ("ip_address", "user_agent", "interface", "token_id")
"""Further columns, where a file has them: from where the event came."""

LONGEST_TIME = 60
"""Characters of a time that can't be read, in an error."""

EARLIEST = datetime(1970, 1, 1, tzinfo=UTC)

KEY_SHOWN = 8
"""Hex digits of the actor key that are shown to distinguish actors of one name."""

ACTORS = pl.Schema({"actor_key": pl.String, "actor": pl.String, "actor_type": pl.String, "name": pl.String})
"""Each actor: its name as the policy has it (`actor`), and a `name` that no two actors share."""


QueryOrigins = Callable[[AxiomClient, Sequence[str], datetime, datetime], pl.DataFrame]


class BacktestError(AuditAssetsError):
    """The backtest can't run."""


@dataclass(frozen=True)
class BacktestInput:
    """All changes (`activity`, ACTOR_ACTIVITY with the key as `actor`), the actors (`actors`, ACTORS), and the hours
    [since, until) to judge; earlier ones are their history. `verdicts` (VERDICTS): people's verdicts on tickets;
    `origins` (ORIGIN_USES): from where everybody acted, None if that is not known; `unreadable`: so many parts of a
    file are no entries."""

    activity: pl.DataFrame
    actors: pl.DataFrame
    since: datetime
    until: datetime
    verdicts: pl.DataFrame = field(default_factory=VERDICTS.to_frame)
    origins: pl.DataFrame | None = None
    unreadable: int = 0


READERS: Mapping[str, Callable[[Path], pl.DataFrame]] = {
    ".parquet": pl.read_parquet,
    ".csv": lambda path: pl.read_csv(path, infer_schema_length=None),
    ".ndjson": lambda path: pl.read_ndjson(path, infer_schema_length=None),
    ".jsonl": lambda path: pl.read_ndjson(path, infer_schema_length=None),
}


def input_of(events: pl.DataFrame) -> BacktestInput:
    """The input that events are, as `read_events` returns them: an actor's name is its key, and an owner's."""
    activity = count_changes(events).select(pl.col(*ACTOR_ACTIVITY, DELETES), pl.col(f"^{OWNER}$"))
    hours = activity["hour"].sort()
    actors = activity.group_by("actor").agg(pl.col("actor_type").min())
    actors = actors.select("actor", "actor_type", actor_key="actor", name="actor").select(ACTORS.names())
    return BacktestInput(activity, actors.cast(ACTORS), hours[0], hours[-1] + AN_HOUR, origins=origins_of(events))


def origins_of(events: pl.DataFrame) -> pl.DataFrame | None:
    """ORIGIN_USES of events (as `read_events` returns them, each a change unless a column `changed` has it otherwise);
    None if they have none of ORIGIN_COLUMNS."""
    if not {*ORIGIN_COLUMNS} & {*events.columns}:
        return None
    missing = {name: pl.lit(None, pl.String) for name in ORIGIN_COLUMNS if name not in events.columns}
    spelled = with_canonical_addresses(events.with_columns(**missing), "ip_address")
    rows = spelled.select(
        "actor",
        "interface",
        pl.col("token_id").alias("token"),
        hour=pl.col("time").dt.truncate("1h"),
        network=network_of(pl.col("ip_address")),
        agent="user_agent",
        changed=pl.col("changed") if "changed" in events.columns else pl.lit(value=True),
    )
    return uses_of(rows)


def read_events(path: Path) -> pl.DataFrame:
    """Read events with the columns time (UTC), actor, actor_type and resource_type, and action, owner and
    ORIGIN_COLUMNS if the file has them; other columns are left out.

    Reads Parquet, NDJSON and CSV, by the file's suffix; times as `parse_times` does. Raises `BacktestError` with one
    sentence for anything else.
    """
    reader = READERS.get(path.suffix.lower())
    if reader is None:
        raise BacktestError(
            f"{path}: events are read from {', '.join(READERS)} files, not from {path.suffix or 'one without suffix'}."
        )
    try:
        events = reader(path)
    except FileNotFoundError:
        raise BacktestError(f"{path} does not exist.") from None
    except (OSError, pl.exceptions.PolarsError) as error:
        raise BacktestError(f"{path} can't be read as {path.suffix[1:]}: {str(error).splitlines()[0]}.") from None
    if path.suffix.lower() == ".csv" and (separator := _separator_of(events.columns)):
        raise BacktestError(f"{path} separates its columns with {separator}: write it with commas.")
    if missing := [name for name in EVENT_COLUMNS if name not in events.columns]:
        raise BacktestError(f"{path} has no column {', '.join(missing)}: events need {', '.join(EVENT_COLUMNS)}.")
    owners = pl.col(f"^{OWNER}$").cast(pl.String).replace("", None)
    others = pl.col([name for name in (ACTION, *ORIGIN_COLUMNS) if name in events.columns]).cast(pl.String)
    written = events["time"]
    events = events.select(*EVENT_COLUMNS, owners, others).with_columns(
        parse_times(written), pl.col("actor", "actor_type", "resource_type").cast(pl.String).fill_null("unknown")
    )
    if untimed := events["time"].null_count():
        offending = written.filter(events["time"].is_null())[0]
        raise BacktestError(
            f"{path}: the time of {pluralize(untimed, 'event')} can't be read, such as "
            f"{one_line(None if offending is None else str(offending), LONGEST_TIME)}: give it as {FORMS}."
        )
    if events.is_empty():
        raise BacktestError(f"{path} contains no events.")
    return events


def _separator_of(columns: list[str]) -> str | None:
    """What separates the columns of a CSV file that was read as one column: a semicolon or a tab; None if neither."""
    names = {"; (semicolons)": ";", "tabs": "\t"}
    return next((name for name, mark in names.items() if len(columns) == 1 and mark in columns[0]), None)


def parse_span(first: str, end: str) -> tuple[datetime, datetime]:
    """The hours from --from up to --to, each as `parse_period` reads it: the start of a day, of an hour or of a month.

    Raises `BacktestError` if one is not such a time, or the span is empty.
    """
    since, until = _parse_start("--from", first), _parse_start("--to", end)
    if until <= since:
        raise BacktestError(f"--to {end} is not after --from {first}: name a later day or hour.")
    return since, until


def _parse_start(option: str, text: str) -> datetime:
    try:
        start = parse_period(text).start
    except ValueError:
        start = None
    if start is None or start < EARLIEST:
        raise BacktestError(
            f"{option} is {text!r}: give a day or a full hour (UTC) such as 2026-10-01 or 2026-10-01T05."
        )
    return start


def newest_day(store: HourStore) -> tuple[datetime, datetime]:
    """The 24 hours up to the newest that is stored. Raises `BacktestError` if none is."""
    newest = store.newest(ENTRIES)
    if newest is None:
        raise BacktestError(
            f"{store.root} holds no hour: name a file of EVENTS, --from and --to, or the folder of a demo (--home)."
        )
    return newest - A_DAY + AN_HOUR, newest + AN_HOUR


def read_axiom(
    client: AxiomClient,
    since: datetime,
    until: datetime,
    *,
    now: datetime,
    verdicts: pl.DataFrame,
    query_origins: QueryOrigins | None = None,
) -> BacktestInput:
    """Read what Axiom holds of the hours [since, until) and of the REACH before them.

    The span ends `now` at the latest and begins with the first known change, so that days without data do not count.
    What Axiom holds is taken as it is, whoever wrote it: `audit-assets doctor` compares it with what was pulled.
    `query_origins` gives the ORIGIN_USES of actors in a span; without it these are not known. Raises `BacktestError` if
    Axiom holds no change, and as `AxiomClient` does.
    """
    changes = client.organisation_activity(since - REACH, until)
    actors = with_owners(client.actors(since - REACH, until))
    activity = add_actor_types(changes, actors)
    hours = activity["hour"].sort()
    if hours.is_empty() or hours[-1] < since:
        raise BacktestError(
            f"Axiom dataset '{client.dataset}' holds no change from {since:%Y-%m-%d %H:%M} to {until:%Y-%m-%d %H:%M} "
            "UTC: name a span that it holds (`audit-assets doctor` shows how far back that is)."
        )
    origins = None
    if query_origins is not None:
        origins = query_origins(client, actors["actor_key"].to_list(), since - SCORE_HISTORY - ORIGIN_HISTORY, until)
    names = with_unique_names(actors)
    return BacktestInput(activity, names, max(since, hours[0]), min(until, now), verdicts, origins)


def with_unique_names(actors: pl.DataFrame) -> pl.DataFrame:
    """ACTORS: those of one name get the beginning of their keys beside it."""
    name = pl.coalesce("actor", "actor_key")
    with_key = pl.format("{} ({})", name, pl.col("actor_key").str.head(KEY_SHOWN))
    unique = actors.with_columns(name=pl.when(name.is_duplicated()).then(with_key).otherwise(name))
    return unique.select(ACTORS.names()).cast(ACTORS)
