"""Hostile audit entries through the whole hour, and the accounts that must hold afterwards.

Every entry carries a marker of its own, so that none can vanish behind another. What Cloudflare sends is made as text,
since half of what is hostile (a key twice, 5,000 digits, a broken byte) can't be said in Python's values.
`python -m audit_assets_tests.faults.hostile` plays 10,000 of them; the tests play a few hundred.
"""

import json
import os
import re
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any
from unittest.mock import patch

import httpx
import polars as pl
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from starlette.applications import Starlette
from starlette.requests import Request

from audit_assets.axiom.query_texts import EXAMPLE_DATASET, LET
from audit_assets.defs.resources import AxiomResource
from audit_assets.defs.steps.axiom_events import expected_in_axiom
from audit_assets.defs.steps.run_inputs import load_run_inputs
from audit_assets.sandbox.clock import SandboxClock
from audit_assets.sandbox.cloudflare.log import Timed
from audit_assets.sandbox.server import Sandbox, running
from audit_assets.storage.tables import ENTRIES, QUARANTINE
from audit_assets_tests.pipeline import HOUR, Pipeline, check_of, environment_of, problems_of
from audit_assets_tests.support import JumpingClock
from audit_assets_tests.tickets.test_hostile_tickets import OURS
from audit_assets_tests.tickets.test_markdown import all_tokens

FIRST = datetime(2026, 4, 1, 9, tzinfo=UTC)
"""Long ago, since Dagster knows no hour that has not ended by the real time of day."""

ACTORS = 12
"""So many actors write all the entries: each gets a ticket, and tickets are not what is tried here."""

QUERIES = Path(__file__).parents[2] / "audit_assets" / "axiom" / "queries"
LITERAL = re.compile(r'datetime\([0-9TZ:-]+\)|"[0-9a-f]{1,64}"|dynamic\(\["[^"\\]{0,100}"(, "[^"\\]{0,100}")*\]\)')
PLAIN = re.compile(r"[A-Za-z0-9_ .:/-]*")

# What is said

ATTACKS = [
    "'] | union ['x",
    '"; drop',
    "dns\n| where false",
    "](javascript:alert(1))",
    "```\n# h1",
    "<img src=x onerror=alert(1)>",
    "@everyone [x](https://evil.example)",
    "| a | b |\n|---|---|",
    "=cmd|' /C calc'!A0",
    "${jndi:ldap://x}{{7*7}}%s%n",
    "../../etc/passwd",
    "\0\x01\x1b[31m\r\n\t\x7f\x85",
    "\u202e\u2066\u200b\ufeff\u2028\ufffe\U0001f4a5\U000e0041",
    "\ud800",
    "\udfff\ud83d",
    "null",
    "NaN",
    "",
    " ",
    "\\",
    "é" * 40_000,
]
NUMBERS = ["0", "-0", "1e400", "-1e400", "1E-400", "NaN", "Infinity", "-Infinity", "1" * 5_000, "-" + "9" * 5_000]
NUMBERS += [str(2**63), str(-(2**63) - 1), str(10**18), "0.1", "1e22"]
STRUCTURES = ["null", "true", "false", "[]", "{}", '{"a":1,"a":2}', '{"id":"x","id":{"id":[]}}', '[{"":{}}]']
DEPTHS = [30, 400, 990, 100_000]
TIMES = [
    '"9999-12-31T23:59:59.999999999Z"',
    '"0000-01-01T00:00:00Z"',
    '"0001-01-01T00:00:00+23:59"',
    '"2026-02-30T10:00:00Z"',
    '"2026-04-01T25:61:61Z"',
    '"9999-12-31T23:59:59-23:59"',
    '"1970-01-01T00:00:00Z"',
    "99999999999999999999",
    "1e400",
    '"yesterday"',
    "null",
    "[]",
    "{}",
]


@dataclass(frozen=True, repr=False)
class Fragment:
    """JSON text that is not shown in its full length where an example fails."""

    text: str

    def __repr__(self) -> str:
        return f"Fragment({self.text[:40]!a}, {len(self.text):,} letters)"


