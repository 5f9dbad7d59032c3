"""The world of the benchmark of the hour: a sandbox in a process of its own, with a fortnight of small history.

    python -m audit_assets_tests.benchmarks.hour_world --hours 10 --entries 50 [--abuse]

Prints where it is and the settings of its services as JSON, and serves until it is stopped. `hour.py` starts it.
"""

import argparse
import json
import tempfile
import threading
from collections.abc import Iterator
from datetime import timedelta
from itertools import chain
from pathlib import Path
from typing import Any

from audit_assets.sandbox.sandbox_clock import SandboxClock
from audit_assets.sandbox.server import Sandbox, serve_sandbox
from audit_assets_tests.cloudflare.samples import AN_HOUR, HOUR, v2_entry
from audit_assets_tests.support import clock_address

HISTORY = timedelta(days=14)
"""Of the sandbox's past before HOUR, the first hour that is judged."""

ENTRIES_OF_HISTORY = 6
"""In each of its hours."""

PEOPLE, TYPES, ZONES = 40, 12, 31

TOKEN = {"token_id": "0" * 32, "token_name": "deploy", "context": "api_token"}

NUMBERS_OF_AN_HOUR = 1_000_003
"""So far apart are the numbers of the entries of two hours; no multiple of PEOPLE, so that all have their turn."""


def quiet_hour(place: int, count: int) -> Iterator[dict[str, Any]]:
    """So many entries of the usual kind, in the hour that begins `place` hours after HOUR."""
    first = (place + HISTORY // AN_HOUR) * NUMBERS_OF_AN_HOUR
    for turn in range(count):
        number = first + turn
        person = number % PEOPLE
        yield v2_entry(
            number,
            after=AN_HOUR * place + AN_HOUR * turn / count,
            actor={"id": f"{person:032x}", "email": f"person-{person:03d}@example.com"},
            raw={"uri": f"/zones/{number % ZONES:032x}/dns_records/{number:032x}", "cf_ray_id": f"{number:016x}"},
            resource={
                "id": f"{number:032x}",
                "type": f"type_{person % TYPES}",
                "request": {"type": "A", "name": f"person-{person:03d}.example.com", "content": "203.0.113.7"},
            },
        )


def judged_hour(place: int, count: int, *, abuse: bool) -> Iterator[dict[str, Any]]:
    """The same, but one person touches a new resource type. With abuse a token makes every other entry."""
    for turn, entry in enumerate(quiet_hour(place, count)):
        if turn == 0:
            entry["resource"]["type"] = f"new_type_{place}"
        if abuse and turn % 2:
            entry["actor"] |= TOKEN
        yield entry


def serve(hours: int, entries: int, *, abuse: bool) -> None:
    """Serve until stopped, with so many hours just settled."""
    past = (quiet_hour(place, ENTRIES_OF_HISTORY) for place in range(-(HISTORY // AN_HOUR), 0))
    judged = (judged_hour(place, entries, abuse=abuse) for place in range(hours))
    with tempfile.TemporaryDirectory() as folder:
        sandbox = Sandbox(Path(folder), clock=SandboxClock(HOUR + AN_HOUR * hours + timedelta(minutes=20)))
        sandbox.cloudflare.add("v2", chain.from_iterable(chain(past, judged)))
        with serve_sandbox(sandbox):
            print(json.dumps({"url": clock_address(sandbox), "settings": sandbox.environment()}), flush=True)
            threading.Event().wait()


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description="Serve what the benchmark of the hour is measured on.")
    parser.add_argument("--hours", type=int, required=True, help="that are judged")
    parser.add_argument("--entries", type=int, required=True, help="in each of them")
    parser.add_argument("--abuse", action="store_true", help="half of them by a token that was never seen before")
    options = parser.parse_args()
    serve(options.hours, options.entries, abuse=options.abuse)


if __name__ == "__main__":
    main()
