"""How fast an hour is pulled and normalised, compared with a floor, and how much memory it needs.

    python -m audit_assets_tests.benchmarks.pulling [--entries 83000] [--memory-of 83000,500000]

The pages are prepared in a server of their own process, so that what is measured is the client. The floor is taking the
same pages by bare httpx and reading them by bare `json.loads`. All are run by turns, and each figure is the best of
several rounds: others may use the machine, so the processor time of this process stands beside the time that went by.
Waits are skipped: with them, Cloudflare's limit makes it 100 pages at once and then 3 a second
(audit_assets/cloudflare/request_pacing.py).
"""

import argparse
import gzip
import json
import math
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from urllib.parse import parse_qs, urlsplit

import httpx

from audit_assets.cloudflare.audit_log_client import CloudflareClient
from audit_assets.cloudflare.entries import Normalizer
from audit_assets.cloudflare.page_parser import Page, parse_page
from audit_assets_tests.benchmarks.process_memory import peak_memory
from audit_assets_tests.cloudflare.samples import ACCOUNT, AN_HOUR, HOUR, v2_entry
from audit_assets_tests.support import JumpingClock

PAGE = 1_000
PATH = f"accounts/{ACCOUNT}/logs/audit"
MOST_MEMORY = 600
"""MB that the process of an hour of 500,000 entries may have."""

MOST_TIMES = 3.0
"""Times the floor that a pull may take."""

ROUNDS = 3

Cost = tuple[float, float]
"""Seconds that went by, and seconds of this process on the processor."""


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


def best_of_rounds(works: Mapping[str, Callable[[], object]]) -> dict[str, Cost]:
    """The best of each work's rounds. The works take turns, so that what else the machine does meets all alike."""
    best = dict.fromkeys(works, (math.inf, math.inf))
    for _ in range(ROUNDS):
        for name, work in works.items():
            began, processor = time.perf_counter(), time.process_time()
            work()
            took = time.perf_counter() - began, time.process_time() - processor
            best[name] = (min(best[name][0], took[0]), min(best[name][1], took[1]))
    return best


def load_all(bodies: list[bytes]) -> None:
    """Nothing but `json.loads`, of one page after the other."""
    for body in bodies:
        json.loads(body)


def normalise_all(pages: list[Page]) -> None:
    """Normalise pages that were read, one after the other as a pull does."""
    normaliser = Normalizer("v2", ACCOUNT)
    for page in pages:
        normaliser.normalize(page.entries)


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


def report(entries: int, memory_of: Sequence[int]) -> None:
    """Measure and print."""
    with child("--serve", str(entries)) as server:
        address = f"http://127.0.0.1:{next_line_of(server)}/"
        bodies = transfer(address)
        size = sum(map(len, bodies)) / 1e6
        pages = [parse_page(body, "v2", HOUR) for body in bodies]
        works = {
            "bare transfer by httpx": lambda: transfer(address),
            "bare json.loads": lambda: load_all(bodies),
            "normalise": lambda: normalise_all(pages),
            "pull (with all)": lambda: pull(address),
        }
        best = best_of_rounds(works)
    print(f"{entries:,} entries in {len(bodies)} pages, {size:.0f} MB of JSON; each figure is the best of {ROUNDS}\n")
    print(f"{'':24}{'time':>10}{'processor':>12}{'entries/s':>14}")
    for name, (seconds, processor) in best.items():
        print(f"{name:24}{seconds:8.2f} s{processor:10.2f} s{entries / seconds:14,.0f}")
    floor = [sum(best[name][kind] for name in ("bare transfer by httpx", "bare json.loads")) for kind in (0, 1)]
    times = [best["pull (with all)"][kind] / floor[kind] for kind in (0, 1)]
    print(
        f"\npull / floor (transfer and json.loads): {times[0]:.2f} times the time, {times[1]:.2f} times the processor "
        f"time (bound: {MOST_TIMES:g})"
    )
    for count in memory_of:
        before, peak = memory_of_pull(count)
        print(
            f"peak memory of the pull of {count:,} entries: {peak:,.0f} MB, {before:,.0f} MB before it began "
            f"(bound: {MOST_MEMORY} MB)"
        )


def memory_of_pull(entries: int) -> tuple[float, float]:
    """The most memory of a process that pulls so many entries, before the pull and after it, in MB."""
    with child("--serve", str(entries)) as server:
        address = f"http://127.0.0.1:{next_line_of(server)}/"
        with child("--memory", address) as measured:
            before, peak = map(float, next_line_of(measured).split())
    return before, peak


def memory(address: str) -> None:
    """Print the peak memory before and after a pull, in MB."""
    before = peak_memory()
    pull(address)
    print(before, peak_memory(), flush=True)


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description="How fast an hour is pulled and normalised, compared with its floor.")
    parser.add_argument("--entries", type=int, default=83_000, help="entries of the hour")
    parser.add_argument("--memory-of", default="83000,500000", help="entries of the hours whose memory is measured")
    parser.add_argument("--serve", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--memory", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve is not None:
        serve(options.serve)
    elif options.memory:
        memory(options.memory)
    else:
        report(options.entries, [int(count) for count in options.memory_of.split(",")])


if __name__ == "__main__":
    main()