texts = st.sampled_from(ATTACKS) | st.text(st.characters(exclude_categories=()), max_size=30)
quoted = texts.map(json.dumps)
nested = st.sampled_from(DEPTHS).flatmap(
    lambda depth: st.sampled_from(["[" * depth + "]" * depth, '{"a":' * depth + "1" + "}" * depth])
)
fragments = st.one_of(quoted, quoted, st.sampled_from(NUMBERS), st.sampled_from(STRUCTURES), nested).map(Fragment)

PATHS = {
    "v2": [
        ("action", "type"),
        ("action", "result"),
        ("action", "description"),
        ("actor", "email"),
        ("actor", "type"),
        ("actor", "token_name"),
        ("actor", "ip_address"),
        ("raw", "user_agent"),
        ("raw", "status_code"),
        ("raw", "uri"),
        ("resource", "type"),
        ("resource", "product"),
        ("resource", "id"),
        ("resource", "request"),
        ("zone", "name"),
        ("action",),
        ("actor",),
        ("raw",),
        ("resource",),
        ("zone",),
        ("new",),
        ("id",),
    ],
    "v1": [
        ("action", "type"),
        ("action", "result"),
        ("actor", "email"),
        ("actor", "ip"),
        ("actor", "type"),
        ("metadata", "token_name"),
        ("metadata", "zone_name"),
        ("resource", "type"),
        ("resource", "id"),
        ("interface",),
        ("newValue",),
        ("action",),
        ("actor",),
        ("metadata",),
        ("resource",),
        ("new",),
        ("id",),
    ],
}
TIME_PATH = {"v2": ("action", "time"), "v1": ("when",)}


@dataclass(frozen=True)
class Twist:
    """What is hostile about a member, before it has a marker, an hour and an actor."""

    stream: str
    laid_over: tuple[tuple[tuple[str, ...], Fragment], ...]
    """Fragments of JSON in the place of parts; a part that is laid over twice stands there twice."""

    time: str | None
    actor: int
    minute: int
    shape: str
    """"entry", or what stands in the place of one: "list", "text", "broken byte", "same id"."""


@st.composite
def twists(draw: st.DrawFn) -> Twist:
    """One hostile member of a page."""
    stream = draw(st.sampled_from(["v2", "v2", "v1"]))
    paths = st.sampled_from(PATHS[stream])
    return Twist(
        stream=stream,
        laid_over=tuple(draw(st.lists(st.tuples(paths, fragments), max_size=3))),
        time=draw(st.sampled_from([None] * 20 + TIMES)),
        actor=draw(st.integers(0, ACTORS - 1)),
        minute=draw(st.integers(0, 59)),
        shape=draw(st.sampled_from(["entry"] * 12 + ["list", "text", "broken byte", "same id"])),
    )


def member(twist: Twist, marker: str, hour: datetime) -> Timed:
    """The text that Cloudflare sends for it, filed at a minute of the hour."""
    at = hour + timedelta(minutes=twist.minute)
    if twist.shape == "list":
        return Timed(at, f'["{marker}",{twist.laid_over[0][1].text if twist.laid_over else 0}]')
    if twist.shape == "text":
        return Timed(at, f'"{marker}"')
    parts: dict[str, Any] = _typical(twist, marker, at)
    laid_over = [(path, fragment.text) for path, fragment in twist.laid_over]
    for path, fragment in [*laid_over, *([(TIME_PATH[twist.stream], twist.time)] if twist.time else [])]:
        place = parts
        for name in path[:-1]:
            if not isinstance(place.get(name), dict):
                break
            place = place[name]
        else:
            twice = path[-1] + "\0again" if path[-1] in place and fragment.startswith("{") else path[-1]
            place[twice] = fragment
    if twist.shape == "same id":
        parts["id"] = f'"{hour:%Y%m%d%H}"'
    body = _written({"marker": f'"{marker}"', **parts}).encode()
    return Timed(at, body[:-1] + b',"broken":"\xff\xfe"}' if twist.shape == "broken byte" else body)


