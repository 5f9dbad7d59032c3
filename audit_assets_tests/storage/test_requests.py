"""How many requests an object store gets: of a run of an hour, and of a month's summary. Every HTTP request counts."""

import json
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import dagster as dg
import fsspec
import pytest
from typer.testing import CliRunner

from audit_assets.cli.main import app
from audit_assets.cloudflare.entries import normalize_entries
from audit_assets.config.errors import StoreError
from audit_assets.defs.partitions import pulled_again_tag
from audit_assets.defs.resources import CloudflareResource
from audit_assets.defs.steps.hour_entries import file_hours
from audit_assets.defs.steps.late_entries import pull_again
from audit_assets.sandbox.server import Sandbox
from audit_assets.storage import hour_store
from audit_assets.storage.hour_store import HourStore
from audit_assets.storage.hours import key_of
from audit_assets.storage.pull_history import REPEATS, KnownPull, pulls_of
from audit_assets.storage.run_cache import RunCache
from audit_assets.storage.store_files import StoreFiles
from audit_assets_tests.defs.conftest import sandbox as sandbox  # noqa: PLC0414 - a fixture
from audit_assets_tests.pipeline import DAY, HOUR, Pipeline, environment_of, problems_of, v2_burst, v2_entry
from audit_assets_tests.storage.counting_s3 import CountingS3, counting_s3, use
from audit_assets_tests.storage.months import MONTH, summary_of, write_month
from audit_assets_tests.support import JumpingClock

JUDGED = datetime(2026, 11, 22, 9, tzinfo=UTC)
PART = 5 << 20
"""Bytes: S3 takes no smaller part but the last. In place of the 50 MB of s3fs, which take long."""

MOST_OF_AN_HOUR, MOST_OF_A_MONTH = 25, 60

HOURS_OF_WATCH_RULES = 30
"""At most, before the judged one: some rules count over a day. Findings look at the 168 of the week before."""


@pytest.fixture
def s3() -> Iterator[CountingS3]:
    with counting_s3() as server:
        yield server


