"""Answers that would fill the memory or never end, through each client: bounded in bytes and in seconds.

The client runs in a process of its own, so that its peak of memory is its own.
"""

import json
import socket
import subprocess
import sys
import zlib
from contextlib import ExitStack

import pytest

from audit_assets_tests.transport.test_http import Answer, dripping, plain, serving, silent

MOST_MEMORY = 512 * 1024 * 1024
PATIENCE = 1.5
"""Seconds that a client has for an answer; docs/facts/reliability.md, 5, aims at less than twice that."""

PROBE = """
import json, re, resource, sys, time
from datetime import UTC, datetime
from audit_assets.axiom.limits import AxiomLimits
from audit_assets.axiom.client import AxiomClient
from audit_assets.cloudflare.audit_log_client import CloudflareClient
from audit_assets.config.errors import ServiceError
from audit_assets.linear.client import LinearClient
from audit_assets.transport.http import HttpLimits

def peak():
    try:  # of this program alone: what getrusage says includes the process that it was forked from
        return int(re.search(r"VmHWM:\\s+([0-9]+) kB", open("/proc/self/status").read())[1]) * 1024
    except OSError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024

service, patience, *addresses = sys.argv[1:]
limits = HttpLimits(attempts=1, attempt_seconds=float(patience), overload_attempts=1)
axiom_limits = AxiomLimits(attempts=1, sends=1, attempt_seconds=float(patience), visibility_seconds=0)
hour, after = datetime(2026, 11, 22, 9, tzinfo=UTC), datetime(2026, 11, 22, 10, tzinfo=UTC)

def ask(url):
    if service == "cloudflare":
        CloudflareClient(token="t" * 40, account_id="a" * 32, base_url=url, limits=limits).probe("v2")
    elif service == "axiom":
        AxiomClient(token="xaat-t", dataset="d", url=url, limits=axiom_limits).organisation_hours(hour, after)
    else:
        LinearClient(api_key="lin_api_t", team_key="SEC", url=url, limits=limits).check()

for url in addresses:
    began, message = time.monotonic(), ""
    try:
        ask(url)
    except ServiceError as error:
        message = str(error)
    print(json.dumps([message, time.monotonic() - began, peak()]), flush=True)
"""

BLOCK = 16 * 1024 * 1024


def bomb(connection: socket.socket) -> None:
    """4 GiB of zeros in 4 MB of gzip."""
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    head = packer.compress(b"") + packer.flush(zlib.Z_FULL_FLUSH)
    block = packer.compress(bytes(BLOCK)) + packer.flush(zlib.Z_FULL_FLUSH)
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nConnection: close\r\n\r\n" + head)
    for _ in range(256):
        connection.sendall(block)


def endless(connection: socket.socket) -> None:
    """Zeros, for as long as anybody listens."""
    connection.sendall(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n")
    while True:
        connection.sendall(bytes(1024 * 1024))


def endless_head(connection: socket.socket) -> None:
    """Headers without an end."""
    connection.sendall(b"HTTP/1.1 200 OK\r\n")
    for number in range(10**6):
        connection.sendall(f"X-{number}: {'a' * 1000}\r\n".encode())


HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n"
TRIALS: dict[str, Answer] = {
    "a bomb": bomb,
    "a body without end": endless,
    "a head without end": endless_head,
    "a dripping body": dripping(b"{" * 1000, before=HEAD),
    "a dripping head": dripping(b"a" * 1000, before=b"HTTP/1.1 200 OK\r\nX-A: "),
    "silence": silent(2 * PATIENCE),
    "a body nested without end": plain(b"[" * 1_000_000),
}


@pytest.mark.parametrize("service", ["cloudflare", "axiom", "linear"])
def test_no_answer_takes_more_than_its_limits_of_time_and_memory(service: str) -> None:
    with ExitStack() as stack:
        addresses = [stack.enter_context(serving(answer))[0] for answer in TRIALS.values()]
        ran = subprocess.run(  # noqa: S603 - our own
            [sys.executable, "-c", PROBE, service, str(PATIENCE), *addresses],
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
    results = [json.loads(line) for line in ran.stdout.splitlines()]
    assert len(results) == len(TRIALS), ran.stderr
    for name, (message, seconds, peak) in zip(TRIALS, results, strict=True):
        assert message.lower().startswith(service), name
        assert seconds < 2 * PATIENCE, name
        assert peak < MOST_MEMORY, name
