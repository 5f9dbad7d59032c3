"""What the README says is so: every command and setting in it exists, and every command and setting is in it."""

import re
import subprocess
from pathlib import Path

import pytest
from typer.testing import CliRunner

from audit_assets.cli.main import app
from audit_assets.config.settings import SETTINGS

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()


def table_row(setting_name: str) -> str:
    setting = SETTINGS[setting_name]
    default = "required" if setting.default is None else f"`{setting.default}`" if setting.default else "none"
    return f"| `{setting.name}` | {setting.meaning} | {default} |"


@pytest.mark.parametrize("name", SETTINGS)
def test_every_setting_is_in_the_readme_with_its_default(name: str) -> None:
    assert table_row(name) in README


def test_every_setting_of_the_readme_exists() -> None:
    named = set(re.findall(r"^\| `([A-Z_]+)` \|", README, re.MULTILINE))
    assert named == set(SETTINGS)


def test_every_command_is_in_the_readme_and_the_other_way_round() -> None:
    commands = {command.callback.__name__ for command in app.registered_commands if command.callback}
    assert set(re.findall(r"`audit-assets ([a-z]+)[ `]", README)) == commands


@pytest.mark.parametrize("command", ["demo", "dev", "doctor", "backtest", "summary", "preview"])
def test_every_option_of_a_command_is_in_the_readme(command: str) -> None:
    shown = CliRunner().invoke(app, [command, "--help"], env={"COLUMNS": "200", "NO_COLOR": "1"})
    assert shown.exit_code == 0
    options = set(re.findall(r"--[a-z][a-z-]+", re.sub(r"\x1b\[[0-9;]*m", "", shown.output))) - {"--help"}
    (row,) = re.findall(rf"^\| `audit-assets {command}` \|(.*)$", README, re.MULTILINE)
    assert options == set(re.findall(r"--[a-z][a-z-]+", row))


def test_every_file_that_the_readme_names_is_there() -> None:
    for path in re.findall(r"\]\(([^)h][^)]*)\)|`((?:audit_assets|\.ci)/[\w./-]*)`", README):
        assert (ROOT / (path[0] or path[1])).exists()


def test_nothing_else_lies_at_the_top_level() -> None:
    tracked = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False)  # noqa: S607
    top = {path.split("/")[0] for path in tracked.stdout.splitlines()}
    named = {"pyproject.toml", "audit_assets", "audit_assets_tests", "workspace.yaml", "README.md", "dagster.yaml"}
    assert {name for name in top if not name.startswith(".")} <= named | {"LICENSE"}
