"""The commands that the program proposes can be typed as they are."""

import subprocess
import sys
from pathlib import Path

import pytest

from audit_assets.cli.own_name import own_name


@pytest.fixture
def script(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An installation in the current folder, whose scripts are not on the PATH."""
    folder = tmp_path / ".venv" / "bin"
    folder.mkdir(parents=True)
    (folder / "audit-assets").write_text("#!/bin/sh\necho started\n")
    (folder / "audit-assets").chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(folder / "python"))
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    monkeypatch.chdir(tmp_path)
    return folder / "audit-assets"


def test_a_script_that_the_shell_does_not_find_is_named_by_its_path(
    script: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert own_name() == ".venv/bin/audit-assets"
    done = subprocess.run(own_name(), shell=True, cwd=tmp_path, capture_output=True, text=True, check=True)  # noqa: S602
    assert done.stdout == "started\n"
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert own_name() == str(script)


def test_a_script_on_the_path_is_named_as_it_is(script: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", f"{script.parent}:/usr/bin")
    assert own_name() == "audit-assets"


def test_another_installation_on_the_path_is_not_meant(
    script: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "audit-assets").write_text("#!/bin/sh\n")
    (tmp_path / "other" / "audit-assets").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path / 'other'}:/usr/bin")
    assert own_name() == ".venv/bin/audit-assets"


def test_without_a_script_python_runs_the_module(script: Path) -> None:
    script.unlink()
    assert own_name() == f"{sys.executable} -m audit_assets"
