"""A server that speaks S3, and a client that steers it."""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import Any

import httpx

from audit_assets.sandbox.fault_plan import Fault
from audit_assets_tests.servers.s3_process import CONTROL

SECRET = "canary-4f1d8c0b77aa"


@dataclass(frozen=True)
class S3Server:
    """A server that runs, on a port of loopback."""

    port: int

    @property
    def url(self) -> str:
        """Its address."""
        return f"http://127.0.0.1:{self.port}"

    def environment(self) -> dict[str, str]:
        """The variables that its clients read."""
        return {
            "AWS_ACCESS_KEY_ID": "an-id",
            "AWS_SECRET_ACCESS_KEY": SECRET,
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_ENDPOINT_URL": self.url,
        }

    def bucket(self, name: str) -> "Bucket":
        """One of its buckets."""
        return Bucket(self, name)


@dataclass(frozen=True)
class Bucket:
    """A bucket, whether it is there or not."""

    server: S3Server
    name: str

    def add(self, fault: Fault) -> None:
        """Let a request fail."""
        self._steer("POST", asdict(fault))

    def clear(self) -> None:
        """Let nothing fail any more, and forget what was asked."""
        self._steer("DELETE")

    def calls(self) -> list[str]:
        """The kinds of requests since the last `clear`."""
        return self._steer("GET")["calls"]

    def pending(self) -> list[dict[str, Any]]:
        """The faults that are still to come."""
        return self._steer("GET")["pending"]

    def _steer(self, method: str, content: Any = None) -> dict[str, Any]:
        sent = None if content is None else json.dumps(content)
        with httpx.Client(trust_env=False, timeout=30) as client:
            return (
                client.request(method, f"{self.server.url}{CONTROL}{self.name}", content=sent).raise_for_status().json()
            )


@contextmanager
def running_s3() -> Iterator[S3Server]:
    """Serve until the block ends, in a process of its own: it takes a good part of a core."""
    command = [sys.executable, "-m", "audit_assets_tests.servers.s3_process"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:  # noqa: S603 - our own
        assert process.stdin
        assert process.stdout
        try:
            yield S3Server(int(process.stdout.readline()))
        finally:
            process.stdin.close()
