"""Dagster's own database, of each kind that this project runs on."""

import uuid
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import psycopg2
import pytest

from audit_assets_tests.pipeline import Pipeline
from audit_assets_tests.servers import postgres


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[postgres.Postgres]:
    """One for all tests, each of which has a database of its own."""
    if why := postgres.missing():
        pytest.skip(why)
    with postgres.running_postgres() as server:
        yield server


@pytest.fixture(params=["sqlite", "postgres"])
def recorded(request: pytest.FixtureRequest, pipeline: Pipeline, tmp_path: Path) -> Iterator[Pipeline]:
    """The pipeline with Dagster's record in a database."""
    home = tmp_path / "dagster"
    home.mkdir()
    settings = "telemetry: {enabled: false}\n"
    if request.param == "postgres":
        settings += f"storage: {{postgres: {{postgres_url: {_new_database(request)}}}}}\n"
    (home / "dagster.yaml").write_text(settings)
    with dg.DagsterInstance.from_config(str(home)) as instance:
        pipeline.instance = instance
        yield pipeline


def _new_database(request: pytest.FixtureRequest) -> str:
    server: postgres.Postgres = request.getfixturevalue("postgres_server")
    name = f"dagster_{uuid.uuid4().hex}"
    connection = psycopg2.connect(server.url)
    connection.autocommit = True
    connection.cursor().execute(f"CREATE DATABASE {name}")
    connection.close()
    return server.url.removesuffix("postgres") + name