def _typical(twist: Twist, marker: str, at: datetime) -> dict[str, Any]:
    """The parts of a typical entry, each as JSON text."""
    stamp, who = json.dumps(at.isoformat().replace("+00:00", "Z")), f"{twist.actor:032x}"
    actor = {"id": f'"{who}"', "email": f'"actor{twist.actor}@example.com"', "type": '"user"'}
    if twist.stream == "v1":
        return {
            "id": f'"{marker}"',
            "action": {"type": '"rec_add"', "result": "true"},
            "actor": actor,
            "metadata": {},
            "resource": {"type": '"DNS_record"', "id": '"1"'},
            "when": stamp,
        }
    return {
        "id": f'"{marker}"',
        "action": {"type": '"create"', "result": '"success"', "time": stamp},
        "actor": actor,
        "raw": {"method": '"POST"', "status_code": "200"},
        "resource": {"id": '"1"', "product": '"dns"', "type": '"dns_record"'},
        "zone": {"name": '"example.com"'},
    }


def _written(parts: dict[str, Any]) -> str:
    """JSON text of nested dicts of JSON texts; a key may stand there twice."""
    inner = (
        f"{json.dumps(name.split(chr(0))[0])}:{_written(value) if isinstance(value, dict) else value}"
        for name, value in parts.items()
    )
    return "{" + ",".join(inner) + "}"


# What must hold


class Overheard:
    """Passes every request on, and keeps the APL of those that ask something."""

    def __init__(self, app: Any, texts: list[str]) -> None:
        self.app = app
        self.texts = texts

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http" or not scope["path"].endswith("/_apl"):
            await self.app(scope, receive, send)
            return
        body = await Request(scope, receive).body()
        self.texts.append(json.loads(body)["apl"])

        async def again() -> Any:
            return {"type": "http.request", "body": body, "more_body": False}

        await self.app(scope, again, send)


class OverheardSandbox(Sandbox):
    """The sandbox, with every query that it is asked."""

    def __init__(self, data_dir: Path, *, clock: SandboxClock) -> None:
        super().__init__(data_dir, clock=clock)
        self.asked: list[str] = []

    def app(self) -> Starlette:
        app = super().app()
        app.add_middleware(Overheard, texts=self.asked)
        return app


