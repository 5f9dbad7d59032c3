"""A client that pulls from the sandbox."""

from typing import Any

from audit_assets.cloudflare.audit_log_client import CloudflareClient
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
