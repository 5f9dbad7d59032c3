"""The benchmark of pulling runs and prints what it promises."""

import subprocess
import sys


def test_the_benchmark_of_pulling_prints_each_figure_beside_its_floor() -> None:
    command = [sys.executable, "-m", "audit_assets_tests.benchmarks.pulling", "--entries", "2500"]
    printed = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout  # noqa: S603 - our own
    assert "2,500 entries in 3 pages" in printed
    for name in (
        "bare transfer by httpx",
        "bare json.loads",
        "normalise",
        "pull (with both)",
        "peak memory of the pull",
    ):
        assert name in printed
