"""How fast events leave for Axiom, compared with a floor: only gzip and POST of the same bytes.

    python -m audit_assets_tests.benchmarks.ingesting [--events 83000]

The entries are those of the benchmark of pulling. Both send to a bare sink in a process of its own, which reads, counts
and acknowledges, so that no database is in the figures. They take turns, and each figure is the best of several rounds;
the processor time of this process stands beside the time that went by, since others may use the machine. Memory is
measured in a process that sends an hour from the store, by parts as the pipeline does.
"""

import argparse
import gzip
import json
import multiprocessing
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from multiprocessing.connection import Connection

import httpx
import polars as pl

from audit_assets.axiom.client import AxiomClient
from audit_assets.axiom.events import events_from
from audit_assets.axiom.ingest_batches import COMPRESSION, batches
from audit_assets.cloudflare.compressed_hours import CompressedHour
from audit_assets.cloudflare.entries import Normalizer
from audit_assets.cloudflare.page_parser import parse_page
from audit_assets.storage.hour_store import ROWS_AT_ONCE, HourStore
from audit_assets.storage.tables import ENTRIES
from audit_assets_tests.benchmarks.process_memory import peak_memory
from audit_assets_tests.benchmarks.pulling import PAGE, ROUNDS, best_of_rounds, page_body
from audit_assets_tests.cloudflare.samples import ACCOUNT, HOUR

MOST_TIMES = 1.5
"""Times the floor that an ingest may take."""

NOTHING = json.dumps({"status": {"isPartial": False, "rowsMatched": 0}, "tables": []}).encode()


class Sink(BaseHTTPRequestHandler):
    """Acknowledges every batch and knows no event."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        answer = NOTHING if self.path.startswith("/v1/datasets/_apl") else receipt(body)
        self.send_response_only(200)
        self.send_header("content-length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)


def receipt(body: bytes) -> bytes:
    """As Axiom acknowledges a batch that is NDJSON without a last line end."""
    whole = gzip.decompress(body)
    return json.dumps(
        {
            "ingested": whole.count(b"\n") + 1,
            "failed": 0,
            "failures": [],
            "processedBytes": len(whole),
            "blocksCreated": 0,
            "walLength": 1,
        }
    ).encode()


def serve(port: Connection) -> None:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Sink)
    port.send(server.server_address[1])
    server.serve_forever()


@contextmanager
def sink() -> Iterator[str]:
    """The address of a sink in its own process."""
    here, there = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(target=serve, args=(there,), daemon=True)
    process.start()
    try:
        yield f"http://127.0.0.1:{here.recv()}"
    finally:
        process.terminate()
        process.join()


def entries_of_pages(count: int) -> Iterator[pl.DataFrame]:
    """The entries of the benchmark of pulling, a page at a time."""
    normaliser = Normalizer("v2", ACCOUNT)
    for number in range(-(-count // PAGE)):
        yield normaliser.normalize(parse_page(page_body(number, count), "v2", HOUR).entries)[0]


def send_ours(url: str, parts: Iterable[pl.DataFrame]) -> None:
    """As the pipeline sends an hour."""
    with AxiomClient(token="xaat-x", dataset="x", url=url) as axiom:
        for part in parts:
            axiom.ingest(events_from(part))


def send_bare(url: str, bodies: list[bytes]) -> None:
    """Nothing but compressing and sending."""
    with httpx.Client(base_url=url, trust_env=False) as http:
        for body in bodies:
            http.post("/v1/datasets/x/ingest", content=gzip.compress(body, COMPRESSION, mtime=0)).raise_for_status()


def memory(url: str, folder: str) -> None:
    """Print the peak memory before and after the stored hour is sent, in MB."""
    before = peak_memory()
    send_ours(url, HourStore(folder).parts(ENTRIES, HOUR))
    print(before, peak_memory())


def memory_of_ingest(url: str, count: int) -> tuple[float, float]:
    """The most memory of a process that sends so many stored entries, before and after, in MB."""
    with tempfile.TemporaryDirectory() as folder:
        hour = CompressedHour()
        for page in entries_of_pages(count):
            hour.add(page)
        HourStore(folder).write(ENTRIES, HOUR, hour.entries())
        command = [sys.executable, "-m", "audit_assets_tests.benchmarks.ingesting", "--memory", url, folder]
        printed = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout  # noqa: S603 - our own
    before, peak = map(float, printed.split())
    return before, peak


def report(count: int, memory_of: Sequence[int]) -> None:
    """Measure and print."""
    parts = [*pl.concat(entries_of_pages(count)).iter_slices(ROWS_AT_ONCE)]
    bodies = [gzip.decompress(batch.body) for part in parts for batch in batches(events_from(part))]
    sent = sum(map(len, bodies)) / 1e6
    with sink() as url:
        works = {"ingest": lambda: send_ours(url, parts), "bare gzip and POST": lambda: send_bare(url, bodies)}
        best = best_of_rounds(works)
        print(f"{count:,} events, {sent:,.0f} MB of NDJSON in {len(bodies)} batches; the best of {ROUNDS} rounds\n")
        print(f"{'':24}{'time':>10}{'processor':>12}{'events/s':>14}")
        for name, (seconds, processor) in best.items():
            print(f"{name:24}{seconds:8.2f} s{processor:10.2f} s{count / seconds:14,.0f}")
        times = [ours / floor for ours, floor in zip(*best.values(), strict=True)]
        print(
            f"\ningest / floor (gzip and POST): {times[0]:.2f} times the time, {times[1]:.2f} times the processor time "
            f"(bound: {MOST_TIMES:g})"
        )
        for each in memory_of:
            before, peak = memory_of_ingest(url, each)
            print(f"peak memory of the ingest of {each:,} entries: {peak:,.0f} MB, {before:,.0f} MB before it began")


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description="Measure ingest compared with its floor.")
    parser.add_argument("--events", type=int, default=83_000)
    parser.add_argument("--memory-of", default="83000,500000", help="entries of the hours whose memory is measured")
    parser.add_argument("--memory", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.memory:
        memory(*options.memory)
    else:
        report(options.events, [int(count) for count in options.memory_of.split(",")])


if __name__ == "__main__":
    main()
