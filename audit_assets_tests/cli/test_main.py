"""The program itself: its version and its help, in the forms that people type."""

from importlib.metadata import version

import pytest
from typer.testing import CliRunner

from audit_assets.cli.main import app


def test_the_version_is_printed() -> None:
    done = CliRunner().invoke(app, ["--version"])
    assert (done.exit_code, done.output) == (0, f"audit-assets {version('audit-assets')}\n")


@pytest.mark.parametrize("command", [[], ["demo"], ["watch"], ["watch", "replay"], ["axiom", "dashboard"]])
def test_a_short_option_shows_the_help(command: list[str]) -> None:
    short, long = (CliRunner().invoke(app, [*command, option]) for option in ("-h", "--help"))
    assert (short.exit_code, short.output) == (0, long.output)
    assert "Usage:" in short.output
