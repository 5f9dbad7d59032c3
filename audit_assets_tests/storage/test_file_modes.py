"""What is stored is its owner's alone, whatever the umask, and what is not is found."""

import os
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest
from typer.testing import CliRunner

from audit_assets.cli.dagster_home import instance_home
from audit_assets.cli.doctor_results import DoctorRun
from audit_assets.cli.doctor_settings import check_files
from audit_assets.cli.main import app
from audit_assets.config.settings_table import SETTINGS
from audit_assets.sandbox.server import Sandbox
from audit_assets.storage.file_modes import readable_by_others
from audit_assets.storage.hour_store import HourStore

pytestmark = pytest.mark.skipif(os.name == "nt", reason="Windows has no such modes")

HOUR = datetime(2026, 11, 22, 10, tzinfo=UTC)


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that every user of the machine can enter, and a umask that takes nothing away."""
    before = os.umask(0)
    with tempfile.TemporaryDirectory() as made:
        Path(made).chmod(0o755)
        yield Path(made)
    os.umask(before)


def modes(folder: Path) -> set[str]:
    """The modes of a folder and of all that is in it."""
    return {oct(stat.S_IMODE(path.lstat().st_mode)) for path in (folder, *folder.rglob("*"))}


@pytest.mark.parametrize("scheme", ["", "file://"])
def test_hours_are_private_whatever_the_umask(open_folder: Path, scheme: str) -> None:
    store = HourStore(f"{scheme}{open_folder}/a/hours")
    store.write("entries", HOUR, pl.DataFrame({"a": [1]}))
    store.write_json("summary", HOUR, {})
    store.check()
    assert modes(open_folder / "a") == {"0o700", "0o600"}
    assert list(readable_by_others(open_folder)) == []


def test_homes_and_the_sandboxs_data_are_private_whatever_the_umask(open_folder: Path) -> None:
    Sandbox(open_folder / "sandbox")
    instance_home(open_folder / "home")
    assert list(readable_by_others(open_folder)) == []


@pytest.mark.parametrize(
    "command",
    [
        ["audit_assets", "axiom", "dashboard", "made"],
        ["audit_assets.sandbox", "--port", "99999", "--data", "made/sandbox"],
    ],
)
def test_our_processes_make_nothing_for_others(open_folder: Path, command: list[str]) -> None:
    environment = {**os.environ, "AXIOM_TOKEN": "xaat-0", "AXIOM_ORG_ID": "o"}
    subprocess.run([sys.executable, "-m", *command], cwd=open_folder, env=environment, capture_output=True, check=False)  # noqa: S603
    assert modes(open_folder / "made") <= {"0o700", "0o600"}


def test_what_others_can_read_is_found_through_folders_that_they_can_enter(open_folder: Path) -> None:
    for name, folder_mode, file_mode in [
        ("a", 0o755, 0o644),
        ("b", 0o700, 0o644),
        ("c", 0o755, 0o600),
        ("d", 0o750, 0o640),
    ]:
        (open_folder / name).mkdir()
        (open_folder / name / "file").touch(file_mode)
        (open_folder / name / "file").chmod(file_mode)
        (open_folder / name).chmod(folder_mode)
    assert sorted(path.parent.name for path in readable_by_others(open_folder)) == ["a", "d"]
    open_folder.chmod(0o700)
    assert list(readable_by_others(open_folder / "a")) == []


def test_doctor_reports_what_others_can_read(open_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(open_folder)
    for name in SETTINGS:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AUDIT_ASSETS_STORAGE", "hours")
    monkeypatch.setenv("DAGSTER_HOME", str(instance_home(open_folder)))
    Path("hours").mkdir()
    Path("hours/10.parquet").touch()
    Path(".env").touch()
    text = " ".join(CliRunner().invoke(app, ["doctor"], env={"COLUMNS": "250"}).output.split())
    here = Path.cwd()
    assert (
        f"problem other users of this machine can read 1 file in {here}/hours → Make it private: chmod -R go= " in text
    )
    assert (
        f"problem other users of this machine can read {here}/.env → Make it private: chmod -R go= {here}/.env" in text
    )
    assert f"ok nobody else on this machine can read {here}/dagster" in text


@pytest.mark.parametrize(
    ("storage", "status"),
    [
        ("{postgres: {postgres_db: {password: {env: DAGSTER_PG_PASSWORD}}}}", "ok"),
        ("{}\n    password:\n      env: DAGSTER_PG_PASSWORD", "ok"),
        ("{postgres: {postgres_db: {password: canary-4f1d8c0b77aa}}}", "problem"),
        ("{}\n    password: canary-4f1d8c0b77aa", "problem"),
        ("{}\n    postgres_url: postgresql://dagster:canary-4f1d8c0b77aa@db/dagster", "problem"),
    ],
)
def test_dagster_s_configuration_may_be_read_unless_a_password_is_in_it(
    open_folder: Path, monkeypatch: pytest.MonkeyPatch, storage: str, status: str
) -> None:
    monkeypatch.chdir(open_folder)
    for name in SETTINGS:
        monkeypatch.delenv(name, raising=False)
    home = open_folder / "home"
    monkeypatch.setenv("DAGSTER_HOME", str(home))
    home.mkdir()
    (home / "dagster.yaml").write_text(f"storage: {storage}\n")
    (found,) = [each for each in check_files(DoctorRun(HOUR)) if str(home) in each.text]
    words = {
        "ok": f"in {home} other users of this machine can read dagster.yaml alone, without a password in it",
        "problem": f"other users of this machine can read 1 file in {home}",
    }
    assert (found.status, found.text) == (status, words[status])
