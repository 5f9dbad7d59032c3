"""The benchmark of pulling runs and prints what it promises, and a pull's memory stays within its bound."""

import subprocess
import sys

from audit_assets_tests.benchmarks.pulling import memory_of_pull

ENTRIES = 60_000

MOST_MEMORY_OF_PULL = 130
"""MB beyond those of a process that only imports the client: 60,000 entries take some 290 MB as Python's objects, and
as a frame some 105 MB, which is what the pull's blocks save."""


def test_the_benchmark_of_pulling_prints_each_figure_beside_its_floor() -> None:
    command = [
        sys.executable,
        "-m",
        "audit_assets_tests.benchmarks.pulling",
        "--entries",
        "2500",
        "--memory-of",
        "1000",
    ]
    printed = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout  # noqa: S603 - our own
    assert "2,500 entries in 3 pages" in printed
    for name in (
        "bare transfer by httpx",
        "bare json.loads",
        "normalise",
        "pull (with all)",
        "pull / floor (transfer and json.loads)",
        "peak memory of the pull of 1,000 entries",
    ):
        assert name in printed


def test_a_large_hour_is_pulled_in_little_memory() -> None:
    before, peak = memory_of_pull(ENTRIES)
    assert peak - before < MOST_MEMORY_OF_PULL
