"""What an hour leaves behind, and what is wrong with it compared with an undisturbed run.

Read from the Parquet hour, from the dataset in Axiom and from the issues in Linear; of what the run reports only its
proof counts, and it is compared too. Ports and times differ from world to world and are left out. So are the charts of
tickets, which a failure may cost; but a chart that a ticket shows must exist.
"""

import json
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, fields
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import fsspec
import polars as pl

from audit_assets.config.errors import StoreError
from audit_assets.sandbox.axiom.axiom_service import DATASET
from audit_assets.storage.hour_groups import FOLDER, members_of
from audit_assets.storage.hour_store import HourStore
from audit_assets.storage.tables import AXIOM_RECORD, ENTRIES, FLAGGED, PEOPLE, QUARANTINE, STORE_ACCOUNT, SUMMARY
from audit_assets_tests.faults.hour import RunReport, is_readable
from audit_assets_tests.faults.points import FILE_STEPS, NEW_FOLDER, S3
from audit_assets_tests.faults.world import THE_HOUR, World

CHART = re.compile(r"!\[[^]]*\]\(http://127\.0\.0\.1:\d+/storage/assets/([0-9a-f-]{36})\)\n\n")

OBJECT = re.compile(
    rf"(({AXIOM_RECORD}|{PEOPLE})\.parquet|({STORE_ACCOUNT}|layout)\.json|{FOLDER}/[\d-]{{10}}/(\d\d\.[a-z]+|day)\.zip"
    r"|[a-z_]+/[\d-]{10}/\d\d\.(parquet|json))"
)
"""What an object in the store may be called."""

LINEARS_OWN = ("outcome", "identifier", "url")
"""What a summary has of a ticket that depends on when it was opened; the ticket itself is compared in Linear."""

AXIOM_SETTLED = timedelta(seconds=150)
"""After that, whatever Axiom took is visible."""


PROVED = ("passed", "expected", "found", "missing")
SUMMED_UP = ("entries", "flagged", "below_threshold")
"""What a proof and a summary have of the hour itself, however often it was run."""


@dataclass
class EndState:
    """What an hour left behind."""

    done: bool
    """Whether the last run succeeded."""

    entries: Counter[tuple[str, str]] = field(default_factory=Counter)
    """Of the Parquet hour: entry_id and raw text, how often."""

    quarantined: Counter[str] = field(default_factory=Counter)
    held: dict[str, int] = field(default_factory=dict)
    """The entry_ids in Axiom, with the number of physical copies."""

    flags: str = ""
    summary: dict[str, Any] = field(default_factory=dict)
    tickets: Counter[str] = field(default_factory=Counter)
    """Whom or what issues are about, by their titles."""

    issues: dict[str, Any] = field(default_factory=dict)
    comments: Counter[tuple[str, str]] = field(default_factory=Counter)
    attachments: Counter[tuple[str, str]] = field(default_factory=Counter)
    """By issue and text."""

    charts: int = 0
    charts_missing: int = 0
    """How many tickets show one, and of how many of these nothing is in the storage."""

    proof: dict[str, Any] = field(default_factory=dict)
    unreadable: list[str] = field(default_factory=list)
    """Files under a name that readers look for, which can't be read."""


@dataclass
class Violations:
    """What is wrong, counted. All zero is right; `descriptions` has it in words."""

    entries_lost: int = 0
    entries_twice: int = 0
    hours_missing: int = 0
    flags_wrong: int = 0
    tickets_lost: int = 0
    tickets_twice: int = 0
    notes_wrong: int = 0
    """Comments, attachments and texts of tickets that lack, are twice, or say something else."""

    proofs_wrong: int = 0
    files_torn: int = 0
    unexplained: int = 0
    """Failures that do not say in a sentence what is wrong."""

    order_wrong: int = 0
    """Files that a power cut could tear, though no kill does."""

    descriptions: list[str] = field(default_factory=list)

    def __bool__(self) -> bool:
        return any(self.counts().values())

    def counts(self) -> dict[str, int]:
        """The numbers by name."""
        return {each.name: getattr(self, each.name) for each in fields(self) if each.type is int}

    def add(self, kind: str, number: int, what: str) -> None:
        """So many violations of that kind, if any."""
        if number:
            setattr(self, kind, getattr(self, kind) + number)
            self.descriptions.append(f"{what}: {number}")

    def __add__(self, other: "Violations") -> "Violations":
        sums = {name: count + other.counts()[name] for name, count in self.counts().items()}
        return Violations(**sums, descriptions=self.descriptions + other.descriptions)


