"""How many requests an object store gets: of a run of an hour, and of a month's summary. Every HTTP request counts."""

import json
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import fsspec
import pytest
from typer.testing import CliRunner

from audit_assets.cli.main import app
from audit_assets.config.errors import StoreError
from audit_assets.defs.resources import CloudflareResource
from audit_assets.defs.steps.hour_entries import file_hours
from audit_assets.defs.steps.late_entries import pull_again
from audit_assets.sandbox.server import Sandbox
from audit_assets.storage import hour_store
from audit_assets.storage.hour_store import HourStore
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


def test_an_hour_that_is_pulled_again_in_passing_is_read_and_written_once(
    root: str, s3: CountingS3, sandbox: Sandbox, clock: JumpingClock
) -> None:
    hours = [JUDGED - HOUR * 4, JUDGED - HOUR * 2]
    sandbox.cloudflare.add("v2", [entry for hour in hours for entry in v2_burst(hour, 5)])
    cloudflare = CloudflareResource(clock)
    with closing(cloudflare.client()) as client:
        store = HourStore(root, RunCache())
        for hour in hours:
            list(file_hours(store, [hour], [client.pull("v2", hour, hour + HOUR)]))
        s3.calls.clear()
        found = [*pull_again(client, ["v2"], HourStore(root, RunCache()), hours)]
        assert [each.quarantined for each in found if not isinstance(each, str)] == [0, 0]
        of_hours = [call for call in s3.calls if "/raw_audit_entries/" in call or "/quarantined_entries/" in call]
        assert sorted(call.split(" ")[0] for call in of_hours) == ["GET", "GET", "PUT", "PUT"], s3.calls
        sandbox.cloudflare.add_text(
            "v2", f'{{"action": {{"time": "{hours[0]:%Y-%m-%dT%H:30:00Z}"}}}}', hours[0] + HOUR / 2
        )
        (found, _) = pull_again(client, ["v2"], HourStore(root, RunCache()), hours)
    assert not isinstance(found, str)
    assert found.quarantined == store_rows(root, hours[0]) == 1


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
