"""Axiom as the rest of the project sees it: put events in, prove that they are there, ask what was changed.

This module says what can be asked; how a question survives a bad answer is in questions.py, how events survive a
lost acknowledgement in deliveries.py, and axiom-py itself is only touched in wire.py.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any

import polars as pl

from audit_assets.axiom import query_texts
from audit_assets.axiom.axiom_py_adapter import CLASSIC_URL, NoAnswer, Wire
from audit_assets.axiom.events import EVENT_SCHEMA, TIME
from audit_assets.axiom.ingest_delivery import Deliverer, poll_pauses, span
from audit_assets.axiom.limits import Bounds
from audit_assets.axiom.query_runner import (
    ACTIVITY,
    ACTORS,
    FACTS,
    HELD,
    HELD_SCHEMA,
    INCOMPLETE,
    ORGANISATION_ACTIVITY,
    ORGANISATION_HOURS,
    ORGANISATION_TYPES,
    ORIGINS,
    Asker,
    Question,
    UnknownField,
)
from audit_assets.axiom.query_window import Piece
from audit_assets.axiom.receipts import (
    INGESTED_HOURS_SCHEMA,
    PROVED_HOURS_SCHEMA,
    DatasetFacts,
    DatasetLimits,
    IngestReceipt,
    Proof,
)
from audit_assets.config.change_filter import ChangeFilter
from audit_assets.config.errors import Incomplete
from audit_assets.transport.clock import Clock, SystemClock

ACTORS_AT_ONCE = 500
"""Keys in one query: a text of some 20 kB. Axiom allows a million values, but says nothing of a text's length."""

FACTS_SPAN = timedelta(days=365)


