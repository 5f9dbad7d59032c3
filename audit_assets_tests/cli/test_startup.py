"""The command line starts without the libraries that only a command needs."""

import subprocess
import sys

HEAVY = ("dagster", "polars", "numpy", "scipy", "matplotlib", "httpx", "jinja2", "duckdb")


def test_help_loads_none_of_the_heavy_libraries() -> None:
    script = f"import sys, audit_assets.cli.main; print([name for name in {HEAVY} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)  # noqa: S603
    assert done.stdout.strip() == "[]"
