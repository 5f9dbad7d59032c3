"""What is assumed of Cloudflare: confirmed, contradicted and unknown."""

from collections.abc import Iterator
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from audit_assets.cli.probe.cloudflare_pages import the_cursor_is_in_its_place
from audit_assets.cli.probe.cloudflare_scene import V1, V2, CloudflareScene
from audit_assets.cli.probe.run import IMPATIENT, OF_CLOUDFLARE
from audit_assets.defs.resources import CloudflareResource
from audit_assets.sandbox.cloudflare.access_control import ORGANIZATION_ID
from audit_assets.sandbox.server import Sandbox
from audit_assets.storage.hour_store import HourStore
from audit_assets.storage.pull_history import REPEATS
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
from audit_assets_tests.pipeline import HOUR, v1_entry, v2_burst, v2_entry
from audit_assets_tests.support import JumpingClock

DOWN = down("cloudflare")


def entries(sandbox: Sandbox, _: object) -> None:
    """Forty entries in v2, two of each second, and twenty in v1."""
    start = long_ago(sandbox)
    sandbox.cloudflare.add("v2", v2_burst(start, 20) + v2_burst(start, 20, actor="bob@example.com"))
    sandbox.cloudflare.add("v1", [v1_entry(start + timedelta(seconds=each), number=each) for each in range(20)])


def without_ties(sandbox: Sandbox, _: object) -> None:
    sandbox.cloudflare.add("v2", v2_burst(long_ago(sandbox), 20))


def nothing(sandbox: Sandbox, _: object) -> None:
    """An account in which nobody did anything."""


def the_same_id_in_both(sandbox: Sandbox, _: object) -> None:
    start = long_ago(sandbox)
    sandbox.cloudflare.add("v2", [{**entry, "id": "same"} for entry in v2_burst(start, 1)])
    sandbox.cloudflare.add("v1", [v1_entry(start, id="same")])


def sampled(sandbox: Sandbox, scene: CloudflareScene) -> None:
    """What earlier checks have asked for."""
    entries(sandbox, scene)
    scene.sample(V2)
    scene.sample(V1)


def with_cursor(sandbox: Sandbox, scene: CloudflareScene) -> None:
    """The same, and the cursor of a short page."""
    sampled(sandbox, scene)
    the_cursor_is_in_its_place.check(scene)
    assert scene.held_cursor


def long_ago(sandbox: Sandbox) -> datetime:
    return sandbox.shared.clock.now().replace(minute=0, second=0, microsecond=0) - HOUR * 5


def stored_hours(count: int, *, late: int = 0) -> Any:
    """So many hours with all of their pulls, the first of which brought that many entries with its last."""

    def arrange(sandbox: Sandbox, scene: CloudflareScene) -> None:
        newest = long_ago(sandbox) - HOUR * 80
        for number in range(count):
            hour = newest - HOUR * number
            pulls = [
                {"began": (hour + HOUR + step).isoformat(), "added": 0, "no_longer_listed": 0}
                for step in (timedelta(minutes=16), *REPEATS)
            ]
            pulls[-1]["added"] = 0 if number else late
            scene.store.write("raw_audit_entries", hour, pl.DataFrame({"entry_id": ["a"]}), {"pulls": pulls})

    return arrange


def of_cloudflare(**changed: Any) -> Any:
    return both(entries, behaves("cloudflare", **changed))


def of_an_organization(*, number: int) -> Any:
    """An entry in an organization's log; number 0 is in v2 too."""

    def arrange(sandbox: Sandbox, scene: CloudflareScene) -> None:
        sandbox.cloudflare.add("v2", v2_burst(long_ago(sandbox), 1))
        sandbox.cloudflare.add("organization", [v2_entry(long_ago(sandbox), number=number)])
        scene.client.organization_id = ORGANIZATION_ID

    return arrange


def page_fault(kind: str, stream: str = "v2", *, before: Any = sampled, **options: Any) -> Any:
    """A fault of the page that the check asks for next."""
    return both(before, fault("cloudflare", stream, kind, **options))


