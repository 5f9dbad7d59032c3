"""Connections to Dagster's database."""

import gc

import pytest

from audit_assets_tests.defs.automation.old_runs import FIRST, request
from audit_assets_tests.pipeline import Pipeline

OPEN = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"


@pytest.mark.parametrize("recorded", ["postgres"], indirect=True)
def test_no_connection_to_postgresql_waits_for_the_garbage_collector(recorded: Pipeline) -> None:
    """Ours looks rarely, and a server of 100 connections was full after four runs, with a Dagster that had left it to
    it."""
    gc.disable()
    try:
        request(recorded, FIRST, attempt=1)
        with recorded.instance.event_log_storage.index_connection() as connection:  # pyright: ignore[reportAttributeAccessIssue]
            left = connection.exec_driver_sql(OPEN).scalar_one()
    finally:
        gc.enable()
    assert left == 0