class Trial:
    """A pipeline that is given one hour of hostile entries after the other."""

    def __init__(self, pipeline: Pipeline, sandbox: OverheardSandbox) -> None:
        self.pipeline = pipeline
        self.sandbox = sandbox
        self.sent = self.kept = self.quarantined = self.hours = 0
        self.next_hour = FIRST
        self._markers = (f"m{number:06d}m" for number in count())

    def play(self, hostile: list[Twist]) -> None:
        """An hour of them. Raises AssertionError unless each is accounted for and nothing is blocked."""
        hour = self.next_hour
        self.next_hour += HOUR
        markers = [next(self._markers) for _ in hostile]
        for twist, marker in zip(hostile, markers, strict=True):
            self.sandbox.cloudflare.add(twist.stream, [member(twist, marker, hour)])
        self.pipeline.clock.sleep(max(0.0, (hour + HOUR * 1.4 - self.pipeline.clock.now()).total_seconds()))
        result = self.pipeline.run(hour, open_tickets="always", flags={"preset": "plain"})
        assert result.success, problems_of(result)
        store = self.pipeline.store
        entries, doubtful = store.require(ENTRIES, hour), store.require(QUARANTINE, hour)
        self._check_accounts(hour, markers, entries, doubtful)
        assert check_of(result, "axiom_holds_every_entry").passed
        summary = self.pipeline.summary(hour)["entries"]
        assert (summary["pulled"], summary["quarantined"]) == (entries.height, doubtful.height)
        self._check_queries()
        self._check_tickets()
        self.sent, self.hours = self.sent + len(hostile), self.hours + 1
        self.kept, self.quarantined = self.kept + entries.height, self.quarantined + doubtful.height

    def _check_accounts(
        self, hour: datetime, markers: list[str], entries: pl.DataFrame, doubtful: pl.DataFrame
    ) -> None:
        raws = [*entries["raw"], *doubtful["raw"]]
        found = sorted(re.findall(r"m\d{6}m", raw)[0] for raw in raws)
        assert found == sorted(markers), "each exactly once, kept or quarantined"
        account = self.sandbox.cloudflare.environment("")["CLOUDFLARE_ACCOUNT_ID"]
        expected = expected_in_axiom(load_run_inputs(account, self.pipeline.store), [hour])
        held = self._held(hour)
        assert sorted(held) == sorted(expected["entry_id"])
        assert len(held) == len(markers)

    def events(self, hour: datetime) -> list[dict[str, Any]]:
        """The events of the hour as Axiom gives them back."""
        known = self.sandbox.environment()
        apl = f"['{known['AXIOM_DATASET']}'] | where _time >= datetime({hour:%Y-%m-%dT%H:%M:%SZ}) | limit 1000"
        answer = httpx.post(
            f"{known['AXIOM_URL']}/v1/datasets/_apl?format=tabular",
            json={"apl": apl},
            headers={"Authorization": f"Bearer {known['AXIOM_TOKEN']}"},
        ).json()
        [table] = answer["tables"]
        names = [field["name"] for field in table["fields"]]
        self.sandbox.asked.clear()
        return [dict(zip(names, row, strict=True)) for row in zip(*table["columns"], strict=True)]

    def _held(self, hour: datetime) -> list[str]:
        """The distinct ids that Axiom holds of the hour."""
        with AxiomResource(self.pipeline.clock).client() as client:
            return client.entry_ids(hour, hour + HOUR).to_list()

    def _check_queries(self) -> None:
        """Every query is one of our files, filled with times, hex strings and plain names."""
        bodies = {LET.sub("", path.read_text(encoding="utf-8")) for path in QUERIES.glob("*.apl")}
        for apl in self.sandbox.asked:
            assert LET.sub("", apl) in bodies, apl
            for _, literal in LET.findall(apl):
                assert LITERAL.fullmatch(literal), literal
                assert all(PLAIN.fullmatch(word) for word in re.findall(r'"([^"]*)"', literal)), literal
            assert apl.count(EXAMPLE_DATASET) == 1
        self.sandbox.asked.clear()

    def _check_tickets(self) -> None:
        """Whatever is written in it, a ticket has the structure that we gave it."""
        for ticket in self.pipeline.tickets():
            assert {token.type for token in all_tokens(ticket["title"])} <= OURS | {"paragraph_close"}
            kinds = {token.type for token in all_tokens(ticket["description"]) if not token.type.endswith("_close")}
            assert kinds <= OURS, kinds - OURS
            assert ticket["title"].isprintable()


@contextmanager
def trial(folder: Path) -> Iterator[Trial]:
    """A trial against a sandbox of its own."""
    clock = SandboxClock(FIRST + timedelta(minutes=80))
    with running(OverheardSandbox(folder / "sandbox", clock=clock)) as sandbox:
        assert isinstance(sandbox, OverheardSandbox)
        with patch.dict(os.environ, environment_of(sandbox, folder / "hours")):
            pipeline = Pipeline(sandbox, JumpingClock(clock), folder / "hours")
            with pipeline.instance:
                yield Trial(pipeline, sandbox)


# In full


def report(*, full: bool) -> str:
    """Play 10,000 hostile entries (or 300) and tell what became of them. Raises AssertionError if one is lost."""
    entries, at_once = (10_000, 100) if full else (300, 50)
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder, trial(Path(folder)) as played:

        @seed(1)
        @settings(
            max_examples=entries // at_once,
            deadline=None,
            database=None,
            phases=[Phase.generate],
            suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.large_base_example],
        )
        @given(st.lists(twists(), min_size=at_once, max_size=at_once))
        def play(hostile: list[Twist]) -> None:
            played.play(hostile)

        play()
        return (
            f"{played.sent:,} hostile entries in {played.hours} hours: {played.kept:,} kept, {played.quarantined:,} "
            f"quarantined, {played.sent - played.kept - played.quarantined} lost, 0 hours blocked, "
            f"{len(played.pipeline.tickets())} tickets; {time.monotonic() - began:.0f} s"
        )


if __name__ == "__main__":
    print(report(full=True))
