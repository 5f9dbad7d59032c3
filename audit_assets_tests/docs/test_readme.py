"""README and docs are true: every command, option, setting and asset is documented, and none that does not exist."""

import re
import subprocess
from pathlib import Path

import pytest
from typer.testing import CliRunner

from audit_assets.cli.main import app
from audit_assets.config.secret_files import file_variable
from audit_assets.config.settings_table import SETTINGS

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "audit_assets" / "docs"
README = (ROOT / "README.md").read_text()
SETTINGS_PAGE = (DOCS / "settings.md").read_text()

LONGEST_README = 150
"""Lines: one page."""


def table_row(setting_name: str) -> str:
    setting = SETTINGS[setting_name]
    default = "required" if setting.default is None else f"`{setting.default}`" if setting.default else "none"
    return f"| `{setting.name}` | {setting.meaning} | {default} |"


def test_the_readme_is_one_page() -> None:
    assert len(README.splitlines()) < LONGEST_README


@pytest.mark.parametrize("name", SETTINGS)
def test_every_setting_is_documented_with_its_default(name: str) -> None:
    assert table_row(name) in SETTINGS_PAGE


@pytest.mark.parametrize("page", [README, SETTINGS_PAGE])
def test_every_documented_setting_exists(page: str) -> None:
    named = set(re.findall(r"`((?:CLOUDFLARE|AXIOM|LINEAR|AUDIT_ASSETS)_[A-Z_]+)[`=]", page))
    in_files = {file_variable(name) for name, setting in SETTINGS.items() if setting.secret}
    assert named <= set(SETTINGS) | in_files


def test_the_readme_names_the_required_settings() -> None:
    required = {name for name, setting in SETTINGS.items() if setting.default is None}
    assert required <= set(re.findall(r"`([A-Z_]+)`", README))


def test_every_command_is_documented_and_every_documented_command_exists() -> None:
    commands = {command.callback.__name__ for command in app.registered_commands if command.callback}
    groups = {group.name: group.typer_instance for group in app.registered_groups}
    of_groups = {
        f"{name} {command.callback.__name__}"
        for name, group in groups.items()
        for command in (group.registered_commands if group else ())
        if command.callback
    }
    documented = set(re.findall(r"^\| `audit-assets ([a-z]+(?: [a-z]+)?)` \|", SETTINGS_PAGE, re.MULTILINE))
    assert documented == commands | of_groups
    assert set(re.findall(r"`audit-assets ([a-z]+)[ `]", README)) <= commands | {*groups}
    assert set(re.findall(r"`audit-assets (watch [a-z]+)[ `]", README)) <= of_groups


@pytest.mark.parametrize(
    "command",
    [
        "demo",
        "start",
        "dev",
        "doctor",
        "backtest",
        "summary",
        "preview",
        "watch check",
        "watch replay",
        "axiom dashboard",
        "watchdog",
        "metrics",
        "deploy",
    ],
)
def test_every_option_of_a_command_is_documented(command: str) -> None:
    shown = CliRunner().invoke(app, [*command.split(), "--help"], env={"COLUMNS": "200", "NO_COLOR": "1"})
    assert shown.exit_code == 0
    options = set(re.findall(r"--[a-z][a-z-]+", re.sub(r"\x1b\[[0-9;]*m", "", shown.output))) - {"--help"}
    (row,) = re.findall(rf"^\| `audit-assets {command}` \|(.*)$", SETTINGS_PAGE, re.MULTILINE)
    assert options == set(re.findall(r"--[a-z][a-z-]+", row))


def test_every_asset_is_in_the_readme() -> None:
    assets = {path.stem for path in (ROOT / "audit_assets" / "defs" / "assets").glob("[a-z]*.py")}
    assert assets <= set(re.findall(r"\b[a-z_]+\b", README))


def test_every_page_that_the_docs_link_to_is_there() -> None:
    for page in [ROOT / "README.md", *DOCS.rglob("*.md")]:  # code spans apart
        for path in re.findall(r"\]\(([^)#h][^)#]*)(?:#[^)]*)?\)", re.sub(r"`[^`]*`", "", page.read_text())):
            assert (page.parent / path).exists(), f"{page.name} links to {path}"


def test_every_file_that_the_readme_names_is_there() -> None:
    for path in re.findall(r"\]\(([^)h][^)]*)\)|`((?:audit_assets|\.ci)/[\w./-]*)`", README):
        assert (ROOT / (path[0] or path[1])).exists()


def test_nothing_else_lies_at_the_top_level() -> None:
    tracked = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False)  # noqa: S607
    top = {path.split("/")[0] for path in tracked.stdout.splitlines()}
    named = {"pyproject.toml", "audit_assets", "audit_assets_tests", "workspace.yaml", "README.md", "dagster.yaml"}
    assert {name for name in top if not name.startswith(".")} <= named | {"LICENSE"}