def read_end_state(world: World, report: RunReport | None, hour: datetime = THE_HOUR) -> EndState:
    """Read everything. `report`: of the last run, None if it was killed."""
    state = EndState(done=bool(report and report.success), proof=report.proof if report else {})
    store = HourStore(world.storage)
    state.unreadable = [*(_unreadable_objects(world) if world.bucket else _unreadable(world))]
    if not state.unreadable:
        entries, doubtful, flags = (store.read(table, hour) for table in (ENTRIES, QUARANTINE, FLAGGED))
        state.entries = Counter(_rows(entries, "entry_id", "raw"))
        state.quarantined = Counter(json.dumps(row) for row in _rows(doubtful, "stream", "reason", "raw"))
        state.flags = "" if flags is None else _anywhere(flags.write_json())
        state.summary = _without_outcomes(store.read_json(SUMMARY, hour) or {})
    state.held = _held(world)
    for issue in world.sandbox.linear.store.all("Issue"):
        state.tickets[issue["title"].rpartition(": ")[2]] += 1
        shown = CHART.findall(issue["description"])
        state.charts += len(shown)
        state.charts_missing += sum(not world.sandbox.linear.store.get("Upload", file)["stored"] for file in shown)
        state.issues[issue["id"]] = {name: _anywhere(str(issue[name])) for name in ("title", "description", "priority")}
    for comment in world.sandbox.linear.store.all("Comment"):
        state.comments[(comment["issueId"], _anywhere(comment["body"]))] += 1
    for attachment in world.sandbox.linear.store.all("Attachment"):
        state.attachments[(attachment["issueId"], _anywhere(attachment["url"]))] += 1
    return state


def violations(state: EndState, clean: EndState) -> Violations:
    """What is wrong when the hour is done, compared with an undisturbed run."""
    found = Violations()
    found.add("hours_missing", not state.done, "the hour is not done")
    found.add("files_torn", len(state.unreadable), "unreadable files under the names of whole ones")
    ids, expected = {entry for entry, _ in state.entries}, {entry for entry, _ in clean.entries}
    found.add("entries_lost", len(expected - ids), "entries that are not in the Parquet hour")
    found.add("entries_lost", len(clean.held.keys() - state.held.keys()), "entries that are not in Axiom")
    found.add("entries_lost", len(clean.quarantined - state.quarantined), "entries that are not in quarantine")
    found.add("entries_twice", (state.entries - clean.entries).total(), "entries too many in the Parquet hour")
    found.add("entries_twice", len(state.held.keys() - clean.held.keys()), "entries too many in Axiom")
    found.add("entries_twice", len(state.quarantined - clean.quarantined), "entries too many in quarantine")
    found.add("flags_wrong", state.flags != clean.flags, "other flags")
    found.add("flags_wrong", state.summary != clean.summary, "another summary")
    found.add("tickets_lost", (clean.tickets - state.tickets).total(), "flagged actors without a ticket")
    found.add("tickets_twice", (state.tickets - clean.tickets).total(), "tickets too many")
    found.add("notes_wrong", state.issues != clean.issues and state.tickets == clean.tickets, "other tickets")
    found.add("notes_wrong", state.charts_missing, "charts that are not there")
    found.add("notes_wrong", clean.charts == 0, "no charts even where nothing fails")
    found.add("notes_wrong", _differing(state.comments, clean.comments), "comments that differ")
    found.add("notes_wrong", _differing(state.attachments, clean.attachments), "attachments that differ")
    found.add("proofs_wrong", state.done and not _proves(state, clean), "a proof that differs from Axiom")
    return found


def violations_in_between(state: EndState) -> Violations:
    """What is wrong even in between, after a run that was killed or has failed."""
    found = Violations()
    found.add("files_torn", len(state.unreadable), "unreadable files under the names of whole ones")
    missing = {entry for entry, _ in state.entries} - state.held.keys()
    found.add("proofs_wrong", len(missing) if state.flags else 0, "entries judged though Axiom lacks them")
    found.add("entries_twice", _twice(state.entries.values()), "entries twice in the Parquet hour")
    found.add("tickets_twice", _twice(state.tickets.values()), "actors with two tickets")
    return found


def unexplained(report: RunReport | None) -> Violations:
    """Failures of a run without a sentence about what is wrong."""
    found = Violations()
    for problem in report.problems if report else ():
        found.add("unexplained", not is_readable(problem), f"a failure without a sentence: {problem}")
    return found


def violations_of_order(passed: Sequence[str]) -> Violations:
    """What a power cut would break, which no kill can show: a file must be written, synced, renamed and its folder
    synced, in that order, and a new folder's own name be synced before."""
    found = Violations()
    names = [re.sub(r" \(\d+\w\w\)$", "", point) for point in passed]
    tables = {
        name.removesuffix(f" {step}") for step in (*NEW_FOLDER, *FILE_STEPS) for name in names if name.endswith(step)
    }
    cycle = rf"(({'-'.join(NEW_FOLDER)}-)?{'-'.join(FILE_STEPS)}-)+"
    for table in sorted(tables):
        steps = [name.removeprefix(f"{table} ") for name in names if name.startswith(f"{table} ")]
        order = "".join(f"{step}-" for step in steps if step in (*NEW_FOLDER, *FILE_STEPS))
        found.add("order_wrong", not re.fullmatch(cycle, order), f"{table} is not safe from a power cut: {order}")
    found.add("order_wrong", len(tables) == 0, "no file was seen being written")
    return found


