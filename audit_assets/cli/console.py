"""The two consoles of the command line: results on standard output, progress and errors on standard error."""

import json
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any

from rich.console import Console, ConsoleOptions, RenderableType
from rich.live import Live
from rich.segment import Segment
from rich.spinner import Spinner
from rich.text import Text

from audit_assets.transport.untrusted_text import visible_lines


class SafeConsole(Console):
    """A terminal on which no text is more than text: what would move its cursor or hide something is written out."""

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        for segment in super().render(renderable, options):
            yield segment if segment.control else segment._replace(text=visible_lines(segment.text))


PIPE_SECONDS = 15.0
"""Between two lines of progress where nobody looks at a terminal."""

output = SafeConsole(highlight=False)
progress = SafeConsole(stderr=True, highlight=False)


def print_json(value: Any) -> None:
    """Print a value for other programs, and nothing else."""
    print(json.dumps(value, indent=1))


@dataclass(frozen=True)
class HoursDone:
    """How many hours a step is about, and how many of them are done now."""

    total: int
    count: Callable[[], int]


@contextmanager
def step(
    text: str, count_requests: Callable[[], Counter[tuple[str, str]]], hours: HoursDone | None = None
) -> Iterator[None]:
    """Show what is in progress, how far it is, and at the end how long it took: moving in a terminal, else in a line
    now and then.

    `count_requests` returns how many were made so far, by service and call.
    """
    started = time.monotonic()
    before = count_requests()

    def status() -> str:
        elapsed = time.monotonic() - started
        return describe_progress(hours.count(), hours.total, elapsed) if hours else f"{elapsed:.0f} s"

    def moving() -> str:
        calls = count_requests() - before
        requests = ", ".join(f"{count} {service} {call}" for (service, call), count in sorted(calls.items()))
        return f"{text} … {status()}" + (f" (requests: {requests})" if requests else "")

    if progress.is_terminal:
        spinner = Spinner("dots")

        def show() -> Spinner:
            spinner.update(text=Text(moving()))
            return spinner

        with Live(get_renderable=show, console=progress, transient=True, refresh_per_second=4):
            yield
    else:
        progress.print(Text(f"{text} …"))
        with printed_now_and_then(lambda: f"{text}: {status()}") if hours else nullcontext():
            yield
    progress.print(Text(f"{text}: {time.monotonic() - started:.1f} s"))


def describe_progress(done: int, total: int, elapsed: float) -> str:
    """`312 of 738 h, about 40 s left`; without an estimate before a twentieth is done."""
    done = max(0, min(done, total))
    if done * 20 < total:
        return f"{done:,} of {total:,} h"
    left = elapsed * (total - done) / done
    return f"{done:,} of {total:,} h, about {f'{left:.0f} s' if left < 100 else f'{left / 60:.0f} min'} left"


@contextmanager
def printed_now_and_then(status: Callable[[], str]) -> Iterator[None]:
    """Print a line every PIPE_SECONDS until the block ends: whoever reads a log has no use for more."""
    ended = threading.Event()

    def print_lines() -> None:
        while not ended.wait(PIPE_SECONDS):
            progress.print(Text(status()))

    printing = threading.Thread(target=print_lines, daemon=True)
    printing.start()
    try:
        yield
    finally:
        ended.set()
        printing.join()
