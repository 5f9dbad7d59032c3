"""How fast an hour is pulled and normalised, compared with a floor, and how much memory it needs.

    python -m audit_assets_tests.benchmarks.pulling [--entries 200000]

The pages are prepared in a server of their own process, so that what is measured is the client. Waits are skipped: with
them, Cloudflare's limit makes it 100 pages at once and then 3 a second (audit_assets/cloudflare/request_pacing.py).
"""

import argparse
import gzip
import json
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from urllib.parse import parse_qs, urlsplit

import httpx

from audit_assets.cloudflare.audit_log_client import CloudflareClient
from audit_assets.cloudflare.entries import Normalizer
from audit_assets_tests.cloudflare.samples import ACCOUNT, AN_HOUR, HOUR, v2_entry
from audit_assets_tests.support import JumpingClock

PAGE = 1_000
PATH = f"accounts/{ACCOUNT}/logs/audit"
MOST_MEMORY = 600
"""MB that an hour of 200,000 entries may take in all."""


def page_body(number: int, entries: int) -> bytes:
    """A page as Cloudflare would send it."""
    numbers = range(number * PAGE, min(entries, (number + 1) * PAGE))
    step = AN_HOUR / max(1, entries)
    result = [_entry(each, each * step) for each in numbers]
    more = {"cursor": str(number + 1)} if (number + 1) * PAGE < entries else {}
    return json.dumps(
        {"success": True, "errors": [], "result": result, "result_info": {"count": len(result), **more}}
    ).encode()


def _entry(number: int, after: timedelta) -> dict[str, object]:
    person = f"person-{number % 97:03d}"
    return v2_entry(
        number,
        after,
        actor={"id": f"{number % 97:032x}", "email": f"{person}@example.com"},
        raw={"uri": f"/zones/{number % 31:032x}/dns_records/{number:032x}", "cf_ray_id": f"{number:016x}"},
        resource={
            "id": f"{number:032x}",
            "request": {"type": "A", "name": f"{person}.example.com", "content": "203.0.113.7"},
        },
    )


def serve(entries: int) -> None:
    """Make the pages, print the port, and answer until stopped."""
    pages = [gzip.compress(page_body(number, entries), 1, mtime=0) for number in range(max(1, -(-entries // PAGE)))]

    class Pages(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = 1 << 20  # head and body in one piece, or the client waits for a delayed acknowledgement

        def do_GET(self) -> None:
            query = parse_qs(urlsplit(self.path).query)
            body = pages[int(query.get("cursor", ["0"])[0])]
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Encoding", "gzip")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            """Silence: the terminal is the benchmark's."""

    with HTTPServer(("127.0.0.1", 0), Pages) as server:
        print(server.server_port, flush=True)
        server.serve_forever()


def pull(address: str) -> int:
    """Pull the hour; how many entries it has."""
    with closing(
        CloudflareClient(token="benchmark", account_id=ACCOUNT, base_url=address, clock=JumpingClock())
    ) as client:
        return client.pull("v2", HOUR, HOUR + AN_HOUR).evidence.kept


def transfer(address: str) -> list[bytes]:
    """The same pages, taken and decompressed by bare httpx, and nothing done with them."""
    bodies: list[bytes] = []
    with httpx.Client(base_url=address, trust_env=False) as client:
        cursor: str | None = "0"
        while cursor is not None:
            bodies.append(client.get(PATH, params={"cursor": cursor}).content)
            cursor = str(len(bodies)) if b'"cursor"' in bodies[-1][-60:] else None
    return bodies


def timed(work: Callable[[], object]) -> float:
    """The shorter of two goes, in seconds."""
    goes: list[float] = []
    for _ in range(2):
        began = time.perf_counter()
        work()
        goes.append(time.perf_counter() - began)
    return min(goes)


def normalise(bodies: list[bytes]) -> float:
    """Seconds spent on normalising alone, page by page as a pull does."""
    normaliser, spent = Normalizer("v2", ACCOUNT), 0.0
    for body in bodies:
        members = json.loads(body)["result"]
        began = time.perf_counter()
        normaliser.normalize(members)
        spent += time.perf_counter() - began
    return spent


@contextmanager
def child(*arguments: str) -> Iterator[subprocess.Popen[str]]:
    """This module in a process of its own, stopped at the end."""
    command = [sys.executable, "-m", "audit_assets_tests.benchmarks.pulling", *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:  # noqa: S603 - our own command
        try:
            yield process
        finally:
            process.terminate()


def next_line_of(process: subprocess.Popen[str]) -> str:
    """The child's next line."""
    line = process.stdout.readline() if process.stdout else ""
    if not line:
        raise SystemExit("the child process ended without output")
    return line.strip()


def report(entries: int) -> None:
    """Measure and print."""
    with child("--serve", str(entries)) as server:
        address = f"http://127.0.0.1:{next_line_of(server)}/"
        with child("--memory", address) as measured:
            before, peak = (int(part) / 1024 for part in next_line_of(measured).split())
        bodies = transfer(address)
        size = sum(map(len, bodies)) / 1e6
        print(f"{entries:,} entries in {len(bodies)} pages, {size:.0f} MB of JSON; each figure is the better of two\n")
        floor, pulled = timed(lambda: transfer(address)), timed(lambda: pull(address))
        parsed = timed(lambda: [json.loads(body) and None for body in bodies])
        normalised = min(normalise(bodies), normalise(bodies))
    rows = [
        ("bare transfer by httpx", floor, "floor of pull"),
        ("bare json.loads", parsed, "floor of normalise"),
        ("normalise", normalised, f"{normalised / parsed:.1f} times json.loads"),
        (
            "pull (with both)",
            pulled,
            f"{pulled / floor:.1f} times the transfer, {pulled / (floor + parsed):.1f} with json.loads",
        ),
    ]
    for name, seconds, note in rows:
        print(f"{name:24}{seconds:8.2f} s {entries / seconds:12,.0f} entries/s   {note}")
    print(f"\npeak memory of the pull: {peak:,.0f} MB, {before:,.0f} MB before it began (bound: {MOST_MEMORY} MB)")


def memory(address: str) -> None:
    """Print the peak memory before and after a pull, in kB."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    pull(address)
    print(before, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, flush=True)


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description="How fast an hour is pulled and normalised, compared with its floor.")
    parser.add_argument("--entries", type=int, default=200_000, help="entries of the hour")
    parser.add_argument("--serve", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--memory", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve is not None:
        serve(options.serve)
    elif options.memory:
        memory(options.memory)
    else:
        report(options.entries)


if __name__ == "__main__":
    main()