def _proves(state: EndState, clean: EndState) -> bool:
    """Whether the proof passed, has the numbers of the clean one, and is true."""
    numbers, expected = ({name: each.proof.get(name) for name in PROVED} for each in (state, clean))
    there = all(entry in state.held for entry, _ in state.entries)
    return there and numbers == expected and numbers["passed"] is True and numbers["missing"] == 0


def _rows(frame: pl.DataFrame | None, *columns: str) -> Iterable[Any]:
    return () if frame is None else frame.select(columns).iter_rows()


def _twice(counts: Iterable[int]) -> int:
    return sum(count - 1 for count in counts)


def _differing(one: Counter[Any], other: Counter[Any]) -> int:
    return (one - other).total() + (other - one).total()


def _anywhere(text: str) -> str:
    """Without the port, which each world has for itself, Dagster's name of the run, and the charts."""
    text = CHART.sub("", text)
    return re.sub(r"Dagster run `[0-9a-f-]{36}`", "a run", re.sub(r"127\.0\.0\.1:\d+", "sandbox", text))


def _without_outcomes(summary: dict[str, Any]) -> dict[str, Any]:
    """Without what may differ when an hour is run again: whether the run opened a ticket or found it, and its number in
    Linear, since the tickets of others may have come first."""
    flagged = [
        actor | {"ticket": {name: value for name, value in actor["ticket"].items() if name not in LINEARS_OWN}}
        for actor in summary.get("flagged", [])
    ]
    kept = {name: summary.get(name) for name in SUMMED_UP} | {"flagged": flagged}
    return json.loads(_anywhere(json.dumps(kept)))


def _unreadable(world: World) -> Iterable[str]:
    """Readers skip hidden names; a file under any other must be whole."""
    store, root = HourStore(world.storage), Path(world.storage)
    of_no_hour = (store.path(AXIOM_RECORD, None), store.path(PEOPLE, None), store.path(STORE_ACCOUNT, None, "json"))
    for path in sorted(root.rglob("*")):
        if path.is_file() and not path.name.startswith("."):
            named = re.fullmatch(r"(\d\d)\.(parquet|json)", path.name)
            hour = datetime.fromisoformat(f"{path.parent.name}T{named[1]}:00:00+00:00") if named else None
            try:
                if hour is None and path not in of_no_hour:
                    raise ValueError("a name of its own")
                reader = store.read if path.suffix == ".parquet" else store.read_json
                reader(path.parent.parent.name if hour else path.stem, hour)
            except (StoreError, ValueError):
                yield str(path.relative_to(root))


def _unreadable_objects(world: World) -> Iterable[str]:
    """The same of an object store, which has no hidden names."""
    system, root = fsspec.filesystem("s3"), world.storage.removeprefix(S3)
    system.invalidate_cache()  # of before the run, which was another process
    for path in sorted(system.find(root)):
        # From a byte on: without one, s3fs looks the size up in the listing of a folder
        name, content = path.removeprefix(f"{root}/"), system.cat_file(path, start=0)
        try:
            if not OBJECT.fullmatch(name):
                raise ValueError("a name of its own")
            members = members_of(content) if name.endswith(".zip") else {name: content}
            for member, text in members.items():
                _read_whole(member, text)
        except (ValueError, pl.exceptions.PolarsError):
            yield name


def _read_whole(name: str, content: bytes) -> None:
    if name.endswith(".zip"):
        for member, text in members_of(content).items():
            _read_whole(member, text)
    elif name.endswith(".parquet"):
        pl.read_parquet(content)
    else:
        json.loads(content)


def _held(world: World) -> dict[str, int]:
    """What Axiom has accepted, visible yet or not: time must not pass meanwhile."""
    axiom = world.sandbox.axiom.store
    with axiom.reading(DATASET, world.sandbox.shared.clock.now() + AXIOM_SETTLED) as view:
        start = THE_HOUR.replace(tzinfo=None)
        rows = view.source(start, start + timedelta(hours=1))
        held = f"SELECT entry_id, count(*) FROM ({rows}) WHERE entry_id IS NOT NULL GROUP BY entry_id"  # noqa: S608
        return dict(view.cursor.execute(held).fetchall())


def describe(found: Violations) -> str:
    """For a person."""
    return "; ".join(found.descriptions) or "nothing wrong"