class AxiomClient:
    """One Axiom dataset. Closes with `close()` or as a context manager.

    Every method may raise `Refused` (token, permission, dataset), `Unavailable` (no answer in time) and `Incomplete`
    (an answer that can't be the whole truth), each in one sentence that names what to do.
    """

    def __init__(
        self,
        *,
        token: str,
        dataset: str,
        org_id: str | None = None,
        url: str = CLASSIC_URL,
        edge: bool | None = None,
        clock: Clock | None = None,
        bounds: Bounds | None = None,
        counted: ChangeFilter | None = None,
    ) -> None:
        """`url`: the classic API or an edge; `edge` says which of the two it speaks, None: judged by the host's name.
        `counted`: which entries count as changes.

        Raises `SettingError` when the token, dataset or address can't be one.
        """
        self.dataset = query_texts.check_dataset(dataset)
        self._clock = clock or SystemClock()
        self._bounds = bounds or Bounds()
        self._wire = Wire(
            token=token, dataset=dataset, org_id=org_id, url=url, edge=edge, clock=self._clock, bounds=self._bounds
        )
        self._counted = counted or ChangeFilter()
        self._asker = Asker(self._wire, self._clock, self._bounds, self._counted)

    def __enter__(self) -> "AxiomClient":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._wire.close()

    def ingest(self, events: pl.DataFrame) -> IngestReceipt:
        """Send those events (a frame in EVENT_SCHEMA, as `events_from` makes it) that Axiom does not hold yet.

        May be repeated at will: what is visible is not sent again, and what is sent twice after a lost answer is
        counted once by every query.
        """
        offered = events.select(EVENT_SCHEMA.keys()).unique("entry_id", keep="first", maintain_order=True)
        if offered.is_empty():
            return IngestReceipt(0, 0, 0, 0, 0, pl.DataFrame(schema=INGESTED_HOURS_SCHEMA))
        held = self.entry_ids(*span(offered, TIME, "1s")).to_frame("entry_id").with_columns(there=pl.lit(value=True))
        marked = offered.join(held, on="entry_id", how="left")
        lacking = marked.filter(pl.col("there").is_null()).drop("there")
        deliverer = Deliverer(self._wire, self.entry_ids, self._clock, self._bounds)
        deliverer.deliver(lacking)
        return IngestReceipt(
            offered=len(offered),
            already_there=len(offered) - len(lacking),
            sent=len(lacking),
            batches=deliverer.batches,
            sent_again=deliverer.sent_again,
            hours=_ingested_hours(marked),
        )

    def entry_ids(self, start: datetime, end: datetime) -> pl.Series:
        """The distinct entry_ids that are visible in [start, end), as strings."""
        return self._held(start, end)["entry_id"].unique()

    def prove(self, expected: pl.DataFrame) -> Proof:
        """Whether Axiom holds exactly these entries (columns entry_id, time) in the hours of their times.

        Looks again until nothing is missing or the bound for visibility is over; never raises for what is missing.
        """
        if expected.is_empty():
            return Proof(0, 0, 0, 0, 0, 0, 0.0, pl.DataFrame(schema=PROVED_HOURS_SCHEMA))
        wanted = expected.select("entry_id", hour=pl.col("time").dt.truncate("1h")).unique("entry_id")
        hours = wanted.select("hour").unique()
        held = self._held(*span(wanted, "hour", "1h"))
        waited = 0.0
        for pause in self._pauses():
            missing = wanted.join(held, on="entry_id", how="anti")
            if missing.is_empty():
                break
            self._clock.sleep(pause)
            waited += pause
            held = _renewed(held, *span(missing, "hour", "1h"), self._held(*span(missing, "hour", "1h")))
        return _proof(wanted, held.join(hours, on="hour", how="semi"), waited)

    def activity(self, actor_keys: Sequence[str], start: datetime, end: datetime) -> pl.DataFrame:
        """What these actors changed in [start, end): ACTIVITY_SCHEMA, a row per actor, hour and resource type.

        Each entry counts once, however often it was ingested. `start` and `end` are full hours.
        """
        return self._of_actors(ACTIVITY, actor_keys, start, end).sort("actor_key", "hour", "resource_type")

    def activity_text(self, actor_keys: Sequence[str], start: datetime, end: datetime) -> str:
        """The query of `activity` as it is sent, for a link that shows a person the same rows."""
        return query_texts.activity_text(self.dataset, actor_keys, start, end, self._counted)

    def origins(self, actor_keys: Sequence[str], start: datetime, end: datetime) -> pl.DataFrame:
        """From where these actors acted in [start, end), changes or not: ORIGINS_SCHEMA, a row per actor, UTC day and
        combination of address, user agent (`agent`), interface (`via`) and token id, with its `oldest` use that day.
        What an entry does not say is null or empty."""
        return self._of_actors(ORIGINS, actor_keys, start, end)

    def organisation_activity(self, start: datetime, end: datetime) -> pl.DataFrame:
        """As `activity`, of everybody. Much for a large organisation: asked once a day."""
        return self._ask_visible(ORGANISATION_ACTIVITY, Piece(start, end)).sort("actor_key", "hour", "resource_type")

    def actors(self, start: datetime, end: datetime) -> pl.DataFrame:
        """What each actor of [start, end) was last called: actor_key, actor, actor_type; one row each."""
        names = self._ask_visible(ACTORS, Piece(start, end)).sort("newest", "actor", "actor_type", nulls_last=False)
        return names.group_by("actor_key").agg(pl.col("actor", "actor_type").last()).sort("actor_key")

    def organisation_hours(self, start: datetime, end: datetime) -> pl.DataFrame:
        """All actors together in [start, end): a row per hour with changes: hour, active_actors, changes."""
        return self._ask_visible(ORGANISATION_HOURS, Piece(start, end)).sort("hour")

    def organisation_types(self, start: datetime, end: datetime) -> pl.DataFrame:
        """All actors together in [start, end): a row per hour and resource type: hour, resource_type, changes."""
        return self._ask_visible(ORGANISATION_TYPES, Piece(start, end)).sort("hour", "resource_type")

    def dataset_facts(self) -> DatasetFacts:
        """What `doctor` tells of the dataset. Reading it needs the capability to query it."""
        end = self._clock.now().replace(minute=0, second=0, microsecond=0) + timedelta(days=1)
        rows, oldest, newest = self._extent(end - FACTS_SPAN, end)
        return DatasetFacts(
            name=self.dataset,
            limits=self.dataset_limits(),
            rows=rows,
            incomplete=self.incomplete_events(end - FACTS_SPAN, end),
            oldest=oldest,
            newest=newest,
        )

    def dataset_limits(self) -> DatasetLimits:
        """How long the dataset keeps events and how many fields it has, as far as this token may know."""
        listed = (item for item in self._listed("/v2/datasets") if item.get("name") == self.dataset)
        fields = [item for item in self._listed(f"/v2/datasets/{self.dataset}/fields") if item.get("name")]
        return DatasetLimits(retention_days=_retention(next(listed, {})), fields=len(fields) or None)

    def incomplete_events(self, start: datetime, end: datetime) -> int:
        """How many events of [start, end) lack a field that every event has when it is sent."""
        answer = self._answer_once_visible(INCOMPLETE, Piece(start, end))
        return self._extent(start, end)[0] if answer is None else int(answer["events"].sum())

    def _held(self, start: datetime, end: datetime) -> pl.DataFrame:
        """HELD_SCHEMA; empty while no event of ours is visible in the whole dataset."""
        try:
            return self._asker.ask(HELD, Piece(start, end))
        except UnknownField:
            return pl.DataFrame(schema=HELD_SCHEMA)

    def _of_actors(self, question: Question, actor_keys: Sequence[str], start: datetime, end: datetime) -> pl.DataFrame:
        """The answer about these actors, as many at once as a query may name."""
        keys = sorted(set(actor_keys))
        chunks = (tuple(keys[at : at + ACTORS_AT_ONCE]) for at in range(0, len(keys), ACTORS_AT_ONCE))
        frames = [self._ask_visible(question, Piece(start, end, actors=chunk)) for chunk in chunks]
        return pl.concat([pl.DataFrame(schema=question.schema), *frames])

    def _ask_visible(self, question: Question, piece: Piece) -> pl.DataFrame:
        """The answer, waiting while entries are visible and their fields are not yet."""
        answer = self._answer_once_visible(question, piece)
        if answer is None:
            raise Incomplete(
                f"Axiom dataset '{self.dataset}' holds entries, but a field of theirs is not visible after "
                f"{self._bounds.visibility_seconds:.0f} s: run the hour again later"
            )
        return answer

    def _answer_once_visible(self, question: Question, piece: Piece) -> pl.DataFrame | None:
        """The answer; None if entries are visible and a field of theirs has not become so within the bound."""
        pauses = self._pauses()
        while True:
            try:
                return self._asker.ask(question, piece)
            except UnknownField:
                if not self._extent(piece.start, piece.end)[0]:
                    return pl.DataFrame(schema=question.schema)
            pause = next(pauses, None)
            if pause is None:
                return None
            self._clock.sleep(pause)

    def _pauses(self) -> Iterator[float]:
        return poll_pauses(self._bounds.visibility_seconds, self._bounds.longest_poll_seconds)

    def _extent(self, start: datetime, end: datetime) -> tuple[int, datetime | None, datetime | None]:
        """Physical rows, oldest and newest time."""
        try:
            return self._asker.ask(FACTS, Piece(start, end)).row(0)
        except UnknownField:
            return 0, None, None

    def _listed(self, path: str) -> list[dict[str, Any]]:
        """What a list of Axiom's holds; nothing if this token may not read it, which is no fault."""
        try:
            answer = self._wire.get(path)
        except NoAnswer:
            return []
        listed = answer.json() if answer.status == 200 else []
        return [item for item in listed if isinstance(item, dict)] if isinstance(listed, list) else []


