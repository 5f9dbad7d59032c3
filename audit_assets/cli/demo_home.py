"""The folder of a demo: made, emptied only on request, and what the demo in it found."""

import json
import os
import shutil
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from audit_assets.cli.home_lock import LOCK, HomeError
from audit_assets.config.settings_table import ACCOUNTS

MARK = ".audit-assets-demo"
"""Only a folder that contains this file is emptied."""

ACCOUNTS_FILE = "accounts.toml"
"""The file of accounts of a demo that has several."""

RESULT = "result.json"
"""What the demo found and with which options, once it has finished."""


def check_home(home: Path, entries: Path | None) -> None:
    """Raises `HomeError` if this folder can't be a demo's, or if the entries lie in it. Changes nothing."""
    try:
        if home.exists() and any(path.name != LOCK for path in home.iterdir()) and not (home / MARK).exists():
            raise HomeError(f"{home} is not empty and was not made by a demo: name another folder with --home.")
        if entries is not None and entries.resolve().is_relative_to(home.resolve()):
            raise HomeError(f"{entries} is in the demo's own folder {home}: move it, or name another with --home.")
    except OSError as error:
        raise HomeError(f"{home} can't be used: {error.strerror}. Name another folder with --home.") from None


def existing_result(home: Path, options: Mapping[str, Any]) -> dict[str, Any] | None:
    """What the demo in this folder found; None if there is none.

    Raises `HomeError` for a demo with other options, of a file (which may have changed), or that did not finish.
    """
    if not (home / MARK).exists():
        return None
    kept: Any = None
    with suppress(OSError, ValueError):
        kept = json.loads((home / RESULT).read_text(encoding="utf-8"))
    if kept and kept["options"] == options and options["entries"] is None:
        return kept["summary"]
    which = "an earlier demo" if kept else "a demo that did not finish"
    raise HomeError(f"{home} holds {which}: add --fresh to delete it, or name another folder with --home.")


def stored_hours(home: Path) -> Path:
    """Where the hours of a demo lie. Raises `HomeError` if there are none."""
    if not (home / "hours").is_dir():
        raise HomeError(f"{home} holds no hours of a demo: run `audit-assets demo` first, or correct --home.")
    return home / "hours"


def read_demo(home: Path) -> None:
    """Make this process read the hours of the demo in this folder. Raises `HomeError` if there are none."""
    os.environ["AUDIT_ASSETS_STORAGE"] = str(stored_hours(home).absolute())
    apply_accounts(home)


def apply_accounts(home: Path) -> None:
    """The accounts of the demo in this folder, or its one account, and nobody else's."""
    os.environ.pop(ACCOUNTS, None)
    if (home / ACCOUNTS_FILE).exists():
        os.environ[ACCOUNTS] = str((home / ACCOUNTS_FILE).absolute())


def keep_result(home: Path, options: Mapping[str, Any], summary: Mapping[str, Any]) -> None:
    """Keep what a demo found, for the next call with the same options."""
    (home / RESULT).write_text(json.dumps({"options": options, "summary": summary}), encoding="utf-8")


def empty_home(home: Path) -> None:
    """Delete what a demo left in this folder, all but the lock, and mark it as a demo's."""
    try:
        for path in home.iterdir():
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            elif path.name not in (LOCK, MARK):
                path.unlink()
        (home / MARK).touch()
    except OSError as error:
        raise HomeError(f"{home} can't be emptied: {error.strerror}. Name another folder with --home.") from None
