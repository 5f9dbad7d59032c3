"""An hour that is stored already takes no more memory to be filed again than it took the first time."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from audit_assets_tests.benchmarks.process_memory import STATUS

ENTRIES, MOST_TIMES = 100_000, 1.5

FILES_TWICE = """
import json, sys
import audit_assets
from datetime import UTC, datetime
from audit_assets.cloudflare.page_parser import parse_page
from audit_assets.cloudflare.pulls import PullBuilder, PullWindow
from audit_assets.defs.steps.hour_entries import file_hours
from audit_assets.storage.hour_store import HourStore
from audit_assets_tests.benchmarks.process_memory import forget_peak, memory_now, peak_memory
from audit_assets_tests.benchmarks.pulling import PAGE, page_body
from audit_assets_tests.cloudflare.samples import ACCOUNT, AN_HOUR, HOUR

root, entries = sys.argv[1], int(sys.argv[2])
builder = PullBuilder("v2", ACCOUNT, PullWindow(HOUR, HOUR + AN_HOUR))
for number in range(entries // PAGE):
    page = parse_page(page_body(number, entries), "v2", datetime(2026, 11, 22, tzinfo=UTC))
    builder.add(page, builder.window.since)
pull = builder.build()
found = []
for _ in range(2):
    before = memory_now()
    forget_peak()
    (filed,) = file_hours(HourStore(root), [HOUR], [pull], {})
    found.append([filed.rows, filed.pulls[-1].added, peak_memory() - before])
print(json.dumps(found))
"""


@pytest.mark.skipif(not STATUS.exists(), reason="memory is counted as Linux has it")
def test_to_file_a_large_hour_again_takes_little_more_memory(tmp_path: Path) -> None:
    ended = subprocess.run(  # noqa: S603 - our own
        [sys.executable, "-c", FILES_TWICE, str(tmp_path), str(ENTRIES)],
        stdout=subprocess.PIPE,
        text=True,
        check=True,
        timeout=120,
        cwd=Path(__file__).parents[3],
    )
    (rows, added, first), (rows_again, added_again, again) = json.loads(ended.stdout)
    assert (rows, added, rows_again, added_again) == (ENTRIES, ENTRIES, ENTRIES, 0)
    assert again < first * MOST_TIMES, f"{again:.0f} MB, and {first:.0f} the first time"