def _retention(listed: dict[str, Any]) -> int | None:
    """Days, if the dataset has a period of its own; what holds for one that has none is not documented."""
    days = listed.get("retentionDays")
    return days if isinstance(days, int) and days > 0 and listed.get("useRetentionPeriod") is not False else None


def _ingested_hours(marked: pl.DataFrame) -> pl.DataFrame:
    by_hour = marked.group_by(hour=pl.col(TIME).dt.truncate("1h"))
    counted = by_hour.agg(offered=pl.len(), already_there=pl.col("there").count())
    return counted.select(pl.col(name).cast(dtype) for name, dtype in INGESTED_HOURS_SCHEMA.items()).sort("hour")


def _renewed(held: pl.DataFrame, start: datetime, end: datetime, newer: pl.DataFrame) -> pl.DataFrame:
    """`held` with the hours [start, end) as a newer answer has them."""
    outside = ~pl.col("hour").is_between(start, end, closed="left")
    return pl.concat([held.filter(outside), newer])


def _proof(wanted: pl.DataFrame, held: pl.DataFrame, waited: float) -> Proof:
    """Compare by hour: the ids wanted with those held in the wanted hours."""
    ids = held.group_by("entry_id", "hour").agg(pl.col("copies").sum())
    found = wanted.join(ids, on=["entry_id", "hour"], how="semi")
    unexpected = ids.join(wanted, on=["entry_id", "hour"], how="anti")
    hours = (
        wanted.group_by("hour").agg(expected=pl.len())
        .join(found.group_by("hour").agg(found=pl.len()), on="hour", how="left")
        .join(unexpected.group_by("hour").agg(unexpected=pl.len()), on="hour", how="left")
        .with_columns(pl.col("found", "unexpected").fill_null(0))
        .select(pl.col(name).cast(dtype) for name, dtype in PROVED_HOURS_SCHEMA.items())
        .sort("hour")
    )  # fmt: skip
    return Proof(
        expected=len(wanted),
        found=len(found),
        missing=len(wanted) - len(found),
        unexpected=len(unexpected),
        rows=int(ids["copies"].sum()),
        copies=int((ids["copies"] - 1).sum()),
        waited_seconds=waited,
        hours=hours,
    )
