"""A pull of Cloudflare's log → the stored hours of its entries, and of what could not be understood.

An hour only grows: what was once pulled stays as it is, since Axiom holds it so, and what is new is added.
No hour is in memory as a whole: a large one would take more than everything else together.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

import polars as pl

from audit_assets.cloudflare.audit_log_client import Pull
from audit_assets.config.errors import AuditAssetsError
from audit_assets.storage.hour_store import HourStore, in_parts
from audit_assets.storage.hours import AN_HOUR, key_of
from audit_assets.storage.pull_history import QUARANTINED as IN_QUARANTINE
from audit_assets.storage.pull_history import SETTLING, HourPull, KnownPull, content_of, pulls_of, with_pull
from audit_assets.storage.tables import ENTRIES, QUARANTINE

QUARANTINED = pl.Schema(
    {
        "stream": pl.String,
        "reason": pl.String,
        "native_id": pl.String,
        "time": pl.Datetime("us", "UTC"),
        "raw": pl.String,
    }
)
"""What could not be understood, and why. `time` is its own, or that of the entry before it; `raw` is ASCII JSON."""

SAME_TEXT = ["stream", "reason", "raw"]
"""What makes two quarantined members one: most of them have no id that could be trusted."""

REACH_BACK = AN_HOUR * 24
"""So far before its place in the log may one without a time have been filed: as long as a run of hours is."""

NOTHING_HELD = pl.DataFrame(schema={"entry_id": pl.String, "stream": pl.String})

PREVIEW = ("time", "actor", "action", "resource_type", "resource_id", "stream")
PREVIEW_ROWS = 5


class HourNotEnded(AuditAssetsError):
    """An hour that is still running would be stored as if it were whole."""


@dataclass(frozen=True)
class FiledHour:
    """An hour as it was stored, in numbers. What the policy leaves out is in `changes_before_policy`: an hour is pulled
    whatever the policy is, even one that can't be read."""

    hour: datetime
    rows: int
    by_stream: Mapping[str, int]
    changes_before_policy: int
    actors: int
    quarantined: int
    preview: pl.DataFrame
    pulls: Sequence[HourPull]
    entry_ids_sha256: str
    content: str | None


def refuse_hours_to_come(hours: Sequence[datetime], now: datetime) -> None:
    """Raises `HourNotEnded` if an hour is still running."""
    if (end := hours[-1] + AN_HOUR) > now:
        settled = end + SETTLING
        raise HourNotEnded(
            f"The hour {key_of(hours[-1])} has not ended: it can be pulled from {settled:%Y-%m-%d %H:%M} UTC on."
        )


def file_hours(
    store: HourStore,
    hours: Sequence[datetime],
    pulls: Sequence[Pull],
    known: Mapping[datetime, KnownPull],
    *,
    in_passing: bool = False,
) -> Iterator[FiledHour]:
    """Store each hour of a complete pull, one pull per stream. `known`: the newest pulls that Dagster's record has.
    `in_passing`: of hours that were stored before, where a quarantine to which nothing came is left alone: in an object
    store it would be two requests."""
    came = _filed_once(store, hours, pulls)
    for hour in hours:
        listed = pl.concat([pull.entries_of(hour) for pull in pulls])
        stored = store.scan(ENTRIES, hour)
        with store.reading(ENTRIES, hour):
            held = NOTHING_HELD if stored is None else stored.select("entry_id", "stream").collect()
        ids = listed.select("entry_id").collect()["entry_id"]
        entries = listed
        if stored is not None:  # without any part there are its columns
            entries = pl.concat([stored.clear(), *in_parts(stored, held.height), *_new(listed, ids, held)])
        own = came.filter(pl.col("time").is_between(hour, hour + AN_HOUR, closed="left"))
        before = (store.metadata(ENTRIES, hour) or {}).get(IN_QUARANTINE)
        if in_passing and own.is_empty() and before is not None:
            quarantined = before
        elif stored is None and own.is_empty() and store.write_first(QUARANTINE, hour, own):
            quarantined = 0
        else:
            everything = _all_quarantined(store, hour, own)
            quarantined = everything.height
            store.write(QUARANTINE, hour, everything)  # first: the hour counts as pulled once its entries are there
        history = _history(store, hour, held, ids, pulls, known.get(hour)) | {IN_QUARANTINE: quarantined}
        filed = _filed_hour(hour, entries, quarantined, history)
        store.write(ENTRIES, hour, entries, history)
        yield filed


def _new(listed: pl.LazyFrame, ids: pl.Series, held: pl.DataFrame) -> Iterator[pl.LazyFrame]:
    """The listed entries that are not held, found by their ids: to join the entries takes 500 MB of a large hour, and
    nearly always there are none."""
    came = ids.to_frame().join(held, on="entry_id", how="anti")["entry_id"]
    if not came.is_empty():
        yield listed.filter(pl.col("entry_id").is_in(came.implode()))


def _history(
    store: HourStore,
    hour: datetime,
    held: pl.DataFrame,
    listed: pl.Series,
    pulls: Sequence[Pull],
    known: KnownPull | None,
) -> dict[str, Any]:
    streams = {
        pull.evidence.stream: asdict(pull.evidence) | {"started_at": pull.evidence.started_at.isoformat()}
        for pull in pulls
    }
    return with_pull(store.metadata(ENTRIES, hour), streams, held, listed, known.began if known else None)


def _filed_once(store: HourStore, hours: Sequence[datetime], pulls: Sequence[Pull]) -> pl.DataFrame:
    """What the pulls put into quarantine, without what lies in that of another hour already.

    One without a time is filed behind the entry before it, and which that is depends on where a pull began: it stays
    where it was filed first.
    """
    came = pl.DataFrame(
        [entry for pull in pulls for entry in pull.quarantined], schema={**QUARANTINED, "dated": pl.Boolean}
    )
    dated, undated = came.filter("dated").drop("dated"), came.filter(~pl.col("dated")).drop("dated")
    if undated.is_empty():
        return dated
    around = range(-(REACH_BACK // AN_HOUR), len(hours) + 1)
    filed = [store.read(QUARANTINE, hours[0] + AN_HOUR * step, SAME_TEXT) for step in around]
    known = pl.concat([undated.select(SAME_TEXT).clear(), *(frame for frame in filed if frame is not None)])
    return pl.concat([dated, undated.join(known, on=SAME_TEXT, how="anti", maintain_order="left")])


def _all_quarantined(store: HourStore, hour: datetime, listed: pl.DataFrame) -> pl.DataFrame:
    """The quarantine only grows as well: it is the one place where these entries are kept."""
    before = store.read(QUARANTINE, hour)
    everything = listed if before is None else pl.concat([before, listed])
    return everything.unique(SAME_TEXT, keep="first", maintain_order=True)


def _filed_hour(hour: datetime, entries: pl.LazyFrame, quarantined: int, history: Mapping[str, Any]) -> FiledHour:
    counted = entries.select("stream", "is_change", "actor_key").collect()
    return FiledHour(
        hour=hour,
        rows=counted.height,
        by_stream=dict(counted.group_by("stream").len().iter_rows()),
        changes_before_policy=int(counted["is_change"].sum()),
        actors=counted["actor_key"].n_unique(),
        quarantined=quarantined,
        preview=entries.select(PREVIEW).sort("time").head(PREVIEW_ROWS).collect(),
        pulls=pulls_of(history),
        entry_ids_sha256=history["entry_ids_sha256"],
        content=content_of(history),
    )
