"""A PostgreSQL server of the tests' own, without Docker, from the files of the package `postgresql`."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg2

from audit_assets.sandbox.server import bound_socket

USER = "dagster"
PASSWORD = "canary-postgres-7b1e"
FIRST = "postgres"
"""The database that is there from the beginning."""

HASH = "md5"
"""Of passwords. Dagster opens some 400 connections for a run, and scram-sha-256, a server's default, would take a fifth
of the run's time: it is slow so that nobody guesses passwords, of which there is nothing to gain here."""

SERVER_USER = "postgres"
"""PostgreSQL refuses to run as root: the package makes this user."""


@dataclass(frozen=True)
class Postgres:
    """A server that runs, and its port on loopback."""

    port: int

    @property
    def url(self) -> str:
        """Of the database that is there from the beginning."""
        return f"postgresql://{USER}:{PASSWORD}@127.0.0.1:{self.port}/{FIRST}"

    def environment(self, database: str = FIRST) -> dict[str, str]:
        """The variables that the shipped dagster.yaml reads."""
        return {
            "DAGSTER_PG_HOST": "127.0.0.1",
            "DAGSTER_PG_PORT": str(self.port),
            "DAGSTER_PG_USERNAME": USER,
            "DAGSTER_PG_PASSWORD": PASSWORD,
            "DAGSTER_PG_DB": database,
        }

    def create(self, database: str, *, like: str | None = None) -> None:
        """Make a database, as a copy of another one that nobody uses now. Names are the tests' own."""
        self.run(f"CREATE DATABASE {database}" + (f" TEMPLATE {like} STRATEGY file_copy" if like else ""))

    def drop(self, database: str) -> None:
        """Remove a database, whoever is connected."""
        self.run(f"DROP DATABASE {database} WITH (FORCE)")

    def run(self, statement: str) -> None:
        """Carry out a statement that can't be part of a transaction."""
        with closing(
            psycopg2.connect(host="127.0.0.1", port=self.port, user=USER, password=PASSWORD, dbname=FIRST)
        ) as connection:
            connection.autocommit = True
            with connection.cursor() as cursor:
                cursor.execute(statement)


def missing() -> str | None:
    """Why no server can be started here, if none can."""
    if _programs() is None:
        return "PostgreSQL's programs are not here: apt-get install postgresql"
    if os.geteuid() == 0 and shutil.which("id") and subprocess.run(["id", SERVER_USER], capture_output=True).returncode:  # noqa: S603, S607, PLW1510
        return f"PostgreSQL does not run as root, and there is no user {SERVER_USER}"
    return None


@contextmanager
def running_postgres() -> Iterator[Postgres]:
    """Serve until the block ends."""
    programs = _programs()
    assert programs
    folder = Path(tempfile.mkdtemp(prefix="pg-"))
    as_user: dict[str, Any] = {}
    if os.geteuid() == 0:
        shutil.chown(folder, SERVER_USER)
        as_user = {"user": SERVER_USER, "group": SERVER_USER, "extra_groups": []}
    password = folder / "password"
    password.write_text(PASSWORD)
    password.chmod(0o644)
    with bound_socket() as free:
        port = free.getsockname()[1]

    def run(program: str, *arguments: str) -> None:
        command = [programs / program, "-D", folder / "data", *arguments]
        subprocess.run(command, check=True, cwd=folder, stdout=subprocess.DEVNULL, **as_user)  # noqa: S603 - PostgreSQL's own

    options = f"-p {port} -k {folder} -c listen_addresses=127.0.0.1 -c fsync=off -c max_connections=100"
    try:
        run("initdb", "-U", USER, "-A", HASH, f"--pwfile={password}", "-E", "UTF8", "--no-sync")
        run("pg_ctl", "-w", "-o", options, "-l", str(folder / "log"), "start")
        try:
            yield Postgres(port)
        finally:
            run("pg_ctl", "-w", "-m", "immediate", "stop")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _programs() -> Path | None:
    """The folder of the newest version's programs."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: float(path.parts[-3]))
    if found:
        return found[-1].parent
    on_path = shutil.which("initdb")
    return Path(on_path).resolve().parent if on_path else None
