"""Dagster's record, opened to be read by a command that runs beside Dagster, such as one that cron starts."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from audit_assets.config.errors import AuditAssetsError

if TYPE_CHECKING:
    from dagster import DagsterInstance

DEV_HOME = Path(".audit_assets") / "dev" / "dagster"
"""Where `audit-assets dev` has it."""

RECORD_FILES = ("dagster.yaml", "history", "schedules", "storage")
"""What a folder holds that Dagster has used as its home."""


class RecordError(AuditAssetsError):
    """There is no record, or it can't be read."""


def record_home() -> Path:
    """Where the record is: in DAGSTER_HOME, or where `audit-assets dev` has it."""
    given = os.environ.get("DAGSTER_HOME", "").strip()
    return (Path(given).expanduser() if given else DEV_HOME).absolute()


@contextmanager
def opened_record() -> Iterator["DagsterInstance"]:
    """The instance, until the block ends. Raises `RecordError` if there is none or it can't be read; what the block
    finds damaged too."""
    import dagster as dg

    home = record_home()
    if not any((home / name).exists() for name in RECORD_FILES):
        raise RecordError(f"{home} holds no record of Dagster's: set DAGSTER_HOME to the folder that Dagster uses.")
    try:
        with dg.DagsterInstance.from_config(str(home)) as instance:
            yield instance
    except AuditAssetsError:
        raise
    except Exception as error:  # a configuration's or a database's, whichever a team has
        raise RecordError(f"Dagster's record in {home} can't be read ({type(error).__name__}).") from error