@pytest.fixture
def root(s3: CountingS3, sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A new store in the bucket, which the settings name beside the sandbox's services."""
    for name, value in environment_of(sandbox, tmp_path).items():
        monkeypatch.setenv(name, value)
    made = f"s3://{use(s3, monkeypatch)}/team"
    monkeypatch.setenv("AUDIT_ASSETS_STORAGE", made)
    return made


def unlike_any_other(hour: datetime, number: int) -> list[dict[str, Any]]:
    """Entries by so many actors, who share nothing: a history that is larger than what is read for a footer."""
    entries = [v2_entry(hour, actor=f"{uuid4().hex}@example.com", resource_type=uuid4().hex) for _ in range(number)]
    for each, entry in enumerate(entries):
        entry["actor"]["ip_address"] = f"198.51.{each // 200}.{each % 200}"
    return entries


def test_a_run_of_an_hour_makes_few_requests_and_reads_nothing_twice(
    root: str, s3: CountingS3, sandbox: Sandbox, clock: JumpingClock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AUDIT_ASSETS_FIRST_HOUR")  # it is remembered in the store then
    pipeline = Pipeline(sandbox, clock, tmp_path)
    with pipeline.instance:
        pipeline.store = HourStore(root)
        pipeline.remember([entry for day in range(2, 15) for entry in v2_burst(JUDGED - DAY * day, 3)])
        pipeline.remember(unlike_any_other(JUDGED - DAY * 9, 400))
        sandbox.cloudflare.add("v2", v2_burst(JUDGED - HOUR * 4, 5) + v2_burst(JUDGED, 45, action="delete"))
        assert not problems_of(pipeline.run(JUDGED - DAY - HOUR, JUDGED - DAY))
        assert not problems_of(pipeline.run(JUDGED - HOUR * 4, JUDGED - HOUR * 2))
        counts = {}
        for name, hour in {"quiet": JUDGED - HOUR, "flagged": JUDGED, "again": JUDGED, "old": JUDGED - DAY}.items():
            s3.calls.clear()
            assert not problems_of(pipeline.run(hour, open_tickets="always"))
            print(f"{name}: {len(s3.calls)} requests, {dict(s3.by_kind())}", *s3.calls, sep="\n  ")
            counts[name] = len(s3.calls)
            assert s3.read_often() == []
        found = pipeline.summary(JUDGED)
        with monkeypatch.context() as patched:  # as where each asset runs in a process of its own
            patched.setattr(hour_store, "cache_of_run", lambda _: RunCache())
            assert not problems_of(pipeline.run(JUDGED, open_tickets="always"))
        assert pipeline.summary(JUDGED) == found
    assert len(pipeline.tickets()) == 1
    assert max(counts.values()) <= MOST_OF_AN_HOUR, counts


def test_the_newest_hour_s_run_makes_few_requests_with_all_that_it_pulls_again(
    root: str, s3: CountingS3, sandbox: Sandbox, clock: JumpingClock, tmp_path: Path
) -> None:
    pipeline = Pipeline(sandbox, clock, tmp_path)
    again = sorted(JUDGED - step for step in REPEATS)
    with pipeline.instance:
        pipeline.store = HourStore(root)
        pipeline.remember([entry for day in range(4, 15) for entry in v2_burst(JUDGED - DAY * day, 3)])
        for hour in again:
            sandbox.cloudflare.add("v2", v2_burst(hour, 5))
            assert not problems_of(pipeline.run(hour))
        sandbox.cloudflare.add("v2", v2_burst(JUDGED, 45, action="delete"))
        s3.calls.clear()
        request = dg.RunRequest(partition_key=key_of(JUDGED), tags={**pulled_again_tag(again)})
        assert not problems_of(pipeline.carry_out(request))
        print(f"{len(s3.calls)} requests, {dict(s3.by_kind())}", *s3.calls, sep="\n  ")
    assert len(pipeline.tickets()) == 1
    assert len(s3.calls) <= MOST_OF_AN_HOUR


def test_an_hour_that_is_pulled_again_in_passing_is_read_and_written_if_something_came_or_at_last(
    root: str, s3: CountingS3, sandbox: Sandbox, clock: JumpingClock
) -> None:
    hours = [JUDGED - HOUR * 4, JUDGED - HOUR * 2]
    sandbox.cloudflare.add("v2", [entry for hour in hours for entry in v2_burst(hour, 5)])
    known: dict[datetime, KnownPull] = {}
    with closing(CloudflareResource(clock).client()) as client:
        for hour in hours:
            (filed,) = file_hours(HourStore(root, RunCache()), [hour], [client.pull("v2", hour, hour + HOUR)], {})
            known[hour] = KnownPull(filed.pulls[-1].began, filed.content)

        def again(known: dict[datetime, KnownPull]) -> list[str]:
            s3.calls.clear()
            found = [*pull_again(client, ["v2"], HourStore(root, RunCache()), hours, known)]
            known |= dict(each for each in found if not isinstance(each, str))
            assert [hour for hour, _ in sorted(known.items())] == hours
            return sorted(call.removeprefix("team/").split(".")[0] for call in s3.calls)

        assert again(known) == [], "nothing came"
        assert [call.split(" ")[0] for call in again({})] == ["GET", "GET", "PUT", "PUT"], "Dagster does not know"
        at = f"{hours[0]:%Y-%m-%dT%H:30:00Z}"
        sandbox.cloudflare.add_text("v2", f'{{"action": {{"time": "{at}"}}}}', hours[0] + HOUR / 2)
        assert [call for call in again(known) if f"{hours[1]:%d/%H}" in call] == []
        assert store_rows(root, hours[0]) == 1
        sandbox.cloudflare.add("v2", v2_burst(hours[1] + HOUR / 2, 1))
        assert f"PUT team/raw_audit_entries/{hours[1]:%Y-%m-%d/%H}" in again(known)
        assert HourStore(root).require("raw_audit_entries", hours[1]).height == 6
        clock.sleep(REPEATS[-1].total_seconds())
        last = again(known)
    files = [f"{what} team/raw_audit_entries/{hour:%Y-%m-%d/%H}" for what in ("GET", "PUT") for hour in hours]
    assert {*files} <= {*last}
    began = [pull.began for pull in pulls_of(HourStore(root).metadata("raw_audit_entries", hours[0]) or {})]
    assert began[-1] >= hours[0] + HOUR + REPEATS[-1]


def store_rows(root: str, hour: datetime) -> int:
    """How many entries are in an hour's quarantine."""
    return HourStore(root).require("quarantined_entries", hour).height


def test_findings_that_share_something_ask_for_no_hour_that_is_not_stored(
    root: str, s3: CountingS3, sandbox: Sandbox, clock: JumpingClock, tmp_path: Path
) -> None:
    pipeline = Pipeline(sandbox, clock, tmp_path)
    with pipeline.instance:
        pipeline.store = HourStore(root)
        pipeline.remember([entry for day in range(2, 15) for entry in v2_burst(JUDGED - DAY * day, 3)])
        pipeline.remember(unlike_any_other(JUDGED - DAY * 9, 400))
        for actor in ("alice@example.com", "bob@example.com"):  # from one address, at one resource
            sandbox.cloudflare.add("v2", v2_burst(JUDGED, 90, actor=actor, action="delete"))
        s3.calls.clear()
        assert not problems_of(pipeline.run(JUDGED, open_tickets="always"))
    assert len(pipeline.tickets()) == 2
    missing = [call for call in s3.calls if call.startswith("GET team/raw_audit_entries/") and "(missing)" in call]
    assert len(missing) <= HOURS_OF_WATCH_RULES, missing


def test_findings_from_an_office_ask_for_as_many_hours_as_show_that_it_is_one(
    root: str, s3: CountingS3, sandbox: Sandbox, clock: JumpingClock, tmp_path: Path
) -> None:
    pipeline = Pipeline(sandbox, clock, tmp_path)
    with pipeline.instance:
        pipeline.store = HourStore(root)
        pipeline.remember([entry for day in range(2, 15) for entry in v2_burst(JUDGED - DAY * day, 3)])
        colleagues = [v2_entry(JUDGED, actor=f"{name}@example.com", number=90) for name in ("carol", "dave", "erin")]
        at_work, _ = normalize_entries(colleagues, "v2", CloudflareResource().account_id())
        for back in range(25, 25 + 100):
            pipeline.store.write("raw_audit_entries", JUDGED - HOUR * back, at_work)
        assert not problems_of(pipeline.run(JUDGED - HOUR))
        for actor in ("alice@example.com", "bob@example.com"):  # from the address of all, at a resource of all
            sandbox.cloudflare.add("v2", v2_burst(JUDGED, 90, actor=actor, action="delete"))
        s3.calls.clear()
        assert not problems_of(pipeline.run(JUDGED, open_tickets="always"))
        print(f"{len(s3.calls)} requests, {dict(s3.by_kind())}", *s3.calls, sep="\n  ")
    assert len(pipeline.tickets()) == 2
    assert len([call for call in s3.calls if "raw_audit_entries/2026-11-2" in call and "/2026-11-22/" not in call]) == 1
    assert len(s3.calls) <= MOST_OF_AN_HOUR


def test_a_month_s_summary_makes_few_requests_and_is_that_of_each_hour(
    s3: CountingS3, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = f"s3://{use(s3, monkeypatch)}/team"
    hours = write_month(root)
    monkeypatch.setenv("AUDIT_ASSETS_STORAGE", root)
    s3.calls.clear()
    assert _shown(MONTH)["entries"]["pulled"] == len(hours)
    print(f"a month: {len(s3.calls)} requests, {dict(s3.by_kind())}")
    assert len(s3.calls) <= MOST_OF_A_MONTH
    HourStore(root).write_json("flagged_actor_summary", hours[40], summary_of(hours[40], 100))
    assert _shown(MONTH)["entries"]["pulled"] == len(hours) + 99, "a copy that is older than its hour is not read"


def test_an_upload_in_parts_is_whole_or_leaves_nothing_behind(s3: CountingS3, monkeypatch: pytest.MonkeyPatch) -> None:
    bucket = use(s3, monkeypatch)
    upload = fsspec.get_filesystem_class("s3")._pipe_file
    monkeypatch.setattr(upload, "__defaults__", (PART, *upload.__defaults__[1:]))
    files = StoreFiles(f"s3://{bucket}")
    path, large = files.root / "hours" / "large.parquet", bytes(2 * PART + 1)
    files.create(path, b"earlier")
    s3.refused = "2"
    with pytest.raises(StoreError, match=r"large\.parquet can't be written: .*Permit its credentials"):
        files.write(path, large)
    assert files.read(path) == b"earlier"
    assert s3.by_kind()["ABORT"] == 1, "what was uploaded of it is not kept, nor paid for"
    s3.refused = None
    files.create(path, large)
    assert files.read(path) == b"earlier", "what is there stays"
    files.write(path, large)
    assert files.read(path) == large
    assert s3.by_kind()["PART"] > 6, "it was in parts"


def _shown(period: str) -> dict[str, dict[str, int]]:
    result = CliRunner().invoke(app, ["summary", period, "--json"])
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)
