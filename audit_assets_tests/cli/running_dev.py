"""`audit-assets dev` as a process of its own, for tests that use it as a person or as somebody else's page does."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx

from audit_assets.config.settings_table import SETTINGS
from audit_assets.guard.start_token import PARAMETER
from audit_assets.sandbox.server import bound_socket
from audit_assets_tests.support import bearer


@dataclass(frozen=True)
class RunningDev:
    """The two addresses that it printed, with the token."""

    ui: str
    tickets: str

    @property
    def url(self) -> str:
        """The address without the token."""
        return "http://" + urlsplit(self.ui).netloc

    @property
    def token(self) -> str:
        return parse_qs(urlsplit(self.ui).query)[PARAMETER][0]

    def graphql(self, query: str) -> dict[str, Any]:
        """The answer to a program that has the token."""
        body = {"query": query}
        reply = httpx.post(f"{self.url}/graphql", json=body, headers=bearer(self.ui), timeout=60, trust_env=False)
        return reply.raise_for_status().json()["data"]


@contextmanager
def running_dev(folder: Path) -> Iterator[RunningDev]:
    """Run it in this folder, on all services of the sandbox, until the block ends."""
    clean = {name: value for name, value in os.environ.items() if name not in SETTINGS and name != "DAGSTER_HOME"}
    with bound_socket() as free:
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "audit_assets", "dev", "--sandbox", "cloudflare,axiom,linear"]
    with subprocess.Popen(  # noqa: S603 - our own
        [*command, "--home", "home", "--port", str(port)], cwd=folder, env=clean, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stdout
            addresses = re.findall(r"http://\S+", process.stdout.readline() + process.stdout.readline())
            yield RunningDev(ui=addresses[1], tickets=addresses[0])
        finally:
            process.terminate()
            process.wait(timeout=60)
