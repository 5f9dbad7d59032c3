"""How fast events leave for Axiom, compared with a floor: only gzip and POST of the same bytes.

    python -m audit_assets_tests.benchmarks.ingesting [--events 50000]

Both send to a bare sink in a process of its own, which reads, counts and acknowledges, so that no database is in
the figures. Peak memory is this process's own, entries and all.
"""

import argparse
import gzip
import json
import multiprocessing
import resource
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from multiprocessing.connection import Connection

import httpx
import polars as pl

from audit_assets.axiom.client import AxiomClient
from audit_assets.axiom.events import events_from
from audit_assets.axiom.ingest_batches import COMPRESSION, batches
from audit_assets.cloudflare.entries import ENTRY_SCHEMA

HOUR = datetime(2026, 11, 20, 10, tzinfo=UTC)

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


def some_entries(count: int) -> pl.DataFrame:
    """Entries of one hour, about as wide as Cloudflare's."""
    number = pl.int_range(count)
    letters = pl.concat_str(pl.lit("entry "), number.cast(pl.String))
    known = {
        "entry_id": letters.hash(1).cast(pl.String).str.zfill(64),
        "native_id": letters.hash(2).cast(pl.String),
        "time": pl.lit(HOUR) + number * timedelta(hours=1) / count,
        "actor_key": (number % 50).cast(pl.String).str.zfill(32),
        "actor": pl.lit("someone@example.com"),
        "user_agent": pl.lit("Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0"),
        "resource_type": pl.concat_str(pl.lit("type_"), (number % 20).cast(pl.String)),
        "is_change": pl.lit(value=True),
        "raw": pl.concat_str(pl.lit('{"path":"/zones/'), letters.hash(3), pl.lit('","body":"' + "x y " * 300 + '"}')),
    }
    columns = [known.get(name, pl.lit(None)).cast(dtype).alias(name) for name, dtype in ENTRY_SCHEMA.items()]
    return pl.select(number.alias("number")).select(columns)


def seconds(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def send_bare(url: str, bodies: list[bytes]) -> None:
    """Nothing but compressing and sending."""
    with httpx.Client(base_url=url, trust_env=False) as http:
        for body in bodies:
            http.post("/v1/datasets/x/ingest", content=gzip.compress(body, COMPRESSION, mtime=0)).raise_for_status()


def main(count: int) -> None:
    entries = some_entries(count)
    with sink() as url:
        with AxiomClient(token="xaat-x", dataset="x", url=url) as axiom:
            ours = seconds(lambda: axiom.ingest(events_from(entries)))
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        bodies = [gzip.decompress(batch.body) for batch in batches(events_from(entries))]
        least = seconds(lambda: send_bare(url, bodies))
    sent = sum(map(len, bodies)) / 1e6
    print(f"{count:,} events, {sent:,.0f} MB of NDJSON in {len(bodies)} batches")
    print(f"ingest: entries to acknowledged events   {count / ours:>9,.0f} events/s   {sent / ours:>6,.0f} MB/s")
    print(f"floor:  bare gzip and POST by httpx      {count / least:>9,.0f} events/s   {sent / least:>6,.0f} MB/s")
    print(f"ratio:  {ours / least:.2f} times the floor; peak memory {peak:,.0f} MB")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Measure ingest compared with its floor.")
    parser.add_argument("--events", type=int, default=50_000)
    main(parser.parse_args().events)
