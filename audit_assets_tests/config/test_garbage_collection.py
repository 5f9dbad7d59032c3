"""A process of the project looks for garbage rarely, whether Dagster or a person starts it."""

import subprocess
import sys

import pytest

from audit_assets.config.garbage_collection import THRESHOLDS

STARTS = {
    "a code location": "import audit_assets.definitions",
    "a command": "import contextlib, sys, audit_assets.cli.main as it; sys.argv[1:] = ['--version']\n"
    "with contextlib.suppress(SystemExit), contextlib.redirect_stdout(None): it.main()",
}


@pytest.mark.parametrize("start", STARTS.values(), ids=[*STARTS])
def test_garbage_is_looked_for_rarely(start: str) -> None:
    script = f"{start}\nimport gc; print(gc.get_threshold())"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)  # noqa: S603
    assert done.stdout.splitlines()[-1] == str(THRESHOLDS)
