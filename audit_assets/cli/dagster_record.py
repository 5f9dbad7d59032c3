"""Dagster's record, opened to be read by a command that runs beside Dagster, such as one that cron starts."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from audit_assets.cli.dagster_home import DEV_HOME, INSTANCE, given_home
from audit_assets.config.errors import AuditAssetsError, StoreError

if TYPE_CHECKING:
    from dagster import DagsterInstance

RECORD_FILES = ("dagster.yaml", "history", "schedules", "storage")
"""What a folder holds that Dagster has used as its home."""


class RecordError(StoreError):
    """There is no record, or it can't be read."""


def record_home() -> Path:
    """Where Dagster keeps its record: DAGSTER_HOME, or the folder that `audit-assets dev` uses."""
    return given_home(os.environ) or (DEV_HOME / INSTANCE).absolute()


def has_record() -> bool:
    """Whether there is a record there. None is made."""
    return any((record_home() / name).exists() for name in RECORD_FILES)


@contextmanager
def opened_record() -> Iterator["DagsterInstance"]:
    """The instance, for as long as the block reads it. Raises `RecordError` if there is none, or if it can't be opened
    or read."""
    import dagster as dg

    home = record_home()
    if not has_record():
        raise RecordError(f"{home} holds no record of Dagster's: set DAGSTER_HOME to the folder that Dagster uses.")
    try:
        with dg.DagsterInstance.from_config(str(home)) as instance:
            yield instance
    except AuditAssetsError:
        raise
    except Exception as error:  # a configuration's or a database's, whichever a team has
        raise RecordError(f"Dagster's record in {home} can't be read: {type(error).__name__}.") from None
