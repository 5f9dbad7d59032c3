"""A client that pulls from the sandbox, and all that it pulled."""

from typing import Any

import polars as pl

from audit_assets.cloudflare.audit_log_client import CloudflareClient
from audit_assets.cloudflare.entries import ENTRY_SCHEMA
from audit_assets.cloudflare.pulls import Pull
from audit_assets.sandbox.server import Sandbox
from audit_assets_tests.support import JumpingClock


def client_of(sandbox: Sandbox, clock: JumpingClock, **options: Any) -> CloudflareClient:
    """A client with the sandbox's settings; `options` take the place of some."""
    settings = sandbox.environment()
    usual = {
        "token": settings["CLOUDFLARE_API_TOKEN"],
        "account_id": settings["CLOUDFLARE_ACCOUNT_ID"],
        "base_url": settings["CLOUDFLARE_API_URL"],
        "clock": clock,
    }
    return CloudflareClient(**usual | options)


def entries_in(pull: Pull) -> pl.DataFrame:
    """All entries of a pull in one frame in ENTRY_SCHEMA, by time."""
    return pl.concat([ENTRY_SCHEMA.to_frame().lazy(), *map(pull.entries_of, sorted(pull.hours))]).collect()
