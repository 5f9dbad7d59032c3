"""The fuzzers, for as long as you like. Exit 1 if a parser raised what it does not document.

    python -m audit_assets_tests.fuzz [--minutes 10] [PARSER ...]

The minutes are those of each parser; without a name all are fuzzed, two at a time. Half of a parser's time is
Hypothesis's, and half is that of atheris if it is installed (extra `fuzz`), else Hypothesis has all. The first input of
each that falls is printed as Python writes it.
"""

import argparse
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from importlib.util import find_spec

from audit_assets_tests.fuzz.parsers import PARSERS

AT_ONCE = 2
PATIENCE = 120
"""Seconds beyond its time after which a fuzzer is taken to hang, and so its parser."""

ENGINES = ("hypothesis_rounds", "coverage_guided")


@dataclass(frozen=True)
class Outcome:
    """What became of a parser: how long each engine fuzzed it, and what fell."""

    parser: str
    seconds: float
    fell: str = ""


def main(arguments: Sequence[str] | None = None) -> int:
    """Fuzz, and print a line for each parser."""
    asked = _asked(arguments)
    engines = ENGINES if find_spec("atheris") else ENGINES[:1]
    if len(engines) == 1:
        print("atheris is not installed: Hypothesis alone fuzzes.")
    seconds = max(1, round(asked.minutes * 60 / len(engines)))
    with ThreadPoolExecutor(AT_ONCE) as pool:
        outcomes = pool.map(lambda name: fuzz(name, engines, seconds), asked.parsers or PARSERS)
        fallen = [_print(outcome) for outcome in outcomes]
    print(f"{fallen.count(False)} parsers held, {fallen.count(True)} fell.")
    return int(any(fallen))


def fuzz(name: str, engines: Sequence[str], seconds: int) -> Outcome:
    """Fuzz one parser with each engine for so long, in processes of their own: a parser may end its process."""
    began = time.monotonic()
    for engine in engines:
        command = [sys.executable, "-m", f"audit_assets_tests.fuzz.{engine}", name, str(seconds)]
        environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}
        try:
            run = subprocess.run(  # noqa: S603 - our own words
                command,
                capture_output=True,
                text=True,
                errors="replace",
                check=False,
                env=environment,
                timeout=seconds + PATIENCE,
            )
        except subprocess.TimeoutExpired:
            return Outcome(name, time.monotonic() - began, f"{engine} did not end: an input takes for ever.")
        if run.returncode:
            return Outcome(name, time.monotonic() - began, run.stdout.strip() or run.stderr[-4_000:])
    return Outcome(name, time.monotonic() - began)


def _asked(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m audit_assets_tests.fuzz", description="Fuzz the parsers.")
    parser.add_argument("--minutes", type=float, default=10.0, help="of each parser (default: 10)")
    parser.add_argument("parsers", nargs="*", metavar="PARSER", help=", ".join(PARSERS))
    asked = parser.parse_args(arguments)
    if unknown := [name for name in asked.parsers if name not in PARSERS]:
        parser.error(f"there is no parser {unknown[0]!r}: there are {', '.join(PARSERS)}")
    return asked


def _print(outcome: Outcome) -> bool:
    print(f"{outcome.parser}: {'FELL' if outcome.fell else 'held'}, {outcome.seconds:.0f} s", flush=True)
    if outcome.fell:
        print(outcome.fell, flush=True)
    return bool(outcome.fell)


if __name__ == "__main__":
    sys.exit(main())
