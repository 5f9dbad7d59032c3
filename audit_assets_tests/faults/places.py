"""Where the runs of a trial keep what they write: on one machine, or on PostgreSQL and an S3 server.

A place gives each world a store and a Dagster home of its own, which begin as the past left them. Values only, so that
other processes get a place too.
"""

import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Protocol
from unittest.mock import patch
from uuid import uuid4

import fsspec

from audit_assets.cli.dagster_home import instance_home
from audit_assets_tests.faults.points import NAMED, NAMED_ON_S3
from audit_assets_tests.servers.postgres import Postgres
from audit_assets_tests.servers.s3 import Bucket, S3Server

PAST = "past"
"""The database and the bucket that worlds begin from."""

TEAM = "team"
"""The folder of the hours in a bucket."""

Settings = dict[str, str]


class Place(Protocol):
    """Where it is."""

    @property
    def named(self) -> tuple[str, ...]:
        """Points at which a run can be killed there, one of each kind."""
        ...

    def opened(self, folder: Path) -> AbstractContextManager[tuple[Settings, Bucket | None]]:
        """The settings of a world's store and of its Dagster, for as long as it lasts, and the bucket if there is one.
        `folder`: the world's, with what the past's had in it."""
        ...

    def keep(self, settings: Settings) -> None:
        """Let other worlds begin from what this one has, once nothing of it is open."""
        ...


@dataclass(frozen=True)
class OneMachine:
    """SQLite, and the hours in a folder: all of it is in the world's folder."""

    named: tuple[str, ...] = NAMED

    @contextmanager
    def opened(self, folder: Path) -> Iterator[tuple[Settings, None]]:
        yield {"AUDIT_ASSETS_STORAGE": str(folder / "hours"), "DAGSTER_HOME": str(instance_home(folder))}, None

    def keep(self, settings: Settings) -> None:
        """The folder is kept, and nothing else was written."""


@dataclass(frozen=True)
class Servers:
    """A database and a bucket for each world, with the shipped configuration of a deployment."""

    postgres: Postgres
    s3: S3Server
    named: tuple[str, ...] = NAMED_ON_S3

    @contextmanager
    def opened(self, folder: Path) -> Iterator[tuple[Settings, Bucket]]:
        name = f"world{uuid4().hex}"
        home = folder / "dagster"
        like = PAST if home.exists() else None
        home.mkdir(exist_ok=True)
        (home / "dagster.yaml").write_text((files("audit_assets.deploy") / "dagster.yaml").read_text())
        self.postgres.create(name, like=like)
        with patch.dict(os.environ, self.s3.environment()):  # of whoever looks at what the runs left behind
            files_of = _bucket(name, like=like)
            bucket = self.s3.bucket(name)
            bucket.clear()
            settings = {
                **self.postgres.environment(name),
                **self.s3.environment(),
                "AUDIT_ASSETS_STORAGE": f"s3://{name}/{TEAM}",
                "DAGSTER_HOME": str(home),
            }
            yield settings, bucket
            bucket.clear()
            files_of.rm(name, recursive=True)
        self.postgres.drop(name)

    def keep(self, settings: Settings) -> None:
        self.postgres.create(PAST, like=settings["DAGSTER_PG_DB"])
        _bucket(PAST, like=settings["DAGSTER_PG_DB"])


def _bucket(name: str, *, like: str | None) -> "fsspec.AbstractFileSystem":
    """The file system of a new bucket, a copy of another one."""
    fsspec.get_filesystem_class("s3").clear_instance_cache()  # other tests of this process have other servers
    system = fsspec.filesystem("s3")
    system.mkdir(name)
    if like:
        for path in system.find(f"{like}/{TEAM}"):
            system.copy(path, f"{name}{path.removeprefix(like)}")
    return system
