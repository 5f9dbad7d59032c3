"""Whole hours of hostile audit entries, and what must be true afterwards: none lost, none twice, none blocks an hour.

    python -m audit_assets_tests.faults.hostile

plays 10,000 of them; the tests play a few hundred. How the entries look is in hostile_entries.py.
"""

import json
import os
import re
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
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
from audit_assets.sandbox.sandbox_clock import SandboxClock
from audit_assets.sandbox.server import Sandbox, serve_sandbox
from audit_assets.storage.tables import ENTRIES, QUARANTINE
from audit_assets_tests.faults.hostile_entries import Twist, member, twists
from audit_assets_tests.pipeline import HOUR, Pipeline, check_of, environment_of, problems_of
from audit_assets_tests.support import JumpingClock
from audit_assets_tests.tickets.test_hostile_tickets import OURS
from audit_assets_tests.tickets.test_markdown import all_tokens

FIRST = datetime(2026, 4, 1, 9, tzinfo=UTC)
"""Long ago, since Dagster knows no hour that has not ended by the real time of day."""

QUERIES = Path(__file__).parents[2] / "audit_assets" / "axiom" / "queries"
LITERAL = re.compile(r'datetime\([0-9TZ:-]+\)|"[0-9a-f]{1,64}"|dynamic\(\["[^"\\]{0,100}"(, "[^"\\]{0,100}")*\]\)')
PLAIN = re.compile(r"[A-Za-z0-9_ .:/-]*")


class QueryRecorder:
    """Passes every request on, and records the APL of queries."""

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


class RecordingSandbox(Sandbox):
    """The sandbox, with all queries that it was sent."""

    def __init__(self, data_dir: Path, *, clock: SandboxClock) -> None:
        super().__init__(data_dir, clock=clock)
        self.queries: list[str] = []

    def app(self) -> Starlette:
        app = super().app()
        app.add_middleware(QueryRecorder, texts=self.queries)
        return app


class Trial:
    """A pipeline that runs one hour of hostile entries after the other."""

    def __init__(self, pipeline: Pipeline, sandbox: RecordingSandbox) -> None:
        self.pipeline = pipeline
        self.sandbox = sandbox
        self.sent = self.kept = self.quarantined = self.hours = 0
        self.next_hour = FIRST
        self._markers = (f"m{number:06d}m" for number in count())

    def play(self, hostile: list[Twist]) -> None:
        """Run an hour of them. Raises AssertionError unless each is accounted for and nothing is blocked."""
        hour = self.next_hour
        self.next_hour += HOUR
        markers = [next(self._markers) for _ in hostile]
        for twist, marker in zip(hostile, markers, strict=True):
            self.sandbox.cloudflare.add(twist.stream, [member(twist, marker, hour)])
        self.pipeline.clock.sleep(max(0.0, (hour + HOUR * 1.4 - self.pipeline.clock.now()).total_seconds()))
        result = self.pipeline.run(hour, open_tickets="always", flags={"preset": "plain"})
        assert result.success, problems_of(result)
        store = self.pipeline.store
        entries, quarantined = store.require(ENTRIES, hour), store.require(QUARANTINE, hour)
        self._check_accounts(hour, markers, entries, quarantined)
        assert check_of(result, "axiom_holds_every_entry").passed
        summary = self.pipeline.summary(hour)["entries"]
        assert (summary["pulled"], summary["quarantined"]) == (entries.height, quarantined.height)
        self._check_queries()
        self._check_tickets()
        self.sent, self.hours = self.sent + len(hostile), self.hours + 1
        self.kept, self.quarantined = self.kept + entries.height, self.quarantined + quarantined.height

    def _check_accounts(
        self, hour: datetime, markers: list[str], entries: pl.DataFrame, quarantined: pl.DataFrame
    ) -> None:
        raws = [*entries["raw"], *quarantined["raw"]]
        found = sorted(re.findall(r"m\d{6}m", raw)[0] for raw in raws)
        assert found == sorted(markers), "each exactly once, kept or quarantined"
        account = self.sandbox.cloudflare.environment("")["CLOUDFLARE_ACCOUNT_ID"]
        expected = expected_in_axiom(load_run_inputs(account, self.pipeline.store), [hour])
        held = self._held(hour)
        assert sorted(held) == sorted(expected["entry_id"])
        assert len(held) == len(markers)

    def events(self, hour: datetime) -> list[dict[str, Any]]:
        """The events of the hour as Axiom returns them."""
        known = self.sandbox.environment()
        apl = f"['{known['AXIOM_DATASET']}'] | where _time >= datetime({hour:%Y-%m-%dT%H:%M:%SZ}) | limit 1000"
        answer = httpx.post(
            f"{known['AXIOM_URL']}/v1/datasets/_apl?format=tabular",
            json={"apl": apl},
            headers={"Authorization": f"Bearer {known['AXIOM_TOKEN']}"},
        ).json()
        [table] = answer["tables"]
        names = [field["name"] for field in table["fields"]]
        self.sandbox.queries.clear()
        return [dict(zip(names, row, strict=True)) for row in zip(*table["columns"], strict=True)]

    def _held(self, hour: datetime) -> list[str]:
        """The distinct ids of the hour in Axiom."""
        with AxiomResource(self.pipeline.clock).client() as client:
            return client.entry_ids(hour, hour + HOUR).to_list()

    def _check_queries(self) -> None:
        """Every query is one of our files, filled with times, hex strings and plain names."""
        bodies = {LET.sub("", path.read_text(encoding="utf-8")) for path in QUERIES.glob("*.apl")}
        for apl in self.sandbox.queries:
            assert LET.sub("", apl) in bodies, apl
            for _, literal in LET.findall(apl):
                assert LITERAL.fullmatch(literal), literal
                assert all(PLAIN.fullmatch(word) for word in re.findall(r'"([^"]*)"', literal)), literal
            assert apl.count(EXAMPLE_DATASET) == 1
        self.sandbox.queries.clear()

    def _check_tickets(self) -> None:
        """Whatever text is in it, a ticket has the structure that we gave it."""
        for ticket in self.pipeline.tickets():
            assert {token.type for token in all_tokens(ticket["title"])} <= OURS | {"paragraph_close"}
            kinds = {token.type for token in all_tokens(ticket["description"]) if not token.type.endswith("_close")}
            assert kinds <= OURS, kinds - OURS
            assert ticket["title"].isprintable()


@contextmanager
def trial(folder: Path) -> Iterator[Trial]:
    """A trial against a sandbox of its own."""
    clock = SandboxClock(FIRST + timedelta(minutes=80))
    with serve_sandbox(RecordingSandbox(folder / "sandbox", clock=clock)) as sandbox:
        assert isinstance(sandbox, RecordingSandbox)
        with patch.dict(os.environ, environment_of(sandbox, folder / "hours")):
            pipeline = Pipeline(sandbox, JumpingClock(clock), folder / "hours")
            with pipeline.instance:
                yield Trial(pipeline, sandbox)


def report(*, full: bool) -> str:
    """Play 10,000 hostile entries (or 300) and describe what became of them. Raises AssertionError if one is lost."""
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
