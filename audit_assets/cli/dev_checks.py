"""What `audit-assets dev` checks before it starts anything: the settings, the port, the folders."""

import os
import socket
from collections.abc import Callable, Collection, Iterator
from functools import partial
from pathlib import Path

from audit_assets.cli.home_lock import HomeError
from audit_assets.config.errors import AuditAssetsError, SettingError
from audit_assets.config.policy import policy
from audit_assets.config.settings import dry_run, is_set, typed, variable_of
from audit_assets.config.settings_table import SETTINGS
from audit_assets.defs.steps.watch_rules import load_watch_rules
from audit_assets.storage.file_modes import PRIVATE_FOLDER
from audit_assets.storage.hour_store import HourStore

HOST = "127.0.0.1"


def setting_problems(sandboxed: Collection[str]) -> Iterator[str]:
    """A sentence for each setting that is missing or malformed; none of those of services from the sandbox."""
    for name, known in SETTINGS.items():
        service = name.split("_")[0].lower()
        if service in sandboxed:
            continue
        if not is_set(name):
            if service != "linear" or not dry_run():
                remedy = f"set it to the {known.meaning}, or add {service} to --sandbox."
                yield f"{variable_of(name)} is not set: {remedy}"
            continue
        yield from _problem_of(partial(typed, name))
    yield from _problem_of(policy)
    yield from _problem_of(load_watch_rules)


def check_port(port: int) -> None:
    """Raises `SettingError` if the port can't be listened on."""
    try:
        socket.create_server((HOST, port)).close()
    except OSError as error:
        reason = os.strerror(error.errno or 0)
        raise SettingError(f"{HOST}:{port} can't be listened on ({reason}): choose another --port.") from None


def check_store(address: str) -> None:
    """Raises `AuditAssetsError` if hours can't be stored there."""
    HourStore(address).check()


def check_dagster_home(folder: Path) -> None:
    """Make Dagster's folder if necessary. Raises `HomeError` if it can't be written."""
    try:
        folder.mkdir(PRIVATE_FOLDER, parents=True, exist_ok=True)
        probe = folder / ".probe"
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise HomeError(f"DAGSTER_HOME is {folder}, which can't be used: {error.strerror}. Set another.") from None


def _problem_of(read: Callable[[], object]) -> Iterator[str]:
    try:
        read()
    except AuditAssetsError as error:
        yield str(error)