CASES = [
    *cases_of(
        "cloudflare-window-holds",
        confirmed=entries,
        contradicted=[page_fault("outside_window"), page_fault("short_page", rows=40)],
        unknown=nothing,
    ),
    *cases_of(
        "cloudflare-since-inclusive",
        confirmed=entries,
        contradicted=of_cloudflare(since_inclusive=False),
        unknown=nothing,
    ),
    *cases_of(
        "cloudflare-before-exclusive",
        confirmed=entries,
        contradicted=of_cloudflare(before_inclusive=True),
        unknown=nothing,
    ),
    *cases_of(
        "cloudflare-before-day",
        confirmed=entries,
        contradicted=of_cloudflare(before_day_inclusive=True),
        unknown=[nothing, page_fault("status", status=400)],
    ),
    *cases_of(
        "cloudflare-future",
        confirmed=nothing,
        contradicted=[page_fault("outside_window", before=nothing), page_fault("status", before=nothing, status=400)],
        unknown=DOWN,
    ),
    *cases_of(
        "cloudflare-pages-whole",
        confirmed=entries,
        contradicted=page_fault("short_page", at=2),
        unknown=[nothing, page_fault("status", at=2, status=400)],
    ),
    *cases_of(
        "cloudflare-tie-order",
        confirmed=entries,
        contradicted=page_fault("disorder"),
        unknown=[nothing, without_ties],
    ),
    *cases_of(
        "cloudflare-ascending",
        confirmed=entries,
        contradicted=page_fault("disorder", before=entries),
        unknown=nothing,
    ),
    *cases_of(
        "cloudflare-cursor-place",
        confirmed=entries,
        contradicted=of_cloudflare(cursor_place="cursors.after"),
        unknown=nothing,
    ),
    *cases_of(
        "cloudflare-cursor-bound",
        confirmed=with_cursor,
        contradicted=both(with_cursor, behaves("cloudflare", cursors_of_other_queries="taken")),
        unknown=nothing,
    ),
    *cases_of(
        "cloudflare-cursor-invalid",
        confirmed=entries,
        contradicted=of_cloudflare(invalid_cursors="ignored"),
        unknown=DOWN,
    ),
    *cases_of(
        "cloudflare-empty-page",
        confirmed=nothing,
        contradicted=page_fault("empty_page", before=nothing),
        unknown=[DOWN, page_fault("outside_window", before=nothing)],
    ),
    *cases_of(
        "cloudflare-count-integer",
        confirmed=entries,
        contradicted=of_cloudflare(count_as="string"),
        unknown=page_fault("no_result_info", before=entries),
    ),
    *cases_of(
        "cloudflare-count-page",
        confirmed=entries,
        contradicted=page_fault("wrong_count"),
        unknown=[nothing, page_fault("no_result_info")],
    ),
    *cases_of(
        "cloudflare-cursor-life",
        confirmed=with_cursor,
        contradicted=both(with_cursor, behaves("cloudflare", cursor_life=timedelta(minutes=4))),
        unknown=nothing,
    ),
    *cases_of(
        "cloudflare-page-1000",
        confirmed=entries,
        contradicted=page_fault("status", status=400),
        unknown=DOWN,
    ),
    *cases_of(
        "cloudflare-page-1001",
        confirmed=entries,
        contradicted=of_cloudflare(limits_above="lowered"),
        unknown=DOWN,
    ),
    *cases_of(
        "cloudflare-bounds-required",
        confirmed=nothing,
        contradicted=of_cloudflare(bounds_required=False),
        unknown=DOWN,
    ),
    *cases_of(
        "cloudflare-no-credentials",
        confirmed=nothing,
        contradicted=of_cloudflare(credentials_required=False),
        unknown=DOWN,
    ),
    *cases_of(
        "cloudflare-too-old",
        confirmed=of_cloudflare(v2_kept=timedelta(days=548)),
        contradicted=entries,
        unknown=DOWN,
    ),
    *cases_of(
        "cloudflare-v1-pages",
        confirmed=entries,
        contradicted=page_fault("short_page", "v1", at=2),
        unknown=nothing,
    ),
    *cases_of(
        "cloudflare-v1-whole",
        confirmed=entries,
        contradicted=of_cloudflare(v1_most_pages=2),
        unknown=nothing,
    ),
    *cases_of(
        "cloudflare-v1-past-end",
        confirmed=entries,
        contradicted=of_cloudflare(past_the_end="empty"),
        unknown=nothing,
    ),
    *cases_of(
        "cloudflare-v1-decimals",
        confirmed=entries,
        contradicted=of_cloudflare(since_decimals="cut"),
        unknown=nothing,
    ),
    *cases_of(
        "cloudflare-streams-apart",
        confirmed=entries,
        contradicted=the_same_id_in_both,
        unknown=without_ties,
    ),
    *cases_of(
        "cloudflare-organization",
        confirmed=of_an_organization(number=1),
        contradicted=of_an_organization(number=0),
        unknown=[entries, both(of_an_organization(number=1), behaves("cloudflare", organization_log=False))],
    ),
    *cases_of(
        "cloudflare-own-count",
        confirmed=entries,
        contradicted=[
            of_cloudflare(counts_are_readable=False),
            of_cloudflare(counts_are_readable=False, count_refusal="errors"),
        ],
        unknown=[DOWN, both(entries, fault("cloudflare", "count", "status", status=400))],
    ),
    *cases_of(
        "cloudflare-lateness",
        confirmed=stored_hours(24 * 7),
        contradicted=stored_hours(1, late=3),
        unknown=[nothing, stored_hours(24 * 7 - 1)],
    ),
]


@pytest.fixture
def scene(sandbox: Sandbox, tmp_path: Path) -> Iterator[CloudflareScene]:
    clock = JumpingClock(sandbox.shared.clock)
    with closing(CloudflareResource(clock, IMPATIENT).client()) as client:
        yield CloudflareScene(client, HourStore(str(tmp_path / "hours")))


@each_case(CASES)
def test_an_assumption_gets_its_answer(case: Case, sandbox: Sandbox, scene: CloudflareScene) -> None:
    seen = check(OF_CLOUDFLARE, case, sandbox, scene)
    assert seen.answer == case.answer, seen.text


def test_each_answer_of_each_assumption_is_tried() -> None:
    assert_all_answers(OF_CLOUDFLARE, CASES)
