"""What is large and freed goes back to the system at once, in a process of ours."""

import subprocess
import sys
from pathlib import Path

import pytest

from audit_assets_tests.benchmarks.process_memory import STATUS

FREES = """
import audit_assets
from audit_assets_tests.benchmarks.process_memory import memory_now
large = b"x" * (30 << 20)
del large  # from here on glibc itself would keep up to 60 MB
before = memory_now()
blocks = [b"x" * (10 << 20) for _ in range(5)]
del blocks
print(memory_now() - before)
"""


@pytest.mark.skipif(not STATUS.exists(), reason="memory is counted as Linux has it")
def test_python_s_allocator_keeps_few_megabytes_of_large_blocks() -> None:
    ended = subprocess.run(  # noqa: S603 - our own
        [sys.executable, "-c", FREES],
        stdout=subprocess.PIPE,
        text=True,
        check=True,
        timeout=60,
        cwd=Path(__file__).parents[1],
    )
    assert float(ended.stdout) < 10
