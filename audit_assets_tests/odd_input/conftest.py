"""The sandbox and the client of the tests of Cloudflare."""

from audit_assets_tests.cloudflare.conftest import client, sandbox, served

__all__ = ["client", "sandbox", "served"]
