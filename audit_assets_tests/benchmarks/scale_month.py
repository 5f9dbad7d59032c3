"""What a month's summary asks of an object store, for the benchmark of scale."""

import pytest
from typer.testing import CliRunner

from audit_assets.cli.main import app
from audit_assets_tests.storage.counting_s3 import counting_s3, use
from audit_assets_tests.storage.months import MONTH, write_month


def requests_of_a_month() -> int:
    """How many requests `audit-assets summary` makes for a month of hours."""
    with counting_s3() as s3, pytest.MonkeyPatch.context() as patched:
        root = f"s3://{use(s3, patched)}/team"
        write_month(root)
        patched.setenv("AUDIT_ASSETS_STORAGE", root)
        s3.calls.clear()
        shown = CliRunner().invoke(app, ["summary", MONTH, "--json"])
        if shown.exit_code:
            raise RuntimeError(shown.output)
        return len(s3.calls)
