"""What is assumed of Axiom: confirmed, contradicted and unknown; and that the marked event disturbs nothing."""

from collections.abc import Iterator
from contextlib import closing, suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from audit_assets.axiom.events import events_from
from audit_assets.axiom.ingest_batches import batches
from audit_assets.cli.probe.axiom_scene import AxiomScene
from audit_assets.cli.probe.run import OF_AXIOM
from audit_assets.cloudflare.entries import normalize_entries
from audit_assets.config.errors import Incomplete
from audit_assets.defs.resources import AxiomResource, CloudflareResource
from audit_assets.sandbox.server import Sandbox
from audit_assets.storage.hour_store import HourStore
from audit_assets_tests.cli.probe.cases import (
    Case,
    assert_all_answers,
    behaves,
    both,
    cases_of,
    check,
    down,
    each_case,
    fault,
)
from audit_assets_tests.pipeline import DAY, HOUR, remember, v2_burst
from audit_assets_tests.support import JumpingClock

DOWN = down("axiom")
FOREVER = timedelta(hours=1)


def nothing(sandbox: Sandbox, _: object) -> None:
    """An empty dataset."""


def entries(sandbox: Sandbox, scene: AxiomScene) -> None:
    """1,200 entries in one hour of yesterday."""
    start = sandbox.shared.clock.now().replace(minute=0, second=0, microsecond=0) - DAY
    remember(HourStore("hours"), v2_burst(start, 1_200), scene.clock)


def queried(_: Sandbox, scene: AxiomScene) -> None:
    """What earlier checks have asked for."""
    with suppress(Incomplete):
        scene.window()


def of_axiom(**changed: Any) -> Any:
    return both(entries, behaves("axiom", **changed))


def query_fault(kind: str, **options: Any) -> Any:
    return both(entries, fault("axiom", "query", kind, **options))


NOT_TAKEN = fault("axiom", "ingest", "status", times=10, status=400, body='{"code":400,"message":"no"}')

CASES = [
    *cases_of(
        "axiom-ingest",
        confirmed=nothing,
        contradicted=[NOT_TAKEN, fault("axiom", "ingest", "rejected_events"), behaves("axiom", capabilities={"query"})],
        unknown=[DOWN, fault("axiom", "ingest", "drop_after")],
    ),
    *cases_of(
        "axiom-receipt",
        confirmed=nothing,
        contradicted=fault("axiom", "ingest", "bare_receipt"),
        unknown=[DOWN, NOT_TAKEN],
    ),
    *cases_of(
        "axiom-old-time",
        confirmed=nothing,
        contradicted=behaves("axiom", oldest_event=timedelta(days=30)),
        unknown=[DOWN, NOT_TAKEN, behaves("axiom", row_delay=FOREVER)],
    ),
    *cases_of(
        "axiom-visible",
        confirmed=nothing,
        contradicted=behaves("axiom", row_delay=FOREVER),
        unknown=[DOWN, NOT_TAKEN],
    ),
    *cases_of(
        "axiom-half-open",
        confirmed=nothing,
        contradicted=behaves("axiom", range_start_included=False),
        unknown=[DOWN, NOT_TAKEN, behaves("axiom", row_delay=FOREVER)],
    ),
    *cases_of(
        "axiom-limit-50000",
        confirmed=entries,
        contradicted=[of_axiom(most_summarized=1_000), both(query_fault("truncated", at=2, rows=1_000))],
        unknown=[nothing, DOWN, query_fault("partial", at=2)],
    ),
    *cases_of(
        "axiom-distinct-whole",
        confirmed=entries,
        contradicted=of_axiom(most_distinct=1_000),
        unknown=[nothing, of_axiom(most_summarized=1_000), query_fault("partial", at=3)],
    ),
    *cases_of(
        "axiom-default-rows",
        confirmed=entries,
        contradicted=of_axiom(default_cuts_summaries=False),
        unknown=nothing,
    ),
    *cases_of(
        "axiom-default-warning",
        confirmed=entries,
        contradicted=of_axiom(default_is_announced=False),
        unknown=[nothing, of_axiom(default_cuts_summaries=False)],
    ),
    *cases_of(
        "axiom-unknown-field",
        confirmed=entries,
        contradicted=query_fault("status", status=400, body='{"code":400,"message":"no such column"}'),
        unknown=DOWN,
    ),
    *cases_of(
        "axiom-long-range",
        confirmed=entries,
        contradicted=of_axiom(longest_range=timedelta(days=100)),
        unknown=[nothing, DOWN],
    ),
    *cases_of(
        "axiom-bad-token",
        confirmed=nothing,
        contradicted=behaves("axiom", unknown_token_status=403),
        unknown=DOWN,
    ),
    *cases_of(
        "axiom-whole-answers",
        confirmed=both(entries, queried),
        contradicted=both(query_fault("partial"), queried),
        unknown=nothing,
    ),
]


@pytest.fixture
def scene(sandbox: Sandbox) -> Iterator[AxiomScene]:
    clock = JumpingClock(sandbox.shared.clock)
    resource = AxiomResource(clock)
    with closing(resource.connection()) as own, closing(resource.connection("xaat-of-nobody")) as stranger:
        yield AxiomScene(own, stranger, clock)


@each_case(CASES)
def test_an_assumption_gets_its_answer(case: Case, sandbox: Sandbox, scene: AxiomScene) -> None:
    seen = check(OF_AXIOM, case, sandbox, scene)
    assert seen.answer == case.answer, seen.text


def test_each_answer_of_each_assumption_is_tried() -> None:
    assert_all_answers(OF_AXIOM, CASES)


def test_copies_of_entries_look_like_no_loss(sandbox: Sandbox, scene: AxiomScene) -> None:
    entries(sandbox, scene)
    start = sandbox.shared.clock.now().replace(minute=0, second=0, microsecond=0) - DAY
    copies = events_from(normalize_entries(v2_burst(start, 50), "v2", CloudflareResource().account_id())[0])
    scene.connection.ingest(next(batches(copies)).body)
    scene.clock.sleep(60)
    for name in ("axiom-limit-50000", "axiom-distinct-whole"):
        assert check(OF_AXIOM, Case(name, "confirmed", nothing), sandbox, scene).answer == "confirmed"
    assert (scene.window() or (0, 0, 0))[2] == 1_250


def test_one_event_is_sent_even_if_its_answer_is_lost(sandbox: Sandbox, scene: AxiomScene) -> None:
    fault("axiom", "ingest", "drop_after")(sandbox, scene)
    for case in CASES:
        if case.id in ("axiom-ingest", "axiom-receipt", "axiom-old-time", "axiom-visible", "axiom-half-open"):
            check(OF_AXIOM, Case(case.id, "unknown", nothing), sandbox, scene)
    assert sandbox.shared.call_counts()["axiom", "ingest"] == 1


def test_no_query_of_the_pipeline_counts_the_marked_event(sandbox: Sandbox, scene: AxiomScene, tmp_path: Path) -> None:
    entries(sandbox, scene)
    assert scene.wait_for_event()
    time = scene.event().time
    start = time.replace(minute=0, second=0)
    with closing(AxiomResource(scene.clock).client()) as client:
        assert client.events_by_hour(start, start + HOUR).is_empty()
        assert client.entry_ids(start, start + HOUR).is_empty()
        assert client.actors(start, start + HOUR).is_empty()
        assert client.organisation_activity(start, start + HOUR).is_empty()
        assert client.incomplete_events(start, start + HOUR) == 0
        assert client.dataset_facts().rows == 1_200
